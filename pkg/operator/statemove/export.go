package statemove

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/operator/statefile"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
	"github.com/sellerstream/sellerstream/pkg/platform/pause"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
	"github.com/sellerstream/sellerstream/schemas"
)

// Exported is what an export wrote.
type Exported struct {
	Entries    int `json:"entries"` // of state and switches
	Unknown    int `json:"unknown"` // of these, those that this version cannot read: they are copied as they are
	Positions  int `json:"positions"`
	Records    int `json:"records"`    // that not every role has read
	Unreadable int `json:"unreadable"` // batches of such records that nobody can read: they are left behind
}

// ExportOptions are what an export is told.
type ExportOptions struct {
	ID string // of the file
	// BuyerKeys is for a file that is deleted soon. A key that the pipeline deletes, so that
	// nobody can read about a buyer any more, stays in it.
	BuyerKeys bool
}

// Export writes all that a pipeline remembers, and what its roles have not read. The
// pipeline may run: then each unit's state is as of one moment, and units can differ by
// seconds.
func (p *Pipeline) Export(ctx context.Context, w io.Writer, opts ExportOptions) (Exported, error) {
	e := &exporter{
		Pipeline: p, opts: opts, began: time.Now(), texts: make(map[int]bool),
		next: make(map[place]int64), ran: make(map[unit]bool), ends: make(map[string]map[int32]int64),
		stood: make(map[string]map[int32]int64),
	}
	metadata, err := p.admin().BrokerMetadata(ctx)
	if err != nil {
		return e.done, fmt.Errorf("ask Kafka for its id: %w", err)
	}
	partitions, err := p.count(ctx)
	if err != nil {
		return e.done, err
	}
	e.namespace = metadata.Cluster + "/" + p.Prefix
	e.out, err = statefile.NewWriter(w, statefile.Header{
		ID: opts.ID, Time: e.began.UTC().Truncate(time.Millisecond), Cluster: metadata.Cluster, Prefix: p.Prefix, Partitions: partitions,
	})
	if err != nil {
		return e.done, err
	}
	for _, step := range []func(context.Context) error{e.state, e.published, e.positions, e.records} {
		if err := step(ctx); err != nil {
			return e.done, err
		}
	}
	maps.Copy(e.stood, e.ends)
	return e.done, e.out.Close(statefile.End{Namespace: e.namespace, Ends: e.stood, Unreadable: e.unreadable})
}

// maxNamed is how many batches that nobody can read are named.
const maxNamed = 20

type exporter struct {
	*Pipeline
	opts      ExportOptions
	out       *statefile.Writer
	began     time.Time
	done      Exported
	namespace string
	texts     map[int]bool               // schemas in the file, by id; false for ids that the registry does not know
	next      map[place]int64            // offset of the next record
	ran       map[unit]bool              // units that have had an owner
	ends      map[string]map[int32]int64 // of the log topics
	stood     map[string]map[int32]int64 // of those of state

	unreadable []string // batches of records
}

// place is where a role reads.
type place struct {
	role, topic string
	partition   int32
}

type unit struct {
	role      string
	partition int32
}

// state writes the newest entries, a partition at a time: as much as a unit has in memory
// is in ours.
func (e *exporter) state(ctx context.Context) error {
	reader := e.reader()
	topics := remembered()
	for i, topic := range topics {
		ends, err := reader.Ends(ctx, e.Prefix+topic)
		if errors.Is(err, topicread.ErrNoTopic) || topic == schemas.BuyerKeys && !e.opts.BuyerKeys {
			continue
		}
		if err != nil {
			return err
		}
		e.stood[topic] = ends
		for _, partition := range slices.Sorted(maps.Keys(ends)) {
			entries, err := reader.Newest(ctx, e.Prefix+topic, partition, ends[partition])
			if err != nil {
				return err
			}
			for _, key := range slices.Sorted(maps.Keys(entries)) {
				if err := e.entry(ctx, topic, partition, key, entries[key]); err != nil {
					return fmt.Errorf("topic %s, partition %d, key %s: %w", e.Prefix+topic, partition, schemas.Brief(key), err)
				}
			}
		}
		e.Progress("%d of %d topics of state, %d entries", i+1, len(topics), e.done.Entries)
	}
	return nil
}

