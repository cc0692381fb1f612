package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/sellerstream/sellerstream/pkg/operator/accountstatus"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
	"github.com/sellerstream/sellerstream/pkg/platform/pause"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
	"github.com/sellerstream/sellerstream/schemas"
)

// ReadAccounts returns how the accounts stand, or only one, if only is not "". A
// topic that does not exist yet holds nothing. progress hears of each partition
// that has been read.
func ReadAccounts(ctx context.Context, s Settings, only string, progress func(done, of int)) (*accountstatus.Fold, error) {
	client, err := OpenKafka(ctx, s)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	live, err := newLive(s.Config, s.Logger)
	if err != nil {
		return nil, err
	}
	listings := live.listings(s.Config.Inventory.Defaults)
	settings := accountstatus.Settings{
		Now: s.Clock.Now(), Only: only, Limits: live.limit, OrdersV0: s.Config.Orders.API == config.OrdersV0, Asked: s.Config.Asks,
		MaxMessages: s.Config.Inventory.MaxMessages, PatchBelow: s.Config.Inventory.PatchBelow,
		FeedInterval: s.Config.Inventory.FeedInterval,
		AsksFulfillers: func(account string) bool {
			return s.Config.Inventory.FulfillmentWait > 0 && !listings(account).AllowFBA
		},
	}
	places := make(map[string]config.Account)
	for _, a := range s.Config.Accounts {
		settings.Accounts = append(settings.Accounts, a.ID)
		places[a.ID] = a
	}
	settings.Place = func(account string) (application, region string) {
		return places[account].Application, string(places[account].Region)
	}
	r := &stateReader{
		reader: topicread.Reader{Admin: kadm.NewClient(client), Client: kafkaOptions(s.Config, s.Secrets)},
		prefix: s.Config.Prefix, only: only, fold: accountstatus.NewFold(settings), partitions: make(map[string]int32),
	}
	parts, err := r.parts(ctx)
	if err != nil {
		return nil, err
	}
	r.codec = s.stateDecoder(ctx)
	if err := r.readAll(ctx, parts, progress); err != nil {
		return nil, err
	}
	return r.fold, r.stopped(ctx, s.Logger)
}

// readers is how many partitions are read at a time: of a large state no more is
// in memory.
const readers = 4

// stateReader reads the state topics.
type stateReader struct {
	reader topicread.Reader
	prefix string
	codec  stateDecoder
	only   string

	partitions map[string]int32 // of the topics, by logical name

	mu   sync.Mutex
	fold *accountstatus.Fold
}

// part is a partition to read, up to end.
type part struct {
	topic     string // logical name
	partition int32
	end       int64
}

// parts are those that hold what is asked for.
func (r *stateReader) parts(ctx context.Context) ([]part, error) {
	var parts []part
	for _, topic := range accountstatus.Topics() {
		ends, err := r.reader.Ends(ctx, r.prefix+topic)
		switch {
		case errors.Is(err, topicread.ErrNoTopic):
			continue
		case err != nil:
			return nil, err
		}
		r.partitions[topic] = int32(len(ends))
		for partition, end := range ends {
			if r.wants(topic, partition, int32(len(ends))) {
				parts = append(parts, part{topic, partition, end})
			}
		}
	}
	if len(parts) == 0 {
		return nil, fmt.Errorf("no topic under the prefix %q holds any state: check prefix and kafka.brokers, or start the pipeline once", r.prefix)
	}
	return parts, nil
}

// readAll reads the parts. progress hears of each that is done.
func (r *stateReader) readAll(ctx context.Context, parts []part, progress func(done, of int)) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	done := 0
	for _, p := range parts {
		group.Go(func() error {
			if err := r.read(ctx, p); err != nil {
				return err
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			done++
			progress(done, len(parts))
			return nil
		})
	}
	return group.Wait()
}

// wants reports whether a partition can hold something of the account that is asked
// for. The switch of all accounts has its own.
func (r *stateReader) wants(topic string, partition, partitions int32) bool {
	if r.only == "" || topic == schemas.Switches {
		return true
	}
	partitioner := kgo.StickyKeyPartitioner(nil).ForTopic(topic)
	return int32(partitioner.Partition(&kgo.Record{Key: []byte(r.only)}, int(partitions))) == partition
}

func (r *stateReader) read(ctx context.Context, p part) error {
	reader := r.reader
	reader.Unreadable = func(batch *kclient.UnreadableError) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.fold.UnreadBatch(batch)
	}
	entries, err := reader.Newest(ctx, r.prefix+p.topic, p.partition, p.end)
	if err != nil {
		return err
	}
	for key, data := range entries {
		r.codec.Learn(p.topic, key, data)
	}
	for key, data := range entries {
		if turned, plain, err := pause.DecodePlain(data); plain && err == nil && p.topic == schemas.Switches {
			turned.Subject = key
			r.take(turned)
			continue
		}
		value, err := r.codec.Decode(ctx, p.topic, data)
		if errors.Is(err, registry.ErrUnavailable) {
			return fmt.Errorf("topic %s, partition %d, key %q cannot be read: %w", r.prefix+p.topic, p.partition, key, err)
		}
		if err != nil {
			r.unread(p, key, err)
			continue
		}
		r.take(value)
	}
	return nil
}

func (r *stateReader) unread(p part, key string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fold.Unread(r.prefix+p.topic, p.partition, key, err)
}

// stopped reads which units stand still.
func (r *stateReader) stopped(ctx context.Context, log *slog.Logger) error {
	for _, role := range accountstatus.Roles() {
		units, err := stream.ReadStopped(ctx, r.reader.Admin, r.prefix+role)
		switch {
		case errors.Is(err, kerr.GroupIDNotFound):
			continue
		case errors.Is(err, kerr.GroupAuthorizationFailed):
			log.Warn("Kafka's ACLs do not let us see whether units are stopped: allow Describe on groups with the prefix "+r.prefix, "error", err)
			return nil
		case err != nil:
			return err
		}
		for _, unit := range units {
			r.fold.Stop(unit, r.partitions[schemas.StatePrefix+role])
		}
	}
	return nil
}

func (r *stateReader) take(value any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fold.Take(value)
}
