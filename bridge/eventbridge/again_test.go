package eventbridge_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/bridge/eventbridge"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/replay"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/schemas"
)

const mark = "sellerstream:replay/r-1"

func (w *world) journal() *replay.Journal {
	return &replay.Journal{Admin: kadm.NewClient(w.producer), Name: "r", Group: prefix + "replay.r", Topic: prefix + schemas.Orders}
}

// begin begins a run over all that stands on orders.
func (w *world) begin() {
	w.t.Helper()
	ranges, err := replay.Resolve(w.t.Context(), kadm.NewClient(w.producer), prefix+schemas.Orders, replay.Bound{}, replay.Bound{}, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.journal().Begin(w.t.Context(), replay.NewRun("r", 1, ranges)); err != nil {
		w.t.Fatal(err)
	}
}

// again are the options of a process that goes on with the run.
func (w *world) again() eventbridge.Options {
	w.t.Helper()
	run, err := w.journal().Load(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	opts := w.options()
	opts.Again = &eventbridge.Again{Journal: w.journal(), Run: run, Mark: mark}
	return opts
}

// publishAgain runs a publisher to the end of its run.
func (w *world) publishAgain(opts eventbridge.Options) *eventbridge.Publisher {
	w.t.Helper()
	p, err := eventbridge.New(opts)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := p.Run(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	if !opts.Again.Run.Done() {
		w.t.Error("the publisher ended before its run")
	}
	return p
}

// marked are the details of the events that were published again, in order.
func (w *world) marked() (details []string) {
	w.t.Helper()
	events, _ := w.Events(0)
	for _, e := range events {
		switch fmt.Sprint(e.Resources) {
		case "[" + mark + "]":
			details = append(details, e.Detail)
		case "[]":
		default:
			w.t.Errorf("resources %v", e.Resources)
		}
	}
	return details
}

// checkMarked wants n events again, each once and byte-equal to its original,
// in the order of its account.
func (w *world) checkMarked(n int) {
	w.t.Helper()
	last, seen := make(map[string]string), make(map[string]bool)
	for _, detail := range w.marked() {
		key := detail[:len(`{"id":"account-00`)]
		if seen[detail] || detail < last[key] {
			w.t.Errorf("%s came twice or after %s", detail, last[key])
		}
		if w.counts()[detail] != 2 {
			w.t.Errorf("%s was received %d times, want as the original and again", detail, w.counts()[detail])
		}
		seen[detail], last[key] = true, detail
	}
	if len(seen) != n {
		w.t.Errorf("%d events came again, want %d", len(seen), n)
	}
}

func TestPublishesAgain(t *testing.T) {
	w := newWorld(t)
	w.produce(0, 200)
	_, stop := w.run(w.options())
	w.awaitEvents(200)
	w.begin()
	w.produce(200, 210) // what comes later is not meant
	w.awaitEvents(210)
	stop()
	if p := w.publishAgain(w.again()); p.Stats().Published != 200 {
		t.Errorf("stats %+v", p.Stats())
	}
	w.checkMarked(200)
	w.publishAgain(w.again()) // it is through
	w.checkMarked(200)
	// The role's own group stands where it stood.
	w.run(w.options())
	w.produce(210, 211)
	w.awaitEvents(211)
	w.checkMarked(200)
}

func TestPublishingAgainGoesOnWhereItWas(t *testing.T) {
	w := newWorld(t)
	w.produce(0, 120)
	_, stop := w.run(w.options())
	w.awaitEvents(120)
	stop()
	w.begin()
	interrupted := 0
	for opts := w.again(); !opts.Again.Run.Done(); opts = w.again() {
		opts.Again.Rate = 100 // or it is through before it can be interrupted
		before := len(w.marked())
		_, stop := w.run(opts)
		w.await("more events", func() bool { return len(w.marked()) >= before+20 || opts.Again.Run.Done() })
		stop()
		interrupted++
	}
	if interrupted < 3 {
		t.Errorf("%d interruptions: the test shows nothing", interrupted)
	}
	w.checkMarked(120)
}

// What could not be an event the first time is no dead letter a second time, and
// what is not wanted is passed over.
func TestPublishingAgainPassesOver(t *testing.T) {
	w := newWorld(t)
	for _, value := range []string{"account-00/1", "undecodable", "unmappable", "silent", "account-00/2", "account-00/3"} {
		w.produceValue("account-00", value)
	}
	_, stop := w.run(w.options())
	w.awaitEvents(3)
	w.deadLetters(2)
	stop()
	w.begin()
	opts := w.again()
	opts.Again.Wants = func(rec *kgo.Record, value any, detailType string) bool {
		return string(rec.Key) == "account-00" && detailType == "OrderChanged" && !strings.HasSuffix(value.(string), "2")
	}
	if p := w.publishAgain(opts); p.Stats().Published != 2 || p.Stats().DeadLetters != 2 {
		t.Errorf("stats %+v, want 2 published and 2 that could not be", p.Stats())
	}
	w.checkMarked(2)
	ends, err := kadm.NewClient(w.producer).ListEndOffsets(t.Context(), prefix+schemas.DeadLetters)
	letters := int64(0)
	ends.Each(func(o kadm.ListedOffset) { letters += o.Offset })
	if err != nil || letters != 2 {
		t.Errorf("%d dead letters (%v), want the 2 of the first time", letters, err)
	}
}

// A failed request is sent again, as ever, and the pace is kept.
func TestPublishingAgainIsPaced(t *testing.T) {
	w := newWorld(t)
	w.produce(0, 40)
	simulatortest.Fault(t, w.Simulator, simulator.Rule{Part: simulator.EventBridge, Operation: "PutEvents", Skip: 1, Times: 2, Action: simulator.Action{Status: 503}})
	w.begin()
	opts := w.again()
	opts.Again.Rate = 30
	began := time.Now()
	w.publishAgain(opts)
	if took := time.Since(began); took < time.Second { // a burst of 10, then 30 a second
		t.Errorf("40 events took %v at 30 a second", took)
	}
	if got := w.marked(); len(got) != 40 {
		t.Errorf("%d events, want 40", len(got))
	}
}

// The mark counts in an entry's size: one that is too large with it is passed over, and
// Amazon never has to refuse its request.
func TestTheMarkCountsInAnEntrysSize(t *testing.T) {
	const limit = 1000
	for _, over := range []int{0, 1} {
		t.Run(fmt.Sprint(over), func(t *testing.T) {
			w := newWorld(t)
			w.produceValue(account(0), sized(account(0), limit-len(mark)+over))
			w.begin()
			opts := w.again()
			opts.MaxEntryBytes = limit
			if got := w.publishAgain(opts).Stats(); got.Published != int64(1-over) || got.DeadLetters != int64(over) {
				t.Errorf("stats %+v", got)
			}
		})
	}
}
