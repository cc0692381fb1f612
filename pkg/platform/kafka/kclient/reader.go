package kclient

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Reader polls a client that reads one topic and is in no group. It reads on behind
// batches that cannot be read, and reports them.
type Reader struct {
	client *kgo.Client
	topic  string
	next   map[int32]kgo.EpochOffset // of each partition
}

// NewReader makes a Reader of a topic's partitions, which the client begins to read
// at the offsets of from.
func NewReader(client *kgo.Client, topic string, from map[int32]int64) *Reader {
	r := &Reader{client: client, topic: topic, next: make(map[int32]kgo.EpochOffset, len(from))}
	for partition, offset := range from {
		r.passed(partition, offset)
	}
	return r
}

func (r *Reader) passed(partition int32, next int64) {
	r.next[partition] = kgo.EpochOffset{Epoch: -1, Offset: next}
}

// Poll is the client's PollFetches. What passed names lies, in its partition, between the
// records of this poll and those of the next. errs are all other errors.
func (r *Reader) Poll(ctx context.Context) (fetches kgo.Fetches, passed []*UnreadableError, errs []kgo.FetchError) {
	fetches = r.client.PollFetches(ctx)
	fetches.EachRecord(func(rec *kgo.Record) { r.passed(rec.Partition, rec.Offset+1) })
	for _, e := range Errors(fetches) {
		batch := (*UnreadableError)(nil)
		if !errors.As(e.Err, &batch) {
			errs = append(errs, e)
			continue
		}
		passed = append(passed, batch)
		r.passed(batch.Partition, batch.Last+1)
	}
	if len(passed) > 0 {
		// To set one position drops what the client holds of the other partitions, an
		// error too, after which it would not read them any further: so all are set.
		r.client.SetOffsets(map[string]map[int32]kgo.EpochOffset{r.topic: r.next})
	}
	return fetches, passed, errs
}
