package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
)

// A duration is logged as people write it, in both forms.
func TestDurationsAreLoggedAsText(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{"json": `"took":"1.5s"`, "text": "took=1.5s"} {
		var log strings.Builder
		config.Log{Format: format}.New(&log).With("took", 1500*time.Millisecond).Info("done", "n", 7)
		if !strings.Contains(log.String(), want) {
			t.Errorf("%s: %s, want %s", format, log.String(), want)
		}
	}
}
