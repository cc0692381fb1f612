package statemove

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/operator/statefile"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
	"github.com/sellerstream/sellerstream/schemas"
)

// ImportOptions are what an import is told.
type ImportOptions struct {
	// Force removes what the pipeline remembers first, except keys of buyer data. Without it a
	// pipeline that remembers something is refused.
	Force bool
	// Mirrored is for a Kafka whose log topics hold the records of the exported one: then
	// those of the file are not written, and each role goes on by the time of its position.
	Mirrored bool
	// Margin is how much before that time, for clocks that differ.
	Margin time.Duration
	// Finish, if not nil, is asked before the import counts as finished.
	Finish func(context.Context, statefile.End) error
}

// Imported is what an import wrote.
type Imported struct {
	Entries   int   `json:"entries"`
	Verbatim  int   `json:"verbatim"` // of these, those whose offsets could not be set below those of this Kafka
	Records   int   `json:"records"`
	Positions int   `json:"positions"`
	Resumed   int64 `json:"resumed"` // lines that an import before had written
	Before    bool  `json:"before"`  // the same file was imported to its end before: nothing was written
}

// ErrNotEmpty says that a pipeline remembers something already.
var ErrNotEmpty = errors.New("it remembers something already, and what a file holds would be mixed with it")

// ErrRecords says that the log topics of a pipeline hold records.
var ErrRecords = errors.New("there are records already, and all of them would be read again")

// Import writes a file into a pipeline whose topics are there. Each line is written once,
// however often it is interrupted and repeated: lines and how many there were are one
// transaction. No unit begins with a state whose import has not finished.
func (p *Pipeline) Import(ctx context.Context, file io.Reader, opts ImportOptions) (Imported, error) {
	in, err := statefile.NewReader(file)
	if err != nil {
		return Imported{}, err
	}
	if err := p.Stopped(ctx); err != nil {
		return Imported{}, err
	}
	partitions, err := p.count(ctx)
	if err != nil {
		return Imported{}, err
	}
	i := &importer{
		Pipeline: p, opts: opts, in: in, same: in.Header.Partitions == partitions, partitioner: newPartitioner(partitions),
		schemas: make(map[int]string), offsets: newOffsets(), times: make(map[readAt]map[int32]time.Time), topics: make(map[string]bool),
		held: make(map[string]map[int32]int64), turned: make(map[string]schemas.Switch),
	}
	if err := i.open(ctx); err != nil {
		return i.done, err
	}
	defer i.client.Close()
	if i.done.Before {
		return i.done, nil
	}
	return i.done, i.lines(ctx)
}

const (
	// batchRecords and batchBytes bound a transaction.
	batchRecords = 1000
	batchBytes   = 4 << 20
)

type importer struct {
	*Pipeline
	partitioner
	opts    ImportOptions
	in      *statefile.Reader
	client  *kgo.Client // writes all, in transactions
	done    Imported
	same    bool                       // as many partitions as the exported one has
	topics  map[string]bool            // those that are there, by logical name
	held    map[string]map[int32]int64 // where the topics of state ended at first
	turned  map[string]schemas.Switch  // the switches that are there
	schemas map[int]string
	offsets *offsets
	times   map[readAt]map[int32]time.Time // of the positions, by partition of the exported one
	batch   []*kgo.Record
	bytes   int
}

type readAt struct{ role, topic string }

// open begins the import, or goes on with it.
func (i *importer) open(ctx context.Context) error {
	found, err := i.admin().ListTopics(ctx)
	if err != nil {
		return fmt.Errorf("list topics: %w", err)
	}
	for _, t := range schemas.Topics() {
		i.topics[t.Name] = found.Has(i.Prefix + t.Name)
	}
	if i.client, err = newTransactor(i.Kafka, i.TransactionalPrefix+"-import"); err != nil {
		return fmt.Errorf("Kafka client: %w", err)
	}
	if err = i.switches(ctx); err == nil {
		err = i.resume(ctx)
	}
	if err != nil {
		i.client.Close()
		return err
	}
	return nil
}

