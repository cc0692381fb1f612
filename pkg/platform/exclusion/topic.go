package exclusion

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
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
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()), // what is no longer there is an error, never a jump
		kgo.KeepControlRecords(),                    // the end of a partition may be one
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
	starts, ends, err := t.bounds(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t, err)
	}
	from := make(map[int32]kgo.Offset, len(ends))
	for partition, end := range ends {
		if starts[partition] >= end {
			delete(ends, partition) // empty
			continue
		}
		from[partition] = kgo.NewOffset().At(starts[partition])
	}
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{t.name: from})
	list := newList()
	for len(ends) > 0 {
		fetches := client.PollFetches(ctx)
		if errs := kclient.Errors(fetches); len(errs) > 0 {
			return nil, fmt.Errorf("%s: %w", t, explained(errs[0].Err))
		}
		for records := fetches.RecordIter(); !records.Done(); {
			record := records.Next()
			end, reading := ends[record.Partition]
			if reading && record.Offset < end {
				if err := list.apply(record); err != nil {
					return nil, fmt.Errorf("%s: %w", t, err)
				}
			}
			if reading && record.Offset+1 >= end {
				delete(ends, record.Partition)
			}
		}
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

// bounds are the partitions' first offsets, and those behind their last
// committed records.
func (t *Topic) bounds(ctx context.Context, client *kgo.Client) (starts, ends map[int32]int64, err error) {
	admin := kadm.NewClient(client)
	found, err := admin.ListTopics(ctx, t.name)
	if err != nil {
		return nil, nil, err
	}
	if detail := found[t.name]; detail.Err != nil || len(detail.Partitions) == 0 {
		return nil, nil, errors.Join(errors.New("cannot be read: if it does not exist, create it with cleanup.policy=compact"), detail.Err)
	}
	first, err := admin.ListStartOffsets(ctx, t.name)
	if err == nil {
		err = first.Error()
	}
	if err != nil {
		return nil, nil, err
	}
	last, err := admin.ListCommittedOffsets(ctx, t.name)
	if err == nil {
		err = last.Error()
	}
	if err != nil {
		return nil, nil, err
	}
	return offsets(first[t.name]), offsets(last[t.name]), nil
}

func offsets(listed map[int32]kadm.ListedOffset) map[int32]int64 {
	all := make(map[int32]int64, len(listed))
	for partition, at := range listed {
		all[partition] = at.Offset
	}
	return all
}

// apply takes a record in. One whose key names no SKU is passed over and counted:
// a stray record must not keep all others from being heard.
func (l *List) apply(record *kgo.Record) error {
	if record.Attrs.IsControl() {
		return nil
	}
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
