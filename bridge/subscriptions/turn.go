package subscriptions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	// group is the consumer group's name, after the role; see Options.Prefix.
	group = "subscriptions"
	// turnTopic lends the group its partitions; nothing is read from it. Whoever
	// owns turnPartition is the keeper. It is the topic that the subscriptions
	// fill, so that no topic exists for this alone.
	turnTopic     = schemas.OrderChanges
	turnPartition = 0
	// leaveTimeout bounds how long leaving the group may take: a broker that does
	// not answer must not hold the process.
	leaveTimeout = 5 * time.Second
)

// Run keeps the subscriptions whenever it is this process's turn, until ctx
// ends. Amazon's errors do not end it: they are logged, and tried again. It may
// be called once.
func (k *Keeper) Run(ctx context.Context) error {
	topic := k.opts.Prefix + turnTopic
	turn := &turn{ctx: ctx, keep: k.keep, logger: k.opts.Logger}
	mine := func(m map[string][]int32) bool { return slices.Contains(m[topic], turnPartition) }
	give := func(_ context.Context, _ *kgo.Client, m map[string][]int32) {
		if mine(m) {
			turn.end()
		}
	}
	alive, kill := context.WithCancel(context.WithoutCancel(ctx))
	defer kill()
	client, err := kclient.NewClient(append([]kgo.Opt{
		kgo.WithContext(alive),
		kgo.ConsumerGroup(k.opts.Prefix + group),
		kgo.ConsumeTopics(topic),
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.DisableAutoCommit(),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtEnd()), // nothing is read
		kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, m map[string][]int32) {
			k.joined.Store(true)
			if mine(m) {
				turn.begin()
			}
		}),
		kgo.OnPartitionsRevoked(give),
		kgo.OnPartitionsLost(func(ctx context.Context, client *kgo.Client, m map[string][]int32) {
			k.joined.Store(false)
			give(ctx, client, m)
		}),
	}, k.opts.Kafka...)...)
	if err != nil {
		return fmt.Errorf("bridge/subscriptions: Kafka client: %w", err)
	}
	client.PauseFetchTopics(topic)
	defer func() {
		turn.end()
		defer time.AfterFunc(leaveTimeout, kill).Stop()
		client.Close()
	}()
	for ctx.Err() == nil {
		client.PollFetches(ctx).EachError(func(topic string, number int32, err error) {
			if errors.Is(err, context.Canceled) || errors.Is(err, kgo.ErrClientClosed) {
				return
			}
			k.opts.Logger.WarnContext(ctx, "cannot take part in choosing who keeps the subscriptions; trying again", "topic", topic, "partition", number, "error", err)
		})
	}
	return nil
}

// WaitsFor returns what keeps the keeper from being ready; "" while it is a member of
// its group, whoever's turn it is.
func (k *Keeper) WaitsFor() string {
	if k.joined.Load() {
		return ""
	}
	return "the consumer group " + k.opts.Prefix + group
}

// turn is the time in which this process is the keeper.
type turn struct {
	ctx    context.Context // Run's
	keep   func(context.Context)
	logger *slog.Logger

	mu   sync.Mutex
	stop context.CancelFunc // nil while it is another's turn
	done chan struct{}
}

func (t *turn) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stop != nil || t.ctx.Err() != nil {
		return
	}
	ctx, stop := context.WithCancel(t.ctx)
	done := make(chan struct{})
	t.stop, t.done = stop, done
	t.logger.InfoContext(ctx, "this process keeps the subscriptions")
	go func() {
		defer close(done)
		t.keep(ctx)
	}()
}

// end cuts calls off and waits for them: whoever is next looks before it creates.
func (t *turn) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stop == nil {
		return
	}
	t.stop()
	<-t.done
	t.stop, t.done = nil, nil
}