func (e *exporter) entry(ctx context.Context, topic string, partition int32, key string, value []byte) error {
	if strings.HasPrefix(key, stream.ReservedKey) && slices.Contains(own(), topic) {
		if taken, err := e.reserved(ctx, topic, partition, key, value); taken || err != nil {
			return err
		}
	} else if key == stream.ClaimKey {
		return nil
	}
	known, err := e.schema(ctx, value)
	if err != nil {
		return err
	}
	_, plain, _ := pause.DecodePlain(value)
	plain = plain && topic == schemas.Switches // written while no registry answered
	if !known && !plain {
		return errors.New("the registry does not know its schema, and no other Kafka could read it: give the registry its schemas back first")
	}
	if _, err := e.Codec.Decode(ctx, topic, value); err != nil && !plain {
		e.done.Unknown++
	}
	e.done.Entries++
	return e.out.Write(statefile.Line{Entry: &statefile.Entry{Topic: topic, Partition: partition, Key: []byte(key), Value: value}})
}

// reserved takes an entry of the runtime's own: positions become times, and owners mean
// nothing elsewhere. One of a later version is left to be copied.
func (e *exporter) reserved(ctx context.Context, topic string, partition int32, key string, value []byte) (taken bool, err error) {
	name := strings.TrimPrefix(topic, schemas.StatePrefix)
	e.ran[unit{name, partition}] = true
	if key == stream.ClaimKey {
		return true, nil
	}
	decoded, err := e.Codec.Decode(ctx, topic, value)
	switch v := decoded.(type) {
	case *schemas.Position:
		e.next[place{name, v.Topic, partition}] = v.Offset
	case *schemas.Imported:
		if !v.Finished {
			return true, errors.New("the import into this pipeline has not finished: repeat it first")
		}
		e.namespace = v.Namespace
	default:
		if strings.HasPrefix(key, stream.PositionPrefix) || errors.Is(err, registry.ErrUnavailable) {
			return true, fmt.Errorf("it cannot be read: %w", err)
		}
		return false, nil
	}
	return true, nil
}

// schema writes the schema of a value before it, and reports whether there is one.
func (e *exporter) schema(ctx context.Context, value []byte) (known bool, err error) {
	id, ok := registry.SchemaID(value)
	if !ok {
		return false, nil
	}
	if known, asked := e.texts[id]; asked {
		return known, nil
	}
	text, known, err := e.Texts.Text(ctx, id)
	if err != nil {
		return false, err
	}
	e.texts[id] = known
	if !known {
		return false, nil
	}
	return true, e.out.Write(statefile.Line{Schema: &statefile.Schema{ID: id, Text: text}})
}

// published finds the positions of the roles that keep theirs as a group's offsets.
func (e *exporter) published(ctx context.Context) error {
	for _, r := range readers() {
		if len(r.State) > 0 {
			continue
		}
		offsets, err := e.admin().FetchOffsets(ctx, e.Prefix+r.Name)
		if errors.Is(err, kerr.GroupIDNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("the offsets of group %s: %w", e.Prefix+r.Name, err)
		}
		for _, topic := range inputsOf(r) {
			for partition, at := range offsets[e.Prefix+topic] {
				if at.Err == nil && at.At >= 0 {
					e.next[place{r.Name, topic, partition}] = at.At
					e.ran[unit{r.Name, partition}] = true
				}
			}
		}
	}
	return nil
}

// positions writes at which time each role has yet to read.
func (e *exporter) positions(ctx context.Context) error {
	for _, r := range readers() {
		for _, topic := range inputsOf(r) {
			if err := e.positionsIn(ctx, r, topic); err != nil {
				return err
			}
		}
		e.Progress("the positions of %s", r.Name)
	}
	return nil
}

func (e *exporter) positionsIn(ctx context.Context, r role.Role, topic string) error {
	starts, ends, err := e.span(ctx, topic)
	if err != nil || ends == nil {
		return err
	}
	at := make(map[int32]int64)
	for partition, end := range ends {
		where := place{r.Name, topic, partition}
		next, known := e.next[where]
		if !known && !e.ran[unit{r.Name, partition}] && !e.starts(r) {
			continue // whoever takes it over begins as a new unit does
		}
		next = max(next, starts[partition])
		e.next[where] = next
		if next < end {
			at[partition] = next
		}
	}
	times, err := e.times(ctx, topic, at)
	if err != nil {
		return err
	}
	for _, partition := range slices.Sorted(maps.Keys(ends)) {
		if _, ran := e.next[place{r.Name, topic, partition}]; !ran {
			continue
		}
		since, unread := times[partition]
		if !unread { // it has read all that there is
			since = e.began
		}
		e.done.Positions++
		line := statefile.Position{Role: r.Name, Topic: topic, Partition: partition, Time: since.UTC()}
		if err := e.out.Write(statefile.Line{Position: &line}); err != nil {
			return err
		}
	}
	return nil
}

