package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/schemas"
)

// errDrained ends a unit that has handed over.
var errDrained = errors.New("drained")

// errLetterTooLarge ends a session whose dead letter was larger than its topic
// takes: the next one cuts it to less.
var errLetterTooLarge = errors.New("Kafka does not take a dead letter")

// isFenced reports whether Kafka refused a transaction because its producer is
// no longer the newest of its transactional id: another owner took over, or
// the transaction timed out and Kafka aborted it.
func isFenced(err error) bool {
	return errors.Is(err, kerr.ProducerFenced) ||
		errors.Is(err, kerr.InvalidProducerEpoch) ||
		errors.Is(err, kerr.InvalidProducerIDMapping) ||
		errors.Is(err, kerr.InvalidTxnState)
}

// produceError classifies the failure of a record in a transaction. Trying
// again mends most; the ones below fail each time in the same way, and a
// record must not be left out (6).
func (r *Remedies) produceError(rec *kgo.Record, err error) error {
	for _, permanent := range []error{
		kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidRecord, kerr.PolicyViolation,
		kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed, kerr.TransactionalIDAuthorizationFailed,
		kerr.InvalidTopicException, kerr.UnsupportedForMessageFormat,
	} {
		if errors.Is(err, permanent) {
			return r.writeRefused(rec.Topic, schemas.Brief(string(rec.Key)), len(rec.Value), err)
		}
	}
	return fmt.Errorf("produce to topic %s, partition %d: %w", rec.Topic, rec.Partition, err)
}

func (r *Remedies) writeRefused(topic, key string, bytes int, err error) error {
	return stopf(WriteRefused, r.WriteRefused+": nothing was committed and nothing is lost",
		"a record of %d bytes with key %s cannot be written to topic %s: %w", bytes, key, topic, err)
}

// backoff returns how long to wait after an attempt that failed; the first is 0.
func backoff(attempt int) time.Duration {
	return clock.Backoff(attempt, 100*time.Millisecond, 5*time.Second)
}

// sleep waits in real time, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error { return clock.Sleep(ctx, clock.Real{}, d) }
