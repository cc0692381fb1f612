package exclusion

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
)

// Topic is a list in a compacted topic. A record's key is account/sku, or /sku
// for every account; it has a value, whatever it is, while the SKU is excluded,
// and none (a tombstone) from when it is not. A key must always go to the same
// partition, no matter which.
type Topic struct {
	name    string
	options []kgo.Opt
}

// NewTopic reads the topic called name on the wire from the cluster of options.
func NewTopic(name string, options ...kgo.Opt) *Topic {
	return &Topic{name: name, options: append(options[:len(options):len(options)],
		kgo.ConsumeResetOffset(kgo.NoResetOffset()), // what is no longer there is an error, never a jump
	)}
}

// String names the topic.
func (t *Topic) String() string { return "topic " + t.name }

// Load reads the topic from its start to where it ended when the reading began.
// It does so each time anew, at the cost of some hundred thousand records in a
// quarter of an hour, because a topic that was made anew needs no case then.
func (t *Topic) Load(ctx context.Context, _ *List) (*List, error) {
	client, err := kclient.NewClient(t.options...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t, err)
	}
	defer client.Close()
	reader := topicread.Reader{Admin: kadm.NewClient(client), Client: t.options, Patient: true}
	starts, err1 := reader.Starts(ctx, t.name, time.Time{})
	ends, err2 := reader.Ends(ctx, t.name)
	if err := cmp.Or(err1, err2); err != nil {
		return nil, fmt.Errorf("%s cannot be read: if it does not exist, create it with cleanup.policy=compact: %w", t, err)
	}
	list := newList()
	if err := reader.Committed(ctx, t.name, starts, ends, list.apply); err != nil {
		return nil, fmt.Errorf("%s: %w", t, explained(err))
	}
	return list, nil
}

// explained adds how a batch that cannot be read is removed. What it holds may be
// exclusions, so that no list is believed while it is there.
func explained(err error) error {
	if batch := (*kclient.UnreadableError)(nil); errors.As(err, &batch) {
		return fmt.Errorf("%w; send every key of the list again, and remove the batch: %s", batch, batch.Removal())
	}
	return err
}

// apply takes a record in. One whose key names no SKU is passed over and counted:
// a stray record must not keep all others from being heard.
func (l *List) apply(record *kgo.Record) error {
	account, sku, ok := strings.Cut(string(record.Key), "/")
	if ok && record.Value == nil {
		delete(l.entries, entry{account, sku})
		return nil
	}
	if len(l.entries) >= maxEntries {
		return fmt.Errorf("there are more than %d entries", maxEntries)
	}
	if record.Value != nil && (!ok || l.add(account, sku) != nil) {
		l.ignored++
	}
	return nil
}
