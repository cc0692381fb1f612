package integration

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka"
	"github.com/sellerstream/sellerstream/test/parts"
)

// TestPlainClientReadsTheDefaultCodec has a client without packages for codecs read
// what clients of the default configuration write. That it cannot read Snappy shows
// that it has no such package.
func TestPlainClientReadsTheDefaultCodec(t *testing.T) {
	python := parts.Python(t, "testdata/kafkapython/requirements.txt")
	cfg := config.Default().Kafka
	cfg.Brokers = parts.Kafka(t)
	read := func(codec string) (printed, written string, err error) {
		cfg.Compression = codec
		prefix := fmt.Sprintf("it-%d.", time.Now().UnixNano())
		t.Cleanup(func() { removeTopics(t, cfg.Brokers, prefix) })
		client, err := kgo.NewClient(append(kafka.Access{Config: cfg}.Options(), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		if _, err := kadm.NewClient(client).CreateTopic(t.Context(), 1, 1, nil, prefix+"codec"); err != nil {
			t.Fatal(err)
		}
		records := make([]*kgo.Record, 500)
		for i := range records {
			value := fmt.Sprintf("record %d of %s", i, strings.Repeat(prefix, 10))
			records[i] = &kgo.Record{Topic: prefix + "codec", Value: []byte(value)}
			written += value + "\n"
		}
		if err := client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), python, "testdata/kafkapython/read.py", strings.Join(cfg.Brokers, ","), prefix+"codec").CombinedOutput()
		return string(out), written, err
	}
	if printed, written, err := read(cfg.Compression); err != nil || printed != written {
		t.Errorf("%s: %v; the client printed %.500q", cfg.Compression, err, printed)
	}
	if printed, _, err := read(config.Snappy); err == nil || !strings.Contains(printed, "UnsupportedCodecError") {
		t.Errorf("the client reads Snappy, so it proves nothing: %v, %.500q", err, printed)
	}
}
