package clock

import (
	"testing"
	"time"
)

// A try waits twice as long as the one before, less a random half, up to the limit.
func TestBackoffGrowsToItsLimit(t *testing.T) {
	t.Parallel()
	for failures, most := range []time.Duration{
		125 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second,
		2 * time.Second, 4 * time.Second, 8 * time.Second, 15 * time.Second, 15 * time.Second,
	} {
		for range 100 {
			if d := Backoff(failures, 125*time.Millisecond, 15*time.Second); d > most || d < most/2 {
				t.Fatalf("after %d failures: %v, want %v at most and half of it at least", failures, d, most)
			}
		}
	}
	for _, failures := range []int{62, 63, 64, 1 << 40} {
		if d := Backoff(failures, 1, 15*time.Second); d > 15*time.Second || d < 15*time.Second/2 {
			t.Errorf("after %d failures: %v", failures, d)
		}
	}
	if d := Backoff(-1, time.Second, time.Minute); d > time.Second || d < time.Second/2 {
		t.Errorf("after fewer than no failures: %v", d)
	}
}
