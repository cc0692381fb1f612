package stream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// fatalError is what no retry can mend: the processor stops with it (6).
type fatalError struct{ err error }

func (e *fatalError) Error() string { return e.err.Error() }
func (e *fatalError) Unwrap() error { return e.err }

func fatalf(format string, args ...any) error {
	return &fatalError{fmt.Errorf(format, args...)}
}

// errDrained ends a unit that has handed over.
var errDrained = errors.New("drained")

// isFenced tells whether Kafka refused a transaction because its producer is
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
func produceError(rec *kgo.Record, err error) error {
	for _, permanent := range []error{
		kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidRecord, kerr.PolicyViolation,
		kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed, kerr.TransactionalIDAuthorizationFailed,
		kerr.InvalidTopicException, kerr.UnsupportedForMessageFormat,
	} {
		if errors.Is(err, permanent) {
			return fatalf("a record of %d bytes with key %q cannot be written to topic %s, partition %d: %w; "+
				"mend the topic (its max.message.bytes, its permissions) and start again: nothing was committed and nothing is lost",
				len(rec.Value), rec.Key, rec.Topic, rec.Partition, err)
		}
	}
	return fmt.Errorf("produce to topic %s, partition %d: %w", rec.Topic, rec.Partition, err)
}

// backoff grows from 100 ms to 5 s, with jitter so that units do not retry in step.
func backoff(attempt int) time.Duration {
	d := min(100*time.Millisecond<<min(attempt, 10), 5*time.Second)
	return d/2 + rand.N(d/2)
}

// sleep waits in real time, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
