package stream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	// markerDelay is how long a position may lag behind the markers of other
	// producers' transactions, which by themselves are no reason for a commit.
	markerDelay = time.Minute
	// recentTimeout bounds how long a takeover asks where the recent records begin.
	recentTimeout = 10 * time.Second
	// decodeTimeout bounds how long a tick asks for schemas. Until then the unit
	// does nothing else.
	decodeTimeout = time.Second
	// maxTickBytes bounds the records of a tick, and of what waits for the next ones,
	// as they lie in memory (containment rule 1).
	maxTickBytes = 4 << 20
	// recordOverhead is what a record takes besides its bytes.
	recordOverhead = 200
)

// input is a unit's partition of one input topic.
type input struct {
	logical string
	topic   string
	next    int64 // offset of the next record to apply; -1 for the start of the log
	fetched int64 // offset behind the last record in queue; less than next where it is empty
	epoch   int32 // leader epoch of the last one
	dirty   bool  // next is not in the state yet
	queue   []*kgo.Record
	bytes   int    // of the records in queue
	ids     string // what the IDs of its records begin with
	rank    rank
	again   again
	waiting bool          // for the schema of the first in queue
	paused  bool          // the client does not fetch it
	applied *atomic.Int64 // next, as others see it
}

// intake is a unit's inputs: what was fetched and not yet applied.
type intake struct {
	s       *session
	inputs  []*input // by rank
	byTopic map[string]*input
	spare   *machine.Record // that nobody needs any more; nil for none
	most    map[string]int  // how large a value of an input may be for the machine to get it, by logical name
	full    bool            // the machine has too much pending
	busy    bool            // the machine has too much pending for replays
	owners  owners

	retry   *time.Timer // tries inputs that wait again
	attempt int         // how often that was
	waiting bool        // retry is set
	lag     *time.Timer // makes lagging positions due
	lagging bool        // lag is set
	flush   bool        // lagging positions are due
	looked  bool        // how many partitions the topics have is known as of this tick
	unfit   error       // why the unit cannot go on behind its positions
}

func newIntake(s *session) *intake {
	in := &intake{
		s: s, byTopic: make(map[string]*input), most: make(map[string]int),
		owners: newOwners(s.u.partition, s.u.p.topology.partitions),
		retry:  stoppedTimer(), lag: stoppedTimer(),
	}
	in.owners.accountOf = s.opts.AccountOf
	for _, logical := range s.opts.Inputs {
		in.most[logical] = schemas.MaxRecordBytes
		if t, ok := schemas.TopicOf(logical); ok {
			in.most[logical] = t.MaxValueBytes()
		}
	}
	for _, logical := range s.opts.consumed() {
		i := &input{logical: logical, topic: s.opts.topic(logical), next: -1, fetched: -1, epoch: -1, rank: rankInput}
		i.applied = s.u.applied[i.topic]
		switch {
		case logical == s.opts.Replays:
			i.rank = rankReplayed
		case slices.Contains(s.opts.NeverPaused, logical):
			i.rank = rankAlways
		}
		in.inputs = append(in.inputs, i)
		in.byTopic[i.topic] = i
	}
	slices.SortStableFunc(in.inputs, func(a, b *input) int { return cmp.Compare(a.rank, b.rank) })
	return in
}

// restore takes a position from the state. One of a topic that is no longer
// an input is left alone.
func (in *intake) restore(position *schemas.Position) {
	if i := in.byTopic[in.s.opts.topic(position.Topic)]; i != nil {
		i.next, i.epoch = position.Offset, position.Epoch
		i.again = again{position.Replay, position.ReplayUntil}
		in.s.u.positions.set(i.topic, i.next)
	}
}

// position is what the state keeps of an input.
func (i *input) position() *schemas.Position {
	position := &schemas.Position{Topic: i.logical, Offset: i.next, Epoch: i.epoch}
	if i.next < i.again.until {
		position.Replay, position.ReplayUntil = i.again.replay, i.again.until
	}
	return position
}

