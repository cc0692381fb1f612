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

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
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

	// Wants reports whether a record is to be copied, and the header that its copy
	// gets. An error ends the Copy.
	Wants func(context.Context, *kgo.Record) (header *kgo.RecordHeader, err error)
	// Also, if not nil, says which further records are written with the copy of one,
	// in the same transaction. Each names its topic and partition.
	Also func(context.Context, *kgo.Record) ([]*kgo.Record, error)
	// Copied, if not nil, hears of each transaction.
	Copied func(records int)
	Logger *slog.Logger
}

// Do copies until the run is done or ctx ends.
func (c *Copy) Do(ctx context.Context) error {
	for !c.Run.Done() {
		if err := c.member(ctx); err != nil {
			return err
		}
	}
	return nil
}

// member copies as a member of the replay's group, until the run is done or a batch
// cannot be read. A client does not always read on behind one, but a new one does.
func (c *Copy) member(ctx context.Context) error {
	session, err := kclient.NewGroupTransactSession(c.options()...)
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
		_, generation := session.Client().GroupMetadata()
		unreadable, err := unreadable(fetches)
		if err != nil {
			return c.explain(err)
		}
		committed := true
		switch {
		case !fetches.Empty():
			committed, err = c.transaction(context.WithoutCancel(ctx), session, fetches)
		case len(unreadable) == 0:
			err = c.Journal.Refresh(ctx, c.Run)
		}
		switch {
		case err != nil:
			return c.explain(err)
		case committed && len(unreadable) > 0:
			return c.skip(ctx, session.Client(), generation, unreadable)
		case kclient.Refused(session.Client()) > 0: // it is not told, or met again: a rebalance came between
			return nil
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

// transaction copies what was polled, and commits it with the progress. Where a
// rebalance is in its way, nothing is committed, and the records come again.
func (c *Copy) transaction(ctx context.Context, session *kgo.GroupTransactSession, fetches kgo.Fetches) (committed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, transactionTimeout)
	defer cancel()
	if err := session.Begin(); err != nil {
		return false, fmt.Errorf("begin a transaction: %w", err)
	}
	var failed atomic.Pointer[error]
	produce := func(rec *kgo.Record) {
		session.Produce(ctx, rec, func(_ *kgo.Record, err error) {
			if err != nil {
				failed.CompareAndSwap(nil, &err)
			}
		})
	}
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
		produce(&kgo.Record{
			Topic: c.To, Partition: rec.Partition, Key: rec.Key, Value: rec.Value, Headers: append(slices.Clone(rec.Headers), *header),
		})
		if c.Also == nil {
			continue
		}
		var also []*kgo.Record
		also, refused = c.Also(ctx, rec)
		for _, rec := range also {
			produce(rec)
		}
	}
	err = session.Client().Flush(ctx)
	if produced := failed.Load(); produced != nil {
		err = *produced
	}
	if err = errors.Join(refused, err); err != nil {
		return false, errors.Join(err, c.abort(session))
	}
	return c.commit(ctx, session, copied, next)
}

// commit ends the transaction well.
func (c *Copy) commit(ctx context.Context, session *kgo.GroupTransactSession, copied int, next map[int32]int64) (committed bool, err error) {
	committed, err = session.End(kgo.PreTxnCommitFnContext(ctx, c.annotate), kgo.TryCommit)
	if err != nil {
		return false, fmt.Errorf("commit: %w", err)
	}
	if !committed {
		c.Logger.Info("a rebalance of the replay's group came between; its last records are copied anew", "group", c.Journal.Group)
		return false, nil
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
	return true, nil
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
			p.Metadata = kmsg.StringPtr(c.Run.Metadata(p.Partition, ""))
		}
	}
	return nil
}

func (c *Copy) explain(err error) error {
	// The coordinator says InvalidTxnState to the epoch before the newest: it takes the
	// end of a transaction that the newer process had aborted for one sent twice.
	for _, fenced := range []error{kerr.ProducerFenced, kerr.InvalidProducerEpoch, kerr.InvalidProducerIDMapping, kerr.InvalidTxnState} {
		if errors.Is(err, fenced) {
			return fmt.Errorf("%w: %w", ErrTakenOver, err)
		}
	}
	return err
}