// resume finds what is there, and begins or goes on.
func (i *importer) resume(ctx context.Context) error {
	if _, _, err := i.client.ProducerID(ctx); err != nil { // an import that still runs writes nothing more
		return fmt.Errorf("fence an import before: %w", err)
	}
	if err := i.layout(ctx); err != nil {
		return err
	}
	before, err := i.before(ctx)
	if err != nil {
		return err
	}
	ours := before != nil && before.ID == i.in.Header.ID
	switch {
	case ours && before.Finished && !i.opts.Force: // who asked did not hear of the end
		i.done.Before = true
		return nil
	case ours && before.Lines > 0 && !before.Finished:
		i.done.Resumed = before.Lines
		return nil
	}
	if !i.opts.Force {
		if before != nil && !ours {
			return i.mixed()
		}
		if err := i.present(ctx, func(*kgo.Record) error { return i.mixed() }); err != nil {
			return err
		}
	}
	if err := i.unlogged(ctx); err != nil {
		return err
	}
	return i.begin(ctx)
}

func (i *importer) mixed() error {
	return fmt.Errorf("the pipeline with the prefix %s: %w: import into topics that are new, or remove what it remembers with --force", i.Prefix, ErrNotEmpty)
}

// layout finds what the topics of state hold. All must have as many partitions.
func (i *importer) layout(ctx context.Context) error {
	for _, topic := range append(remembered(), schemas.StateInventoryShares) {
		if topic == schemas.Switches || !i.topics[topic] {
			continue
		}
		ends, err := i.reader().Ends(ctx, i.Prefix+topic)
		if err != nil {
			return err
		}
		if len(ends) != int(i.partitions) {
			return fmt.Errorf("topic %s has %d partitions, and %s has %d: all must have as many", i.Prefix+topic, len(ends), i.Prefix+own()[0], i.partitions)
		}
		i.held[topic] = ends
	}
	return nil
}

// before is what an import before this one says; nil where there was none.
func (i *importer) before(ctx context.Context) (*schemas.Imported, error) {
	topic := own()[0]
	entries, err := i.reader().Newest(ctx, i.Prefix+topic, 0, i.held[topic][0])
	value, ok := entries[stream.ImportedKey]
	if err != nil || !ok {
		return nil, err
	}
	decoded, err := i.Codec.Decode(ctx, topic, value)
	before, _ := decoded.(*schemas.Imported)
	return before, err
}