// settleRecent gives a position to each input that the state has none in and whose old
// records are of no use. The first tick commits it, so that no owner chooses another one:
// what came while nobody read is not passed over.
func (in *intake) settleRecent(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, recentTimeout)
	defer cancel()
	for _, i := range in.inputs {
		recent := in.s.opts.Recent[i.logical]
		if i.next >= 0 || recent <= 0 {
			continue
		}
		offsets, err := kadm.NewClient(in.s.client).ListOffsetsAfterMilli(ctx, time.Now().Add(-recent).UnixMilli(), i.topic)
		if err != nil {
			return fmt.Errorf("find the records of the last %v in topic %s: %w", recent, i.topic, err)
		}
		at, found := offsets.Lookup(i.topic, in.s.u.partition)
		if !found {
			at.Err = kerr.UnknownTopicOrPartition
		}
		if at.Err != nil {
			return fmt.Errorf("find the records of the last %v in topic %s, partition %d: %w", recent, i.topic, in.s.u.partition, at.Err)
		}
		i.next, i.dirty, in.flush = at.Offset, true, true
	}
	return nil
}

// start begins to consume at the positions, or at the start of the log where the state has none.
func (in *intake) start() {
	offsets := make(map[string]map[int32]kgo.Offset, len(in.inputs))
	for _, i := range in.inputs {
		at := kgo.NewOffset().AtStart()
		if i.next >= 0 {
			at = kgo.NewOffset().At(i.next).WithEpoch(i.epoch)
		}
		offsets[i.topic] = map[int32]kgo.Offset{in.s.u.partition: at}
	}
	in.s.client.AddConsumePartitions(offsets)
}

// identify notes the id of the topic that was fetched: a topic that is made anew has
// the same name and offsets, and another id.
func (in *intake) identify(topic kgo.FetchTopic) {
	i := in.byTopic[topic.Topic]
	if i == nil || i.ids != "" && topic.TopicID == [16]byte{} {
		return
	}
	i.ids = recordIDs(in.s.u.p.namespace, topic.Topic, topic.TopicID, in.s.u.partition)
}

// recordIDs is what the IDs of the records of a topic's partition begin with. A
// broker that gives topics no ids has the pipeline and the topic's name instead.
func recordIDs(namespace, topic string, id [16]byte, partition int32) string {
	name := kadm.TopicID(id).String()
	if id == [16]byte{} {
		name = schemas.EventID(namespace, topic)
	}
	return fmt.Sprintf("%s/%d/", name, partition)
}

// add queues a fetched record. A record that the client fetches again, after its
// position was set, is not queued again.
func (in *intake) add(rec *kgo.Record) {
	i := in.byTopic[rec.Topic]
	if i == nil || rec.Offset < i.reading() {
		return // of the state topic, fetched before it was purged
	}
	i.queue = append(i.queue, rec)
	i.fetched = rec.Offset + 1
	i.bytes += size(rec)
}

// bytes is what the queued records take in memory, about.
func (in *intake) bytes() (n int) {
	for _, i := range in.inputs {
		n += i.bytes
	}
	return n
}

// reading is where the client goes on to fetch.
func (i *input) reading() int64 { return max(i.next, i.fetched) }

// size is what a record takes in memory, about.
func size(rec *kgo.Record) int {
	n := recordOverhead + len(rec.Key) + len(rec.Value)
	for _, h := range rec.Headers {
		n += len(h.Key) + len(h.Value) + recordOverhead/4
	}
	return n
}

// open reports whether a tick takes records of an input.
func (in *intake) open(i *input) bool {
	switch i.rank {
	case rankAlways:
		return !i.waiting
	case rankReplayed:
		return !in.busy && !in.full && !i.waiting
	default:
		return !in.full && !i.waiting
	}
}

// room reports whether more may be fetched. It counts neither the records of inputs
// that are not open nor those that are replayed, which would keep the others out: ample
// bounds these.
func (in *intake) room() bool {
	queued, bytes := 0, 0
	for _, i := range in.inputs {
		if in.open(i) && i.rank != rankReplayed {
			queued += len(i.queue)
			bytes += i.bytes
		}
	}
	return queued < in.s.opts.MaxTick && bytes < maxTickBytes
}

// ready reports whether a tick would find a record to apply.
func (in *intake) ready() bool {
	if in.flush {
		return true
	}
	for _, i := range in.inputs {
		if len(i.queue) > 0 && in.open(i) {
			return true
		}
	}
	return false
}

// each calls fn with the records that a tick takes, in order, and moves the
// positions past them. It reports whether there were any.
func (in *intake) each(ctx context.Context, limit int, apply func(*machine.Record), reject func(machine.DeadLetter)) (some bool) {
	ctx, cancel := context.WithTimeout(ctx, decodeTimeout)
	defer cancel()
	in.looked = false
	room := maxTickBytes
	for _, i := range in.inputs {
		if i.rank == rankReplayed {
			limit = min(limit, 1+in.s.opts.MaxTick/replayShare)
		}
		taken := in.taking(ctx, i, limit, &room, apply, reject)
		some = some || taken > 0
		limit -= taken
	}
	return some
}

