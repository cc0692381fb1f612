package subscriptions

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/simulator"
)

// TestOneKeeperAtATime runs two processes on a fake broker: only one makes
// calls, and when it leaves the other takes over and looks first.
func TestOneKeeperAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(12, "test."+turnTopic),
		kfake.BrokerConfigs(map[string]string{"group.initial.rebalance.delay.ms": "0"}))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()

	run := func() (stop func()) {
		k := w.keeper(func(o *Options) {
			o.Prefix = "test."
			o.Kafka = []kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.HeartbeatInterval(50 * time.Millisecond), kgo.SessionTimeout(6 * time.Second)}
		})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- k.Run(ctx) }()
		stop = sync.OnceFunc(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
		t.Cleanup(stop)
		return stop
	}
	// The fake broker can leave a member without an answer to its SyncGroup for
	// more than a minute; Kafka does not.
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	await := func(operation string, n int) {
		t.Helper()
		if _, err := w.Ledger.Await(ctx, simulator.Filter{Part: simulator.SPAPI, Operation: operation}, n); err != nil {
			t.Fatalf("fewer than %d calls of %s: %v", n, operation, err)
		}
	}
	first := run()
	await("createSubscription", 6)
	second := run()
	await("getDestinations", 2) // one for each region, all by the first
	first()
	await("getDestinations", 4)
	await("getSubscriptions", 12)
	second()
	if applied, calls := w.applied("createSubscription"); applied != 6 || calls != 6 || !w.complete() {
		t.Errorf("%d of %d calls took effect: %+v", applied, calls, w.Subscriptions())
	}
	if _, calls := w.applied("getDestinations"); calls != 4 {
		t.Errorf("%d looks at destinations: the keepers worked at the same time", calls)
	}
}

func TestATurnEndsBeforeTheNextBegins(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	began, ended := make(chan struct{}, 10), make(chan struct{}, 10)
	turn := &turn{ctx: ctx, logger: slog.New(slog.DiscardHandler), keep: func(ctx context.Context) {
		began <- struct{}{}
		<-ctx.Done()
		ended <- struct{}{}
	}}
	turn.end() // before any began
	for range 3 {
		turn.begin()
		turn.begin() // a second assignment of the same partition
		<-began
		turn.end()
		if len(ended) != 1 || len(began) != 0 {
			t.Fatalf("%d ended, %d more began", len(ended), len(began))
		}
		<-ended
	}
	cancel()
	turn.begin()
	if len(began) != 0 {
		t.Error("a turn began after Run's context had ended")
	}
}
