package config

import (
	"strings"
	"testing"
)

// TestCancelOrderIsRefused looks for the reason in words, while Amazon does not offer the operation.
func TestCancelOrderIsRefused(t *testing.T) {
	t.Parallel()
	for by, says := range map[string]string{"cancelOrder": "withdrawn it three times", "fax": "write one of feed"} {
		_, err := Parse("f", []byte("cancellations: {by: "+by+"}"))
		if err == nil || !strings.Contains(err.Error(), "cancellations.by") || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", by, err)
		}
	}
	if complains("cancellations: {by: feed, enabled: true}", "cancellations.by") {
		t.Error("feed is refused")
	}
}
