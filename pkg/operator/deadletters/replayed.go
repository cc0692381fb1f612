package deadletters

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/schemas"
)

// Replayed closes the open letters of what a replay does once more. It closes them as
// a retry does those that it sends back: when the record goes, not when something has
// come of it. What fails again is set aside again, as another letter. So nobody need
// wait for the processor, and the processors need not be allowed to close letters.
//
// A letter of a record is closed by that record, at the same place and of the same
// time: a topic that was made anew counts from 0 again. What was given up of an order
// is closed by any change of it, which has it fetched. The letter of a whole batch
// stays: its records could not be read.
//
// It may be used from any goroutine. A nil Replayed closes nothing.
type Replayed struct {
	letters    *Letters
	partitions int // of dead-letters.resolved

	mu      sync.Mutex
	records map[place][]openLetter
	orders  map[string][]openLetter // by account and order
	noted   map[string]struct{}     // ids whose notes are under way
	closed  map[string]struct{}     // ids whose notes are committed
}

type place struct {
	partition int32
	offset    int64
}

type openLetter struct {
	id   string
	time int64 // of the record, in Unix milliseconds; 0 where that is not known
}

// Replayed finds the open letters that role has written of a topic's records.
func (l *Letters) Replayed(ctx context.Context, role, topic string) (*Replayed, error) {
	r := &Replayed{
		letters: l, records: make(map[place][]openLetter), orders: make(map[string][]openLetter),
		noted: make(map[string]struct{}), closed: make(map[string]struct{}),
	}
	ends, err := l.reader.Ends(ctx, l.opts.Prefix+schemas.DeadLettersResolved)
	if err != nil {
		return nil, err
	}
	r.partitions = len(ends)
	return r, l.Each(ctx, Filter{Role: role}, func(letter *Letter) error {
		r.add(letter, topic)
		return nil
	})
}

func (r *Replayed) add(letter *Letter, topic string) {
	dead := &letter.DeadLetter
	if id, ok := orderOf(letter); ok && topic == schemas.OrderChanges {
		key := orderKey(dead.Account, id)
		r.orders[key] = append(r.orders[key], openLetter{id: dead.ID})
		return
	}
	if dead.Partition == nil || dead.Offset == nil || dead.LastOffset != nil || strings.TrimPrefix(dead.Source, r.letters.opts.Prefix) != topic {
		return
	}
	open := openLetter{id: dead.ID}
	if !dead.SourceTime.IsZero() {
		open.time = dead.SourceTime.UnixMilli()
	}
	at := place{*dead.Partition, *dead.Offset}
	r.records[at] = append(r.records[at], open)
}

func orderKey(account, order string) string { return account + "/" + order }

// Empty reports whether there is nothing to close.
func (r *Replayed) Empty() bool { return r == nil || len(r.records)+len(r.orders) == 0 }

// Notes are the records to write beside a record that is done once more, which say of
// its letters that it was. value is what the record holds. They are to be committed
// with it, and Committed called after that.
func (r *Replayed) Notes(rec *kgo.Record, value any, target string) ([]*kgo.Record, error) {
	var notes []*kgo.Record
	for _, id := range r.Mean(rec, value) {
		note, err := r.note(id, target)
		if err != nil {
			return nil, err
		}
		notes = append(notes, note)
	}
	return notes, nil
}

// Mean makes Write close the letters of a record, and returns their ids.
func (r *Replayed) Mean(rec *kgo.Record, value any) []string {
	if r.Empty() {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var ids []string
	for _, open := range r.lettersOf(rec, value) {
		if _, done := r.closed[open.id]; !done {
			r.noted[open.id] = struct{}{}
			ids = append(ids, open.id)
		}
	}
	return ids
}

func (r *Replayed) lettersOf(rec *kgo.Record, value any) []openLetter {
	var found []openLetter
	for _, open := range r.records[place{rec.Partition, rec.Offset}] {
		if open.time == 0 || open.time == rec.Timestamp.UnixMilli() {
			found = append(found, open)
		}
	}
	if change, ok := value.(*schemas.OrderChange); ok {
		found = append(found, r.orders[orderKey(change.Account, change.OrderID)]...)
	}
	return found
}

func (r *Replayed) note(id, target string) (*kgo.Record, error) {
	resolution := r.letters.resolution(&Letter{DeadLetter: schemas.DeadLetter{ID: id}}, Again, target)
	value, err := r.letters.opts.Codec.AppendEncode(nil, schemas.DeadLettersResolved, resolution)
	if err != nil {
		return nil, err
	}
	note := &kgo.Record{Topic: r.letters.opts.Prefix + schemas.DeadLettersResolved, Key: []byte(id), Value: value}
	note.Partition = int32(kgo.StickyKeyPartitioner(nil).ForTopic(note.Topic).Partition(note, r.partitions))
	return note, nil
}

// Committed notes that all that Notes has returned so far is committed.
func (r *Replayed) Committed() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.Copy(r.closed, r.noted)
	clear(r.noted)
}

// Closed is how many letters were closed.
func (r *Replayed) Closed() int {
	if r == nil {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.closed)
}

// Write closes the letters that are meant, where the thing that was done once more is no
// record of Kafka's, such as an event: the notes can only follow it.
func (r *Replayed) Write(ctx context.Context, target string) error {
	if r.Empty() || len(r.noted) == 0 {
		return nil
	}
	client, err := kclient.NewClient(append(slices.Clone(r.letters.opts.Kafka), kgo.DisableClientMetrics(), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		return fmt.Errorf("Kafka client: %w", err)
	}
	defer client.Close()
	var notes []*kgo.Record
	for id := range r.noted {
		note, err := r.note(id, target)
		if err != nil {
			return err
		}
		notes = append(notes, note)
	}
	if err := client.ProduceSync(ctx, notes...).FirstErr(); err != nil {
		return fmt.Errorf("write to topic %s that letters are closed: %w", notes[0].Topic, err)
	}
	r.Committed()
	return nil
}