// span is where a log topic begins and ends; ends is nil where there is no such topic. It
// ends where it ended when it was first looked at.
func (e *exporter) span(ctx context.Context, topic string) (starts, ends map[int32]int64, err error) {
	reader := e.reader()
	if ends = e.ends[topic]; ends == nil {
		ends, err = reader.Ends(ctx, e.Prefix+topic)
		if errors.Is(err, topicread.ErrNoTopic) {
			return nil, nil, nil
		}
		if err != nil {
			return nil, nil, err
		}
		e.ends[topic] = ends
	}
	starts, err = reader.Starts(ctx, e.Prefix+topic, time.Time{})
	return starts, ends, err
}

// timePatience is how long a record that is there is waited for.
const timePatience = 30 * time.Second

// times finds when the first records from the offsets on were appended. A batch that
// cannot be read has the zero time, from which all is read.
func (e *exporter) times(ctx context.Context, topic string, at map[int32]int64) (map[int32]time.Time, error) {
	found := make(map[int32]time.Time, len(at))
	if len(at) == 0 {
		return found, nil
	}
	ctx, cancel := context.WithTimeout(ctx, timePatience)
	defer cancel()
	from := make(map[int32]kgo.Offset, len(at))
	for partition, offset := range at {
		from[partition] = kgo.NewOffset().At(offset)
	}
	client, err := kclient.NewClient(append([]kgo.Opt{
		kgo.DisableClientMetrics(), kgo.KeepControlRecords(), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{e.Prefix + topic: from}),
	}, e.Kafka...)...)
	if err != nil {
		return nil, fmt.Errorf("Kafka client: %w", err)
	}
	defer client.Close()
	reader := kclient.NewReader(client, e.Prefix+topic, at)
	for len(found) < len(at) {
		fetches, passed, errs := reader.Poll(ctx)
		for _, fault := range errs {
			return nil, fmt.Errorf("read topic %s, partition %d: %w", e.Prefix+topic, fault.Partition, fault.Err)
		}
		fetches.EachRecord(func(rec *kgo.Record) {
			if _, known := found[rec.Partition]; !known {
				found[rec.Partition] = rec.Timestamp
			}
		})
		for _, batch := range passed {
			if _, known := found[batch.Partition]; !known {
				found[batch.Partition] = time.Time{}
			}
		}
	}
	return found, nil
}

// records writes what a role has not read, from the one on that is furthest behind: the
// others know what they have read, and an event that is published again has its id.
func (e *exporter) records(ctx context.Context) error {
	for _, topic := range slices.Sorted(maps.Keys(e.ends)) {
		starts, ends, err := e.span(ctx, topic)
		if err != nil {
			return err
		}
		from := make(map[int32]int64, len(ends))
		for partition, end := range ends {
			from[partition] = end
			for _, r := range readers() {
				if !slices.Contains(inputsOf(r), topic) {
					continue
				}
				if next, ran := e.next[place{r.Name, topic, partition}]; ran {
					from[partition] = min(from[partition], next)
				} else if e.starts(r) {
					from[partition] = min(from[partition], starts[partition])
				}
			}
		}
		reader := e.reader()
		reader.Unreadable = func(batch *kclient.UnreadableError) {
			if e.done.Unreadable++; len(e.unreadable) < maxNamed {
				e.unreadable = append(e.unreadable, batch.Error())
			}
		}
		err = reader.Committed(ctx, e.Prefix+topic, from, ends, func(rec *kgo.Record) error { return e.record(ctx, topic, rec) })
		if err != nil {
			return err
		}
	}
	e.Progress("%d records that not every role has read", e.done.Records)
	return nil
}

// starts reports whether a role is at work in this pipeline: then a unit of it that has
// had no owner yet has everything to read. A role that never ran waits for nothing.
func (e *exporter) starts(r role.Role) bool {
	for u := range e.ran {
		if u.role == r.Name {
			return true
		}
	}
	return false
}

func (e *exporter) record(ctx context.Context, topic string, rec *kgo.Record) error {
	if _, err := e.schema(ctx, rec.Value); err != nil {
		return err
	}
	line := statefile.Record{Topic: topic, Partition: rec.Partition, Time: rec.Timestamp.UTC(), Key: rec.Key, Value: rec.Value}
	for _, h := range rec.Headers {
		line.Headers = append(line.Headers, statefile.RecordHeader{Key: h.Key, Value: h.Value})
	}
	if e.done.Records++; e.done.Records%10_000 == 0 {
		e.Progress("%d records that not every role has read", e.done.Records)
	}
	return e.out.Write(statefile.Line{Record: &line})
}
