package deadletters

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// scanBytes is how much a scan fetches at once: it bounds its memory.
	scanBytes = 16 << 20
	// lookEvery is how long a scan may bring nothing before it is asked whether
	// what is missing was removed meanwhile.
	lookEvery = 5 * time.Second
)

// endsOf is where the committed part of each partition ends; nil where there is
// no such topic.
func (l *Letters) endsOf(ctx context.Context, logical string) (map[int32]int64, error) {
	topic := l.opts.Prefix + logical
	return offsets(l.admin.ListCommittedOffsets(ctx, topic))(topic)
}

// startsOf is where each partition begins, or its first record since a time.
func (l *Letters) startsOf(ctx context.Context, logical string, since time.Time) (map[int32]int64, error) {
	topic := l.opts.Prefix + logical
	if since.IsZero() {
		return offsets(l.admin.ListStartOffsets(ctx, topic))(topic)
	}
	return offsets(l.admin.ListOffsetsAfterMilli(ctx, since.UnixMilli(), topic))(topic)
}

// offsets turns an answer about a topic into its offsets by partition.
func offsets(listed kadm.ListedOffsets, err error) func(topic string) (map[int32]int64, error) {
	return func(topic string) (map[int32]int64, error) {
		if err == nil {
			err = listed.Error()
		}
		switch {
		case errors.Is(err, kerr.UnknownTopicOrPartition):
			return nil, nil
		case err != nil:
			return nil, fmt.Errorf("offsets of topic %s: %w", topic, err)
		}
		found := make(map[int32]int64)
		for partition, o := range listed[topic] {
			found[partition] = o.Offset
		}
		return found, nil
	}
}

// scan gives do the committed records of a topic between the offsets. An error
// of do ends it; errEnough is none.
func (l *Letters) scan(ctx context.Context, logical string, from, to map[int32]int64, do func(*kgo.Record) error) error {
	topic := l.opts.Prefix + logical
	begin, missing := make(map[int32]kgo.Offset), make(map[int32]int64)
	for partition, end := range to {
		if from[partition] < end {
			begin[partition], missing[partition] = kgo.NewOffset().At(from[partition]), end
		}
	}
	if len(missing) == 0 {
		return nil
	}
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.DisableClientMetrics(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: begin}),
		// What retention removes meanwhile is passed over.
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxBytes(scanBytes),
		kgo.KeepControlRecords(), // a partition can end with a transaction's marker
	}, l.opts.Kafka...)...)
	if err != nil {
		return fmt.Errorf("Kafka client: %w", err)
	}
	defer client.Close()
	for len(missing) > 0 {
		if err := l.round(ctx, client, logical, missing, do); err != nil {
			if errors.Is(err, errEnough) {
				return nil
			}
			return err
		}
	}
	return nil
}

// round takes one poll of a scan, and strikes from missing what is complete.
func (l *Letters) round(ctx context.Context, client *kgo.Client, logical string, missing map[int32]int64, do func(*kgo.Record) error) error {
	wait, cancel := context.WithTimeout(ctx, lookEvery)
	fetches := client.PollFetches(wait)
	cancel()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for _, e := range fetches.Errors() {
		if !errors.Is(e.Err, context.DeadlineExceeded) {
			return fmt.Errorf("read topic %s, partition %d: %w", e.Topic, e.Partition, e.Err)
		}
	}
	for records := fetches.RecordIter(); !records.Done(); {
		rec := records.Next()
		end, wanted := missing[rec.Partition]
		if wanted && rec.Offset < end && !rec.Attrs.IsControl() {
			if err := do(rec); err != nil {
				return err
			}
		}
		if rec.Offset+1 >= end {
			delete(missing, rec.Partition)
		}
	}
	if fetches.NumRecords() > 0 {
		return nil
	}
	starts, err := l.startsOf(ctx, logical, time.Time{})
	if err != nil {
		return err
	}
	for partition, end := range missing {
		if starts[partition] >= end {
			delete(missing, partition) // removed by retention
		}
	}
	return nil
}
