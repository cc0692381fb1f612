package pipeline

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
)

// TestKafkaIsAwaited starts before its broker is there.
func TestKafkaIsAwaited(t *testing.T) {
	t.Parallel()
	const nobody = "127.0.0.1:1"
	client, err := kgo.NewClient(kgo.SeedBrokers(nobody))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var text bytes.Buffer
	ctx, stop := context.WithTimeoutCause(t.Context(), time.Second, errors.New("told to stop"))
	defer stop()
	err = awaitKafka(ctx, client, config.Kafka{Brokers: []string{nobody}}, slog.New(slog.NewTextHandler(&text, nil)))
	if err == nil || !strings.Contains(err.Error(), "told to stop") {
		t.Errorf("got %v, want the stop's cause", err)
	}
	if !strings.Contains(text.String(), "check kafka.brokers") || !strings.Contains(text.String(), nobody) {
		t.Errorf("the log says %q", text.String())
	}
}