// taking takes up to limit records of an input, and as many bytes as there is room
// for, and returns how many records it took.
func (in *intake) taking(ctx context.Context, i *input, limit int, room *int, apply func(*machine.Record), reject func(machine.DeadLetter)) (taken int) {
	done := 0
	for len(i.queue) > done && taken < limit && *room > 0 && in.open(i) {
		rec := i.queue[done]
		became := in.one(ctx, i, rec, apply, reject)
		if became == stays {
			break
		}
		if became == applied {
			taken++
		}
		i.next, i.epoch, i.dirty = rec.Offset+1, rec.LeaderEpoch, true
		i.queue[done] = nil
		i.bytes -= size(rec)
		*room -= size(rec)
		done++
	}
	i.queue = i.queue[done:]
	return taken
}

// verdict is what a tick makes of a record.
type verdict byte

const (
	applied verdict = iota // or set aside
	passed                 // it is nothing to this unit
	stays                  // its schema is not available, or the unit stops in front of it
)

// one applies or rejects a record.
func (in *intake) one(ctx context.Context, i *input, rec *kgo.Record, apply func(*machine.Record), reject func(machine.DeadLetter)) verdict {
	if rec.Attrs.IsControl() {
		return passed
	}
	r := in.record(i, rec)
	if first, last, ok := kclient.Span(rec); ok {
		in.unreadable(i, r, first, last, reject)
		return applied
	}
	var ours bool
	if r.Account, ours = in.owners.account(rec.Key); !ours {
		if !in.rejectable(ctx, i, rec, r.Account) {
			return stays
		}
		reject(in.wrongKey(r))
		return applied
	}
	if i.rank == rankReplayed {
		if err := originate(r); err != nil {
			reject(machine.DeadLetter{Record: r, Reason: "no_origin", Message: in.s.opts.Remedies.noOrigin(i.topic, err)})
			return applied
		}
		if !slices.Contains(in.s.opts.Inputs, r.Topic) {
			return passed
		}
		r.Came = in.came(r) // of the original: a copy is no newer than what came after that
	}
	if in.forOthers(r) {
		return passed
	}
	if most := in.most[r.Topic]; len(rec.Value) > most {
		reject(machine.DeadLetter{Record: r, Reason: "too_large", Message: fmt.Sprintf(
			"the value has %d bytes after decompression, and one of topic %s may have %d at most: send less in one record", len(rec.Value), in.s.opts.topic(r.Topic), most)})
		return applied
	}
	if why := in.s.u.odd.record(r); why != "" {
		reject(machine.DeadLetter{Record: r, Reason: "too_large", Message: why})
		return applied
	}
	value, err := in.s.decode(ctx, in.s.opts.Codec, r.Topic, rec.Value)
	switch {
	case err == nil:
		r.Value = value
		apply(r)
	case errors.Is(err, registry.ErrUnavailable):
		in.wait(i, rec, err)
		return stays
	default:
		reject(machine.DeadLetter{Record: r, Reason: "undecodable", Message: fmt.Sprintf(
			"the value cannot be decoded with a schema of topic %s: %v", in.s.opts.topic(r.Topic), err)})
	}
	return applied
}

// forOthers reports whether a record is replayed for another role: this one handled it
// the first time.
func (in *intake) forOthers(r *machine.Record) bool {
	return slices.ContainsFunc(r.Headers, func(h machine.Header) bool {
		return h.Key == schemas.RetryForHeader && schemas.ForOthers(r.Topic, in.s.opts.Processor, h.Value)
	})
}

// record is a record of an input before it is decoded.
func (in *intake) record(i *input, rec *kgo.Record) *machine.Record {
	r := in.spare
	if in.spare = nil; r == nil {
		r = new(machine.Record)
	}
	*r = machine.Record{
		Topic: i.logical, Partition: rec.Partition, Offset: rec.Offset, Time: rec.Timestamp, Key: rec.Key, Raw: rec.Value,
	}
	for _, h := range rec.Headers {
		r.Headers = append(r.Headers, machine.Header{Key: h.Key, Value: h.Value})
	}
	r.Came = in.came(r)
	var id [64]byte
	r.ID = string(strconv.AppendInt(append(id[:0], i.ids...), rec.Offset, 10))
	if rec.Offset < i.again.until {
		r.Replay = &machine.Replay{ID: i.again.replay, Effects: true}
		r.ID += "/" + i.again.replay
	}
	return r
}

