package kclient

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

// ReasonUnreadable is the dead letter's reason of a batch that cannot be read.
const ReasonUnreadable = "batch_unreadable"

// UnreadableError is a batch that cannot be read. Its partition is not fetched any
// further until SetOffsets. Whoever shows it adds what to do, which depends on the
// topic.
type UnreadableError struct {
	Topic       string
	Partition   int32
	First, Last int64 // offsets
	Epoch       int32
}

// Error names the batch and the reason why it was not read.
func (e *UnreadableError) Error() string {
	return fmt.Sprintf("topic %s, partition %d: %s", e.Topic, e.Partition, cause(e.First, e.Last))
}

// Removal returns how an operator removes the batch from a compacted topic.
func (e *UnreadableError) Removal() string {
	return fmt.Sprintf("to remove what stands before offset %d of partition %d, set the topic's cleanup.policy to compact,delete, "+
		"run kafka-delete-records, and set it to compact again", e.Last+1, e.Partition)
}

func cause(first, last int64) string {
	return fmt.Sprintf("the batch of offsets %d to %d cannot be decompressed, or has more than %d MiB or some %d records when it is",
		first, last, MaxBatchBytes>>20, maxBatchCost/recordCost)
}

// UnreadableMessage returns why a producer's batch was not read, and what to do.
func UnreadableMessage(first, last int64) string {
	return cause(first, last) + ": none of its records was read; have the producer send them again in smaller batches (batch.size)"
}

// Errors returns the errors of fetches. It leaves out that records were left for
// the next fetch. A batch that cannot be read is an *UnreadableError.
func Errors(fetches kgo.Fetches) []kgo.FetchError {
	var kept []kgo.FetchError
	for _, e := range fetches.Errors() {
		var batch *kgo.ErrDecompressTooLarge
		switch {
		case errors.As(e.Err, &batch):
			e.Err = &UnreadableError{Topic: batch.Topic, Partition: batch.Partition, First: batch.Offset, Last: batch.NextOffset - 1, Epoch: batch.Epoch}
		case errors.Is(e.Err, errLater):
			continue
		}
		kept = append(kept, e)
	}
	return kept
}

type spanKey struct{}

// Record stands for the batch among the records of its partition: it has the offset
// of the batch's last record, and nothing else.
func (e *UnreadableError) Record() *kgo.Record {
	return &kgo.Record{
		Topic: e.Topic, Partition: e.Partition, Offset: e.Last, LeaderEpoch: e.Epoch,
		Context: context.WithValue(context.Background(), spanKey{}, e),
	}
}

// Span returns the offsets of the unreadable batch that a record stands for; ok is
// false for an ordinary record.
func Span(rec *kgo.Record) (first, last int64, ok bool) {
	if rec.Context == nil {
		return 0, 0, false
	}
	e, ok := rec.Context.Value(spanKey{}).(*UnreadableError)
	if !ok {
		return 0, 0, false
	}
	return e.First, e.Last, true
}
