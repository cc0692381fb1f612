// Package topicread reads what stands in a Kafka topic at one moment, from outside of
// any group: for people who look, not for processors, whose runtime is pkg/runtime/stream.
package topicread

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
)

const (
	// fetchBytes is how much is fetched at once: it bounds a scan's memory.
	fetchBytes = 16 << 20
	// lookEvery is how long a scan may bring nothing before it asks whether what is
	// missing was removed meanwhile.
	lookEvery = 5 * time.Second
	// silences is after how many of them, with Kafka answering, the rest is taken
	// for removed: the last records were deleted, and compacted away.
	silences = 3
)

// ErrNoTopic says that a topic does not exist.
var ErrNoTopic = errors.New("no such topic")

// Reader reads topics. Client holds the options of the Kafka clients that it makes.
type Reader struct {
	Admin  *kadm.Client
	Client []kgo.Opt
	// Unreadable, if not nil, hears of each batch that cannot be read, and the scan goes
	// on behind it; else the scan ends with it.
	Unreadable func(*kclient.UnreadableError)
	// Patient waits until ctx ends for what Kafka does not bring; else it counts as removed
	// after a while. It is for a scan whose half must not pass for all.
	Patient bool
}

// Ends are where the committed part of each partition of a topic (its name on
// the wire) ends. The error is ErrNoTopic where there is none.
func (r Reader) Ends(ctx context.Context, topic string) (map[int32]int64, error) {
	return ByPartition(topic)(r.Admin.ListCommittedOffsets(ctx, topic))
}

// Starts are where each partition begins, or its first record since a time that
// is not zero.
func (r Reader) Starts(ctx context.Context, topic string, since time.Time) (map[int32]int64, error) {
	if since.IsZero() {
		return ByPartition(topic)(r.Admin.ListStartOffsets(ctx, topic))
	}
	return ByPartition(topic)(r.Admin.ListOffsetsAfterMilli(ctx, since.UnixMilli(), topic))
}

// ByPartition takes a topic's offsets out of an answer of kadm, in which each partition can
// have an error of its own. The error is ErrNoTopic where there is no such topic.
func ByPartition(topic string) func(kadm.ListedOffsets, error) (map[int32]int64, error) {
	return func(listed kadm.ListedOffsets, err error) (map[int32]int64, error) {
		if err == nil {
			err = listed.Error()
		}
		switch {
		case errors.Is(err, kerr.UnknownTopicOrPartition), err == nil && len(listed[topic]) == 0:
			return nil, fmt.Errorf("topic %s: %w", topic, ErrNoTopic)
		case err != nil:
			return nil, fmt.Errorf("offsets of topic %s: %w", topic, err)
		}
		found := make(map[int32]int64, len(listed[topic]))
		for partition, o := range listed[topic] {
			found[partition] = o.Offset
		}
		return found, nil
	}
}

// Committed gives do the committed records of a topic between the offsets, each
// partition in its order; partitions that to does not name are left out. An
// error of do ends it. What retention or compaction removes meanwhile is passed
// over.
func (r Reader) Committed(ctx context.Context, topic string, from, to map[int32]int64, do func(*kgo.Record) error) error {
	begin, missing, next := make(map[int32]kgo.Offset), make(map[int32]int64), make(map[int32]int64)
	for partition, end := range to {
		if at := from[partition]; at < end {
			begin[partition], missing[partition], next[partition] = kgo.NewOffset().At(at), end, at
		}
	}
	if len(missing) == 0 {
		return nil
	}
	client, err := kclient.NewClient(append([]kgo.Opt{
		// The push of client metrics delays every Close by up to a second.
		kgo.DisableClientMetrics(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: begin}),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxBytes(fetchBytes),
		kgo.KeepControlRecords(), // a partition can end with a transaction's marker
	}, r.Client...)...)
	if err != nil {
		return fmt.Errorf("Kafka client: %w", err)
	}
	defer client.Close()
	reader := kclient.NewReader(client, topic, next)
	for silent := 0; len(missing) > 0 && (r.Patient || silent < silences); {
		read, err := r.poll(ctx, reader, topic, missing, do)
		switch {
		case err != nil:
			return err
		case read > 0:
			silent = 0
			continue
		}
		starts, err := r.Starts(ctx, topic, time.Time{})
		if err != nil {
			return err
		}
		for partition, end := range missing {
			if starts[partition] >= end {
				delete(missing, partition)
			}
		}
		silent++
	}
	return nil
}

// poll takes one poll, strikes from missing what is complete, and returns how many
// records and batches it brought.
func (r Reader) poll(ctx context.Context, reader *kclient.Reader, topic string, missing map[int32]int64, do func(*kgo.Record) error) (int, error) {
	wait, cancel := context.WithTimeout(ctx, lookEvery)
	fetches, passed, errs := reader.Poll(wait)
	cancel()
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	for _, e := range errs {
		if !errors.Is(e.Err, context.DeadlineExceeded) {
			return 0, fmt.Errorf("read topic %s, partition %d: %w", topic, e.Partition, e.Err)
		}
	}
	for records := fetches.RecordIter(); !records.Done(); {
		rec := records.Next()
		end, wanted := missing[rec.Partition]
		if wanted && rec.Offset < end && !rec.Attrs.IsControl() {
			if err := do(rec); err != nil {
				return 0, err
			}
		}
		if rec.Offset+1 >= end {
			delete(missing, rec.Partition)
		}
	}
	for _, batch := range passed {
		end, wanted := missing[batch.Partition]
		switch {
		case wanted && batch.First < end && r.Unreadable == nil:
			return 0, batch
		case wanted && batch.First < end:
			r.Unreadable(batch)
		}
		if batch.Last+1 >= end {
			delete(missing, batch.Partition)
		}
	}
	return fetches.NumRecords() + len(passed), nil
}

// Newest is the newest value of each key of one partition of a compacted topic,
// deleted ones left out.
func (r Reader) Newest(ctx context.Context, topic string, partition int32, end int64) (map[string][]byte, error) {
	starts, err := r.Starts(ctx, topic, time.Time{})
	if err != nil {
		return nil, err
	}
	newest := make(map[string][]byte)
	err = r.Committed(ctx, topic, starts, map[int32]int64{partition: end}, func(rec *kgo.Record) error {
		if rec.Value == nil {
			delete(newest, string(rec.Key))
		} else {
			newest[string(rec.Key)] = append([]byte(nil), rec.Value...) // a copy: the record's would keep its whole fetch
		}
		return nil
	})
	return newest, err
}
