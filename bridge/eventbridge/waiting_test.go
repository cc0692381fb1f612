package eventbridge

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A try waits twice as long as the one before, less a random half, up to 16 s.
func TestBackoffGrowsToItsBound(t *testing.T) {
	t.Parallel()
	for failures, most := range []time.Duration{
		125 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second,
		2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 16 * time.Second,
	} {
		for range 100 {
			if d := backoff(failures); d > most || d < most/2 {
				t.Fatalf("after %d failures: %v, want %v at most and half of it at least", failures, d, most)
			}
		}
	}
	if d := backoff(1 << 40); d > maxBackoff || d < maxBackoff/2 {
		t.Errorf("after very many failures: %v", d)
	}
}

// Nothing is polled while the partitions together hold as much as memory may: a poll
// of this publisher, whose client is closed, would end at once.
func TestNothingIsPolledWhileTooMuchWaits(t *testing.T) {
	t.Parallel()
	client, err := kgo.NewClient()
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
	p := &Publisher{client: client, endPoll: func() {}}
	soon := time.Now().Add(500 * time.Millisecond)
	for range 2 {
		c := newCursor(partition{})
		c.notBefore = soon
		c.add(&kgo.Record{Value: make([]byte, maxWaitingBytes/2)})
		p.ring = append(p.ring, c)
	}
	if err := p.poll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if time.Now().Before(soon) {
		t.Error("the poll did not wait until something is due")
	}
	p.ring[0].settle(p.ring[0].look())
	if p.crowded() {
		t.Error("what is settled still counts")
	}
}
