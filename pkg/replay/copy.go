package replay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// copyRecords bounds a transaction of Copy.
	copyRecords = 1000
	// idle is after what time without a record the journal is read again.
	idle = 5 * time.Second
	// transactionTimeout bounds a transaction, which a stop does not cut off.
	transactionTimeout = 30 * time.Second
)

// ErrTakenOver ends a Copy when another process has begun to do the same one.
var ErrTakenOver = errors.New("another process does this replay now")

// Copy copies records of one topic to another that has as many partitions, to
// the same one and in their order. Records and progress are one transaction:
// each is copied once, whatever happens in between.
type Copy struct {
	Client          []kgo.Opt
	Journal         *Journal
	TransactionalID string // the same for every process that does this replay: the newest goes on alone
	To              string // topic on the wire
	Run             *Run

	// Wants says whether a record is to be copied, and the header that its copy
	// gets. An error ends the Copy.
	Wants func(context.Context, *kgo.Record) (header *kgo.RecordHeader, err error)
	// Copied, if not nil, hears of each transaction.
	Copied func(records int)
	Logger *slog.Logger
}

// Do copies until the run is done or ctx ends.
func (c *Copy) Do(ctx context.Context) error {
	session, err := kgo.NewGroupTransactSession(c.options()...)
	if err != nil {
		return fmt.Errorf("Kafka client: %w", err)
	}
	defer session.Close()
	for !c.Run.Done() {
		wait, cancel := context.WithTimeout(ctx, idle)
		fetches := session.PollRecords(wait, copyRecords)
		cancel()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		for _, e := range fetches.Errors() {
			if !errors.Is(e.Err, context.DeadlineExceeded) {
				return c.explain(fmt.Errorf("read topic %s, partition %d: %w", e.Topic, e.Partition, e.Err))
			}
		}
		if fetches.Empty() {
			if err := c.Journal.Refresh(ctx, c.Run); err != nil {
				return err
			}
			continue
		}
		if err := c.transaction(context.WithoutCancel(ctx), session, fetches); err != nil {
			return c.explain(err)
		}
	}
	return nil
}

func (c *Copy) options() []kgo.Opt {
	return append(slices.Clone(c.Client),
		kgo.ConsumerGroup(c.Journal.Group),
		kgo.ConsumeTopics(c.Journal.Topic),
		kgo.TransactionalID(c.TransactionalID),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // a range can end with one
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytes(maxBatch),
		kgo.OnPartitionsAssigned(func(_ context.Context, client *kgo.Client, added map[string][]int32) {
			client.PauseFetchPartitions(c.closed(added))
		}),
	)
}

// maxBatch is above max.message.bytes of any input topic.
const maxBatch = 2 << 20

// closed are those of the partitions that hold nothing of the run any more.
func (c *Copy) closed(partitions map[string][]int32) map[string][]int32 {
	closed := make(map[string][]int32)
	for topic, list := range partitions {
		for _, p := range list {
			if !c.Run.Open(p) {
				closed[topic] = append(closed[topic], p)
			}
		}
	}
	return closed
}

// transaction copies what was polled, and commits it with the progress.
func (c *Copy) transaction(ctx context.Context, session *kgo.GroupTransactSession, fetches kgo.Fetches) error {
	ctx, cancel := context.WithTimeout(ctx, transactionTimeout)
	defer cancel()
	if err := session.Begin(); err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	var failed atomic.Pointer[error]
	copied, next := 0, make(map[int32]int64)
	var refused error
	for records := fetches.RecordIter(); !records.Done() && refused == nil; {
		rec := records.Next()
		next[rec.Partition] = rec.Offset + 1
		if rec.Attrs.IsControl() || !c.Run.Has(rec.Partition, rec.Offset) {
			continue
		}
		header, err := c.Wants(ctx, rec)
		if refused = err; header == nil || err != nil {
			continue
		}
		copied++
		session.Produce(ctx, &kgo.Record{
			Topic: c.To, Partition: rec.Partition, Key: rec.Key, Value: rec.Value, Headers: append(slices.Clone(rec.Headers), *header),
		}, func(_ *kgo.Record, err error) {
			if err != nil {
				failed.CompareAndSwap(nil, &err)
			}
		})
	}
	err := session.Client().Flush(ctx)
	if produced := failed.Load(); produced != nil {
		err = *produced
	}
	if err = errors.Join(refused, err); err != nil {
		return errors.Join(err, c.abort(session))
	}
	return c.commit(ctx, session, copied, next)
}

// commit ends the transaction well. Where a rebalance is in its way, the records
// come again.
func (c *Copy) commit(ctx context.Context, session *kgo.GroupTransactSession, copied int, next map[int32]int64) error {
	committed, err := session.End(kgo.PreTxnCommitFnContext(ctx, c.annotate), kgo.TryCommit)
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if !committed {
		c.Logger.Info("a rebalance of the replay's group came between; its last records are copied anew", "group", c.Journal.Group)
		return nil
	}
	through := make(map[string][]int32)
	for partition, offset := range next {
		c.Run.Advance(partition, offset)
		if !c.Run.Open(partition) {
			through[c.Journal.Topic] = append(through[c.Journal.Topic], partition)
		}
	}
	session.Client().PauseFetchPartitions(through)
	if c.Copied != nil {
		c.Copied(copied)
	}
	return nil
}

// abort is for a transaction that failed; ctx may have ended.
func (c *Copy) abort(session *kgo.GroupTransactSession) error {
	ctx, cancel := context.WithTimeout(context.Background(), idle)
	defer cancel()
	_, err := session.End(ctx, kgo.TryAbort)
	return err
}

// annotate gives the offsets of a commit what Journal.Load wants beside them.
func (c *Copy) annotate(req *kmsg.TxnOffsetCommitRequest) error {
	for i := range req.Topics {
		for j := range req.Topics[i].Partitions {
			p := &req.Topics[i].Partitions[j]
			p.Metadata = kmsg.StringPtr(c.Run.Metadata(p.Partition))
		}
	}
	return nil
}

func (c *Copy) explain(err error) error {
	for _, fenced := range []error{kerr.ProducerFenced, kerr.InvalidProducerEpoch, kerr.InvalidProducerIDMapping} {
		if errors.Is(err, fenced) {
			return fmt.Errorf("%w: %w", ErrTakenOver, err)
		}
	}
	return err
}