// present gives do a deletion of each key that the pipeline remembers, with no more in
// memory than one partition's. Switches are left out: calls may be paused before there is
// anything else. Keys of buyer data are not deleted: most files have none, what they encrypt
// could be read no more, and they are deleted when their time comes.
func (i *importer) present(ctx context.Context, do func(*kgo.Record) error) error {
	for _, topic := range slices.Sorted(maps.Keys(i.held)) {
		if i.opts.Force && topic == schemas.BuyerKeys {
			continue
		}
		for partition, end := range i.held[topic] {
			entries, err := i.reader().Newest(ctx, i.Prefix+topic, partition, end)
			if err != nil {
				return err
			}
			delete(entries, stream.ImportedKey)
			for key := range entries {
				if err := do(&kgo.Record{Topic: i.Prefix + topic, Partition: partition, Key: []byte(key)}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// unlogged refuses log topics that hold records: without positions each unit would begin
// with the first of them, and read those of the file besides.
func (i *importer) unlogged(ctx context.Context) error {
	for _, r := range readers() {
		for _, topic := range inputsOf(r) {
			if i.opts.Mirrored || !i.topics[topic] {
				continue
			}
			starts, err := i.reader().Starts(ctx, i.Prefix+topic, time.Time{})
			if err != nil {
				return err
			}
			ends, err := i.reader().Ends(ctx, i.Prefix+topic)
			if err != nil {
				return err
			}
			for partition, end := range ends {
				if starts[partition] < end {
					return fmt.Errorf("%w: %s, partition %d: import into new topics; or, if these are the exported pipeline's own topics or a mirror of them, go on in them by time with --mirrored", ErrRecords, i.Prefix+topic, partition)
				}
			}
		}
	}
	return nil
}

// begin removes what is there, and has no unit begin until the import has finished. A unit
// that began before that is fenced then: it writes nothing after what is looked at here.
func (i *importer) begin(ctx context.Context) error {
	if err := i.Fence(ctx); err != nil { // refused behind the marks, it would leave them
		return err
	}
	marks, err := i.marks(&schemas.Imported{ID: i.in.Header.ID, Time: i.in.Header.Time})
	if err != nil {
		return err
	}
	i.batch = append(i.batch, marks...)
	if err := i.commit(ctx, nil); err != nil {
		return err
	}
	if err := i.clear(ctx); err != nil {
		return fmt.Errorf("%w; this has come since the import began, and no unit begins here until one has finished: stop all that runs, and repeat the import with --force, which removes what was written; or delete the topics %s*, and create them anew", err, i.Prefix)
	}
	return nil
}

// clear looks again, behind the marks, at what was looked at before them, and removes what
// is there.
func (i *importer) clear(ctx context.Context) error {
	if err := i.Fence(ctx); err != nil {
		return err
	}
	if err := i.Stopped(ctx); err != nil {
		return err
	}
	if err := i.layout(ctx); err != nil {
		return err
	}
	if err := i.unlogged(ctx); err != nil {
		return err
	}
	do := func(*kgo.Record) error { return i.mixed() }
	if i.opts.Force {
		do = func(rec *kgo.Record) error { return i.add(ctx, rec, nil) }
	}
	if err := i.present(ctx, do); err != nil {
		return err
	}
	return i.commit(ctx, nil)
}

// marks are what an import says in each unit's state.
func (i *importer) marks(imported *schemas.Imported) (marks []*kgo.Record, err error) {
	for _, topic := range own() {
		if !i.topics[topic] {
			continue
		}
		value, err := i.Codec.AppendEncode(nil, topic, imported)
		if err != nil {
			return nil, err
		}
		for partition := range i.partitions {
			marks = append(marks, &kgo.Record{Topic: i.Prefix + topic, Partition: partition, Key: []byte(stream.ImportedKey), Value: value})
		}
	}
	return marks, nil
}

// lines writes the lines of the file.
func (i *importer) lines(ctx context.Context) error {
	for {
		line, err := i.in.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("%w; what was imported until here stays, and no unit begins with it: the whole of this file goes on here, another one needs --force", err)
		}
		if err := i.line(ctx, line); err != nil {
			return fmt.Errorf("line %d of the file: %w; the same command goes on here", i.in.Lines(), err)
		}
	}
}

func (i *importer) line(ctx context.Context, line statefile.Line) error {
	var rec *kgo.Record
	var err error
	switch {
	case line.Schema != nil:
		i.schemas[line.Schema.ID] = line.Schema.Text
	case line.Position != nil:
		at := readAt{line.Position.Role, line.Position.Topic}
		if i.times[at] == nil {
			i.times[at] = make(map[int32]time.Time)
		}
		i.times[at][line.Position.Partition] = line.Position.Time
	case line.End != nil:
		return i.finish(ctx, *line.End)
	case i.in.Lines() <= i.done.Resumed: // it is there
	case line.Entry != nil:
		i.done.Entries++
		rec, err = i.entry(ctx, line.Entry)
	case line.Record != nil && !i.opts.Mirrored:
		i.done.Records++
		rec, err = i.record(ctx, line.Record)
	}
	if err != nil || rec == nil {
		return err
	}
	return i.add(ctx, rec, i.so())
}

// so is how far the import is.
func (i *importer) so() *schemas.Imported {
	return &schemas.Imported{ID: i.in.Header.ID, Time: i.in.Header.Time, Lines: i.in.Lines()}
}

// entry is an entry of the file as it is to stand here.
func (i *importer) entry(ctx context.Context, entry *statefile.Entry) (*kgo.Record, error) {
	if !i.topics[entry.Topic] {
		return nil, fmt.Errorf("there is no topic %s: create it with `sellerstream topics apply`", i.Prefix+entry.Topic)
	}
	if entry.Topic == schemas.Switches {
		return i.turn(ctx, entry)
	}
	id, _ := registry.SchemaID(entry.Value)
	text, ok := i.schemas[id]
	if !ok {
		return nil, fmt.Errorf("its schema %d is not in the file", id)
	}
	value, below := i.offsets.below(text, entry.Value)
	if !below {
		i.done.Verbatim++
	}
	now, err := i.Texts.ID(ctx, entry.Topic, text)
	if err != nil {
		return nil, err
	}
	partition := entry.Partition
	if !i.same {
		partition = i.placed(entry)
	}
	return &kgo.Record{Topic: i.Prefix + entry.Topic, Partition: partition, Key: entry.Key, Value: registry.WithSchemaID(value, now)}, nil
}

// placed is the partition of an entry where the pipelines have different numbers of them.
func (i *importer) placed(entry *statefile.Entry) int32 {
	account := accountOf(entry.Topic, string(entry.Key))
	if account == "" { // nobody looks for it by its account
		return entry.Partition % i.partitions
	}
	return i.place([]byte(account))
}

// record is a record of the file as it is to stand here.
func (i *importer) record(ctx context.Context, record *statefile.Record) (*kgo.Record, error) {
	if !i.topics[record.Topic] {
		return nil, fmt.Errorf("there is no topic %s: create it with `sellerstream topics apply`", i.Prefix+record.Topic)
	}
	partition := record.Partition
	if !i.same {
		partition %= i.partitions
		if len(record.Key) > 0 {
			partition = i.place(record.Key)
		}
	}
	rec := &kgo.Record{Topic: i.Prefix + record.Topic, Partition: partition, Key: record.Key, Value: record.Value}
	if id, ok := registry.SchemaID(record.Value); ok {
		now := registry.NoSchemaID
		if text, known := i.schemas[id]; known {
			var err error
			if now, err = i.Texts.ID(ctx, record.Topic, text); err != nil {
				return nil, err
			}
		}
		rec.Value = registry.WithSchemaID(record.Value, now)
	}
	dated := false
	for _, h := range record.Headers {
		value := h.Value
		dated = dated || h.Key == schemas.RetryTimeHeader
		if origin, err := schemas.ParseOrigin(value); err == nil && h.Key == schemas.ReplayHeader {
			origin.Partition, origin.Offset = partition, schemas.ImportedOffset(origin.Offset)
			value = origin.Header()
		}
		rec.Headers = append(rec.Headers, kgo.RecordHeader{Key: h.Key, Value: value})
	}
	if !dated && !record.Time.IsZero() { // a record without a time of its own is no newer than it was
		rec.Headers = append(rec.Headers, kgo.RecordHeader{Key: schemas.RetryTimeHeader, Value: strconv.AppendInt(nil, record.Time.UnixMilli(), 10)})
	}
	return rec, nil
}

// finish writes the positions, and lets units begin.
func (i *importer) finish(ctx context.Context, end statefile.End) error {
	if i.opts.Finish != nil {
		if err := i.opts.Finish(ctx, end); err != nil {
			return err
		}
	}
	if err := i.commit(ctx, i.so()); err != nil { // what is left of the lines
		return err
	}
	if i.opts.Mirrored {
		if err := i.positions(ctx); err != nil {
			return err
		}
	}
	marks, err := i.marks(&schemas.Imported{
		ID: i.in.Header.ID, Time: i.in.Header.Time, Lines: i.in.Lines(), Finished: true, Namespace: end.Namespace,
	})
	if err != nil {
		return err
	}
	i.batch = append(i.batch, marks...)
	return i.commit(ctx, nil)
}

// add writes a record with the next transaction. so is how far the import then is.
func (i *importer) add(ctx context.Context, rec *kgo.Record, so *schemas.Imported) error {
	if rec.Topic == i.Prefix+schemas.Switches {
		// Processes of version 0.1.0 would wait for a transaction's marker, which they are
		// not given. To write a switch twice changes nothing.
		return i.Client.ProduceSync(ctx, rec).FirstErr() // placed by its key
	}
	i.batch = append(i.batch, rec)
	i.bytes += len(rec.Key) + len(rec.Value)
	if len(i.batch) < batchRecords && i.bytes < batchBytes {
		return nil
	}
	return i.commit(ctx, so)
}

// commit writes the batch in a transaction.
func (i *importer) commit(ctx context.Context, so *schemas.Imported) error {
	if so != nil {
		topic := own()[0]
		value, err := i.Codec.AppendEncode(nil, topic, so)
		if err != nil {
			return err
		}
		i.batch = append(i.batch, &kgo.Record{Topic: i.Prefix + topic, Key: []byte(stream.ImportedKey), Value: value})
	}
	if len(i.batch) == 0 {
		return nil
	}
	if err := i.client.BeginTransaction(); err != nil {
		return err
	}
	if err := i.client.ProduceSync(ctx, i.batch...).FirstErr(); err != nil {
		return err
	}
	if err := i.client.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	i.batch, i.bytes = nil, 0
	i.Progress("%d lines of the file, %d entries and %d records written", i.in.Lines(), i.done.Entries, i.done.Records)
	return nil
}

// positions sets where each role goes on, by time.
func (i *importer) positions(ctx context.Context) error {
	group := make(map[string]kadm.Offsets)
	for _, r := range readers() {
		for _, topic := range inputsOf(r) {
			times := i.times[readAt{r.Name, topic}]
			if len(times) == 0 || !i.topics[topic] {
				continue
			}
			at, err := i.after(ctx, topic, times)
			if err != nil {
				return err
			}
			for partition, offset := range at {
				i.done.Positions++
				if len(r.State) == 0 {
					offsets := group[r.Name]
					offsets.Add(kadm.Offset{Topic: i.Prefix + topic, Partition: partition, At: offset, LeaderEpoch: -1})
					group[r.Name] = offsets
					continue
				}
				state := r.State[0].Topic
				value, err := i.Codec.AppendEncode(nil, state, &schemas.Position{Topic: topic, Offset: offset, Epoch: -1})
				if err != nil {
					return err
				}
				i.batch = append(i.batch, &kgo.Record{Topic: i.Prefix + state, Partition: partition, Key: []byte(stream.PositionPrefix + topic), Value: value})
			}
		}
	}
	for name, offsets := range group {
		if err := i.admin().CommitAllOffsets(ctx, i.Prefix+name, offsets); err != nil {
			return fmt.Errorf("set the offsets of group %s: %w", i.Prefix+name, err)
		}
	}
	return nil
}

// after are the offsets of each partition of a topic at the positions' times. With another
// number of partitions an account can come from any, so that of the furthest behind counts.
func (i *importer) after(ctx context.Context, topic string, times map[int32]time.Time) (map[int32]int64, error) {
	reader := topicread.Reader{Admin: i.admin()}
	if !i.same {
		earliest := slices.MinFunc(slices.Collect(maps.Values(times)), time.Time.Compare)
		return reader.Starts(ctx, i.Prefix+topic, i.since(earliest))
	}
	at := make(map[int32]int64, len(times))
	for partition, since := range times {
		starts, err := reader.Starts(ctx, i.Prefix+topic, i.since(since))
		if err != nil {
			return nil, err
		}
		at[partition] = starts[partition]
	}
	return at, nil
}

// since is a position's time, less the margin. The zero time is the log's start.
func (i *importer) since(position time.Time) time.Time {
	if position.IsZero() {
		return position
	}
	return position.Add(-i.opts.Margin)
}
