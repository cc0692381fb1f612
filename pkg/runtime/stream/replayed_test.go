package stream

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// again writes a copy of what stands at an offset of an input to replays.
func (w *world) again(origin schemas.Origin, account string, n int) {
	w.t.Helper()
	origin.Partition = partitionOf(account)
	w.produceRaw(&kgo.Record{
		Topic: testPrefix + replays, Partition: origin.Partition, Key: []byte(account), Value: encoded(w.t, &payload{Account: account, N: n}),
		Headers: []kgo.RecordHeader{{Key: "trace", Value: []byte("x")}, {Key: schemas.ReplayHeader, Value: origin.Header()}},
	})
}

// notebook is a machine that writes down what it is given, and has as much
// pending as it has taken since it was last emptied.
type notebook struct {
	counter
	mu      sync.Mutex
	records []machine.Record
	pending atomic.Int64
}

func (m *notebook) Record(_ *machine.Tx, rec *machine.Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records = append(m.records, *rec)
	m.pending.Add(1)
}

func (m *notebook) Pending() int { return int(m.pending.Load()) }

func (m *notebook) taken() []machine.Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.records)
}

// withReplays runs one notebook for all units.
func (w *world) withReplays(m *notebook) Options {
	opts := w.options(func(machine.Unit) machine.Machine { return m })
	opts.Replays = replays
	return opts
}

func TestReplayedRecordsStandForTheirOrigin(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		m := &notebook{}
		at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
		w.again(schemas.Origin{Replay: "r1", Topic: "of-another-processor", Offset: 4}, "a", 1)
		w.again(schemas.Origin{Replay: "r1", Topic: in2, Offset: 77, Timestamp: at.UnixMilli(), Effects: true}, "a", 2)
		w.again(schemas.Origin{Replay: "r2", Topic: in1, Offset: 5}, "a", 3)
		r := w.run(w.withReplays(m))
		w.eventually("two records", func() bool { return len(m.taken()) == 2 })
		r.shutdown()
		first, second := m.taken()[0], m.taken()[1]
		if first.Topic != in2 || first.Offset != 77 || !first.Time.Equal(at) || first.Partition != partitionOf("a") || first.Account != "a" || !first.Came.Equal(at) {
			t.Errorf("the record stands for %s/%d/%d of %s at %v, come at %v", first.Topic, first.Partition, first.Offset, first.Account, first.Time, first.Came)
		}
		if *first.Replay != (machine.Replay{ID: "r1", Effects: true}) || *second.Replay != (machine.Replay{ID: "r2"}) {
			t.Errorf("replays %+v and %+v", first.Replay, second.Replay)
		}
		if len(first.Headers) != 1 || first.Headers[0].Key != "trace" {
			t.Errorf("headers %v, want the original's", first.Headers)
		}
		// The next owner does not take them again.
		r = w.run(w.withReplays(m))
		w.produce(in1, "a", 4)
		w.eventually("a new record", func() bool { return len(m.taken()) > 2 })
		r.shutdown()
		if got := m.taken()[2:]; len(got) != 1 || got[0].Replay != nil {
			t.Errorf("after the restart: %+v, want the one new record", got)
		}
	})
}

func TestReplaysOfUnknownOriginAreDeadLetters(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		m := &notebook{}
		elsewhere := schemas.Origin{Replay: "r1", Topic: in1, Partition: 99, Offset: 4}
		for _, headers := range [][]kgo.RecordHeader{
			nil, {{Key: schemas.ReplayHeader, Value: []byte("{")}}, {{Key: schemas.ReplayHeader, Value: elsewhere.Header()}},
		} {
			w.produceRaw(&kgo.Record{
				Topic: testPrefix + replays, Partition: partitionOf("a"), Key: []byte("a"), Value: []byte("{}"), Headers: headers,
			})
		}
		w.again(schemas.Origin{Replay: "r1", Topic: in1, Offset: 9}, "a", 1)
		r := w.run(w.withReplays(m))
		letters := w.read(schemas.DeadLetters, 3)
		for _, rec := range letters {
			if letter := decode[schemas.DeadLetter](t, rec); letter.Reason != "no_origin" || letter.Source != testPrefix+replays || !strings.Contains(letter.Message, "only the tool that copies records") {
				t.Errorf("dead letter %+v", letter)
			}
		}
		w.eventually("the record behind them", func() bool { return len(m.taken()) == 1 })
		r.shutdown()
	})
}

// Fetches of replays pause at a tick's records, and resume at half of them.
func TestReplaysDoNotGoToAndFro(t *testing.T) {
	t.Parallel()
	for _, most := range []int{1, 10} {
		in := &intake{s: &session{opts: &Options{MaxTick: most}}}
		full, half := make([]*kgo.Record, most), make([]*kgo.Record, (most+1)/2)
		for _, test := range []struct {
			input input
			want  bool
		}{
			{input{queue: full}, true},
			{input{queue: full[1:]}, false},
			{input{queue: half, paused: true}, true},
			{input{queue: half[1:], paused: true}, false},
			{input{bytes: maxTickBytes}, true},
			{input{bytes: maxTickBytes / 2}, false},
			{input{bytes: maxTickBytes / 2, paused: true}, true},
			{input{bytes: maxTickBytes/2 - 1, paused: true}, false},
		} {
			test.input.rank = rankReplayed
			if got := in.ample(&test.input); got != test.want {
				t.Errorf("of %d: %d records, %d bytes, paused %v: ample is %v", most, len(test.input.queue), test.input.bytes, test.input.paused, got)
			}
		}
	}
}

// A machine that has a tenth of its mark pending gets no more replayed records,
// while new ones come as ever; when it has room the replay goes on, in order.
func TestNewRecordsDoNotWaitForReplayed(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		const all = 400
		m := &notebook{}
		for n := range all {
			w.again(schemas.Origin{Replay: "r1", Topic: in1, Offset: int64(n)}, "a", n)
		}
		opts := w.withReplays(m)
		opts.MaxPending, opts.MaxTick = 100, 50
		r := w.run(opts)
		replayed := func() (n int) {
			for _, rec := range m.taken() {
				if rec.Replay != nil {
					n++
				}
			}
			return n
		}
		w.eventually("a first portion", func() bool { return replayed() > opts.MaxPending/replayShare })
		for n := range 20 {
			w.produce(in1, "a", n)
			w.eventually("the new record", func() bool { return len(m.taken())-replayed() == n+1 })
		}
		if got := replayed(); got > opts.MaxPending/replayShare+opts.MaxTick/replayShare+1 {
			t.Errorf("%d replayed records were taken while as many were pending", got)
		}
		for n := 20; replayed() < all; n++ {
			m.pending.Store(0)
			w.produce(in1, "a", n) // a tick, in which the runtime asks what is pending
			w.eventually("the new record", func() bool { return len(m.taken())-replayed() == n+1 })
		}
		r.shutdown()
		next := int64(0)
		for _, rec := range m.taken() {
			if rec.Replay != nil {
				if rec.Offset != next {
					t.Fatalf("offset %d was replayed where %d belongs", rec.Offset, next)
				}
				next++
			}
		}
	})
}
