package eventbridge_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/fakekafka"
)

// A partition that has fallen behind goes at the pace of one entity's events, one
// after the other, or of as many entities as may be under way; it does not wait for
// fetches that find nothing in the idle partitions.
func TestPartitionThatFellBehindCatchesUp(t *testing.T) {
	const (
		backlog = 2000
		latency = 30 * time.Millisecond
	)
	for name, c := range map[string]struct {
		value func(i int) string
		most  time.Duration
	}{
		// A quarter more for polls that bring nothing.
		"one entity": {func(i int) string { return fmt.Sprintf("sku/%06d", i) }, backlog * latency * 5 / 4},
		// 32 requests of 10 at once are 7 rounds of answers, after some to find that out.
		"many entities": {func(i int) string { return fmt.Sprintf("sku-%d/0", i) }, 25 * latency},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newVirtualWorld(t, latency)
				for i := range backlog {
					w.producer.Produce(t.Context(), &kgo.Record{Topic: prefix + schemas.Orders, Key: []byte(account(0)), Value: []byte(c.value(i))}, nil)
				}
				if err := w.producer.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				opts := w.options()
				opts.Kafka = []kgo.Opt{kgo.SeedBrokers(w.cluster.ListenAddrs()...), kgo.Dialer(w.net.DialContext)}
				p, stop := w.run(opts)
				for p.Stats().Published == 0 {
					time.Sleep(time.Millisecond)
				}
				joined := time.Since(began)
				for p.Stats().Published < backlog {
					time.Sleep(time.Millisecond)
				}
				took := time.Since(began) - joined
				stop()
				if took > c.most {
					t.Errorf("%d events of one partition took %s of virtual time, want at most %s", backlog, took, c.most)
				}
				t.Logf("%d events of one partition in %s, %s a request", backlog, took, latency)
			})
		})
	}
}

// virtualWorld is a world under virtual time.
type virtualWorld struct {
	*world
	net *kfake.VirtualNetwork
}

func newVirtualWorld(t *testing.T, latency time.Duration) *virtualWorld {
	t.Helper()
	s, err := simulator.New(simulator.Config{
		Applications: []simulator.Application{application}, Accounts: simulator.Sellers(1, "shop"), EventBridgeLatency: latency,
	})
	if err != nil {
		t.Fatal(err)
	}
	w := &virtualWorld{world: &world{Simulator: s, t: t}, net: &kfake.VirtualNetwork{}}
	w.cluster = fakekafka.New(t, kfake.Ports(9092), kfake.ListenFn(w.net.Listen),
		kfake.SeedTopics(partitions, prefix+schemas.Orders, prefix+schemas.DeadLetters))
	w.producer = fakekafka.Client(w.t, w.cluster, kgo.Dialer(w.net.DialContext))
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}