// came is when a record came first, on the pipeline's clock.
func (in *intake) came(r *machine.Record) time.Time {
	at := r.Time
	for _, h := range r.Headers {
		if first, ok := schemas.RetryTime(h.Value); ok && h.Key == schemas.RetryTimeHeader {
			at = first
		}
	}
	return clock.At(in.s.opts.Clock, at)
}

// rejectable reports whether a record whose account is of another partition is its
// producer's fault. Where the topic has grown it is not: then the unit stops in
// front of the record, or thousands of good records would become dead letters.
func (in *intake) rejectable(ctx context.Context, i *input, rec *kgo.Record, account string) bool {
	topology := in.s.u.p.topology
	if !in.looked && account != "" {
		if err := topology.look(ctx, in.s.client, in.s.u.p.topicNames()); err != nil {
			in.wait(i, rec, fmt.Errorf("its key is of another partition, and Kafka does not say how many there are: %w", err))
			return false
		}
		in.looked = true
	}
	if err := topology.misplaced(i.topic, account, rec.Partition); err != nil {
		in.unfit = err
		return false
	}
	return true
}

func (in *intake) wrongKey(r *machine.Record) machine.DeadLetter {
	if r.Account == "" {
		message := "the record has no key; the key must be the account's name"
		if len(r.Key) > 0 {
			message = "the record's key names no account"
		}
		return machine.DeadLetter{Record: r, Reason: "no_account", Message: message}
	}
	return machine.DeadLetter{Record: r, Reason: "wrong_partition", Message: fmt.Sprintf(
		"account %s belongs to partition %d of %d, but the record is in partition %d: the producer must partition by Kafka's default, murmur2 of the account's name; "+
			"librdkafka and what is built on it need partitioner=murmur2_random",
		schemas.Brief(r.Account), in.owners.partitionOf([]byte(r.Account)), in.s.u.p.topology.partitions, r.Partition)}
}

// wait pauses an input until what its first record needs may be there.
func (in *intake) wait(i *input, rec *kgo.Record, err error) {
	in.s.log.Warn("an input waits; other inputs go on", "topic", i.topic, "offset", rec.Offset, "error", err)
	i.waiting = true
}

// settle pauses and resumes what the tick has changed, and sets the timer.
// over says that the process has too much pending.
func (in *intake) settle(pending int, over bool) {
	switch {
	case (over || pending > in.s.opts.MaxPending) && !in.full:
		in.full = true
		in.s.log.Info("intake pauses", "pending", pending, "process_full", over)
	case !over && pending <= in.s.opts.ResumePending && in.full:
		in.full = false
		in.s.log.Info("intake resumes", "pending", pending)
	}
	in.settleReplays(pending)
	waiting, lagging, resumed := false, false, false
	for _, i := range in.inputs {
		waiting = waiting || i.waiting
		lagging = lagging || i.dirty
		resumed = in.fetch(i, in.open(i) && !in.ample(i)) || resumed
	}
	if resumed {
		in.fetchOn()
	}
	if waiting && !in.waiting {
		in.retry.Reset(backoff(in.attempt))
		in.attempt++
	} else if !waiting {
		in.attempt = 0
	}
	if lagging && !in.lagging {
		in.lag.Reset(markerDelay)
	} else if !lagging {
		in.lag.Stop()
	}
	in.waiting, in.lagging = waiting, lagging
}

// fetch lets the client fetch an input, or not, and reports whether it may again. Pausing
// drops what the client has buffered, what it said of a batch too; it is fetched again.
func (in *intake) fetch(i *input, on bool) (resumed bool) {
	if on != i.paused {
		return false
	}
	partition := map[string][]int32{i.topic: {in.s.u.partition}}
	if i.paused = !on; i.paused {
		in.s.client.PauseFetchPartitions(partition)
	} else {
		in.s.client.ResumeFetchPartitions(partition)
	}
	return on
}

// tryAgain lets inputs that wait for a schema have another try.
func (in *intake) tryAgain() {
	in.waiting = false
	for _, i := range in.inputs {
		i.waiting = false
	}
}

// written notes that the state has the positions.
func (in *intake) written() {
	in.flush = false
	for _, i := range in.inputs {
		if i.dirty {
			i.dirty = false
			in.s.u.positions.set(i.topic, i.next)
		}
	}
}

func (in *intake) stop() {
	in.retry.Stop()
	in.lag.Stop()
}

func stoppedTimer() *time.Timer {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return timer
}
