package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/sellerstream/sellerstream/cmd/sellerstream/internal/standings"
	"github.com/sellerstream/sellerstream/pkg/config"
	"github.com/sellerstream/sellerstream/pkg/registry"
	"github.com/sellerstream/sellerstream/pkg/scan"
	"github.com/sellerstream/sellerstream/schemas"
)

// ReadAccounts tells how the accounts stand, or only one, if only is not "". A
// topic that does not exist yet holds nothing. progress hears of each partition
// that has been read.
func ReadAccounts(ctx context.Context, s Settings, only string, progress func(done, of int)) (*standings.Fold, error) {
	client, err := OpenKafka(ctx, s)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	live, err := newLive(s.Config, s.Logger)
	if err != nil {
		return nil, err
	}
	settings := standings.Settings{
		Now: s.Clock.Now(), Only: only, Quota: live.limit, OrdersV0: s.Config.Orders.API == config.OrdersV0,
		MaxMessages: s.Config.Inventory.MaxMessages, PatchBelow: s.Config.Inventory.PatchBelow,
	}
	for _, a := range s.Config.Accounts {
		settings.Accounts = append(settings.Accounts, a.ID)
	}
	r := &stateReader{
		reader: scan.Reader{Admin: kadm.NewClient(client), Client: kafkaOptions(s.Config, s.Secrets)},
		prefix: s.Config.Prefix, only: only, fold: standings.NewFold(settings),
	}
	parts, err := r.parts(ctx)
	if err != nil {
		return nil, err
	}
	options, err := registryOptions(ctx, s.Config, s.Secrets)
	if err != nil {
		return nil, err
	}
	r.codec, err = registry.New(ctx, registry.Config{
		Client: options, Prefix: s.Config.Prefix, Topics: []string{schemas.Switches}, Logger: s.Logger,
	})
	if err != nil {
		return nil, err
	}
	return r.fold, r.readAll(ctx, parts, progress)
}

// readers is how many partitions are read at a time: of a large state no more is
// in memory.
const readers = 4

// stateReader reads the state topics.
type stateReader struct {
	reader scan.Reader
	prefix string
	codec  *registry.Codec
	only   string

	mu   sync.Mutex
	fold *standings.Fold
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
	for _, topic := range standings.Topics() {
		ends, err := r.reader.Ends(ctx, r.prefix+topic)
		switch {
		case errors.Is(err, scan.ErrNoTopic):
			continue
		case err != nil:
			return nil, err
		}
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

// wants says whether a partition can hold something of the account that is asked
// for. The switch of all accounts has its own.
func (r *stateReader) wants(topic string, partition, partitions int32) bool {
	if r.only == "" || topic == schemas.Switches {
		return true
	}
	partitioner := kgo.StickyKeyPartitioner(nil).ForTopic(topic)
	return int32(partitioner.Partition(&kgo.Record{Key: []byte(r.only)}, int(partitions))) == partition
}

func (r *stateReader) read(ctx context.Context, p part) error {
	entries, err := r.reader.Newest(ctx, r.prefix+p.topic, p.partition, p.end)
	if err != nil {
		return err
	}
	for key, data := range entries {
		value, err := r.codec.Decode(ctx, p.topic, data)
		if err != nil {
			return fmt.Errorf("topic %s, partition %d, key %q cannot be read: %w", r.prefix+p.topic, p.partition, key, err)
		}
		r.take(value)
	}
	return nil
}

func (r *stateReader) take(value any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fold.Take(value)
}
