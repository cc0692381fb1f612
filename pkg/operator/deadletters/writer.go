package deadletters

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	// transactionTimeout is when Kafka ends the transaction of a command that
	// died: until then readers of the same partitions wait behind it.
	transactionTimeout = 10 * time.Second
	commitTimeout      = 5 * time.Second
	// A transaction holds at most so many letters, or so many bytes of them.
	batchLetters = 100
	batchBytes   = 4 << 20
)

// writer writes records and the notes of them in transactions.
type writer struct {
	letters *Letters
	client  *kgo.Client
	id      string // transactional id

	records []*kgo.Record
	bytes   int
	noted   map[string]int // letters of the records by action
	written map[string]int // letters committed by action
}

// newWriter fences whoever writes in the same way, and then learns what that one
// has done: from here on nobody else does anything.
func (l *Letters) newWriter(ctx context.Context) (*writer, error) {
	w := &writer{letters: l, id: l.opts.TransactionalPrefix + "-deadletters", noted: make(map[string]int), written: make(map[string]int)}
	client, err := kclient.NewClient(append([]kgo.Opt{
		kgo.DisableClientMetrics(),
		kgo.TransactionalID(w.id),
		kgo.TransactionTimeout(transactionTimeout),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)), // murmur2, as everywhere
		kgo.ProducerBatchMaxBytes(schemas.MaxRecordBytes),
		kgo.ManualFlushing(),
	}, l.opts.Kafka...)...)
	if err != nil {
		return nil, fmt.Errorf("Kafka client: %w", err)
	}
	w.client = client
	if _, _, err := client.ProducerID(ctx); err != nil {
		client.Close()
		return nil, w.explain("begin", err)
	}
	if l.marks, err = l.readMarks(ctx); err != nil {
		client.Close()
		return nil, err
	}
	return w, nil
}

func (w *writer) close() { w.client.Close() }

// add puts a record into the transaction of the next note.
func (w *writer) add(rec *kgo.Record) {
	w.records = append(w.records, rec)
	w.bytes += len(rec.Key) + len(rec.Value)
}

// note writes what was done about a letter. It commits where enough has
// been gathered, but never between a letter's record and its note.
func (w *writer) note(ctx context.Context, letter *Letter, action, target string) error {
	resolution := w.letters.resolution(letter, action, target)
	value, err := w.letters.opts.Codec.AppendEncode(nil, schemas.DeadLettersResolved, resolution)
	if err != nil {
		return err
	}
	w.add(&kgo.Record{Topic: w.letters.opts.Prefix + schemas.DeadLettersResolved, Key: []byte(letter.ID), Value: value})
	w.letters.marks.put(resolution)
	w.noted[action]++
	if len(w.records) < 2*batchLetters && w.bytes < batchBytes {
		return nil
	}
	return w.commit(ctx)
}

// commit writes what has been gathered, all or nothing of it.
func (w *writer) commit(ctx context.Context) error {
	if len(w.records) == 0 {
		return nil
	}
	if err := w.client.BeginTransaction(); err != nil {
		return w.explain("begin a transaction", err)
	}
	var failed atomic.Pointer[error]
	for _, rec := range w.records {
		w.client.Produce(ctx, rec, func(rec *kgo.Record, err error) {
			if err != nil {
				err = fmt.Errorf("topic %s: %w", rec.Topic, err)
				failed.CompareAndSwap(nil, &err)
			}
		})
	}
	err := w.client.Flush(ctx)
	if failure := failed.Load(); failure != nil {
		err = *failure
	}
	if err != nil {
		w.abort(ctx)
		return w.explain("write", err)
	}
	// From here on it is done or not, whatever the operator wishes.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	if err := w.client.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return w.explain("commit", err)
	}
	for action, n := range w.noted {
		w.written[action] += n
	}
	w.records, w.bytes = nil, 0
	clear(w.noted)
	return nil
}

// abort frees the readers behind the transaction early, where it can.
func (w *writer) abort(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	err := w.client.AbortBufferedRecords(ctx)
	if err == nil {
		err = w.client.EndTransaction(ctx, kgo.TryAbort)
	}
	if err != nil {
		w.letters.opts.Logger.Debug("the failed transaction was not aborted by us", "error", err)
	}
}

// explain returns what to do about an error of Kafka.
func (w *writer) explain(what string, err error) error {
	remedy := "what was committed before stands, and the same command goes on with the rest"
	switch {
	case errors.Is(err, kerr.ProducerFenced), errors.Is(err, kerr.InvalidProducerEpoch),
		errors.Is(err, kerr.InvalidTxnState): // the one who fences ends what is open
		remedy = "another retry or discard has begun meanwhile: what this one committed stands; see `sellerstream deadletters list` when the other is done"
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		remedy = "create the topic with `sellerstream topics apply`"
	case errors.Is(err, kerr.TransactionalIDAuthorizationFailed):
		remedy = "allow Describe and Write on transactional id " + w.id
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		remedy = "allow Write on the topic to this user"
	}
	return fmt.Errorf("%s: %w; %s", what, err, remedy)
}
