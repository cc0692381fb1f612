package feeds

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// TestFollowsEveryFeedToItsEnd interleaves feeds of all kinds, early, lost,
// duplicated, forged and foreign notifications, failing and lagging answers,
// lost transactions and restarts, and then lets everything settle: rules 1 and
// 2 must hold at each call, 3 to 6 at the end, and Amazon must never have had
// to say 429.
func TestFollowsEveryFeedToItsEnd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, rt)
		for range rapid.IntRange(10, 80).Draw(rt, "steps") {
			w.step()
		}
		w.settle()
		w.check()
	})
}

// world is a machine, Amazon, and what is on its way between them.
type world struct {
	*runtime
	rt        *rapid.T
	amazon    *amazon
	random    *rand.Rand
	mail      []mail // records on their way
	submitted []*amazonFeed
	flying    []flight
	accounts  int
	calm      int // seconds that pass at once, at most
	foreign   int
}

type mail struct {
	at     time.Time
	record any
}

type flight struct {
	call    machine.Call
	arrives time.Time
	ends    time.Time
	arrived bool
	outcome machine.Outcome
}

func newWorld(t *testing.T, rt *rapid.T) *world {
	return &world{
		runtime: newRuntime(t), rt: rt, amazon: newAmazon(),
		random:   rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0)),
		accounts: rapid.IntRange(1, 3).Draw(rt, "accounts"),
		calm:     rapid.IntRange(1, 300).Draw(rt, "calm"),
	}
}

func (w *world) step() {
	switch n := w.random.IntN(100); {
	case n < 35:
		w.submit()
	case n < 40: // a notification of another program's feed
		w.foreign++
		stranger := &amazonFeed{account: w.account(), id: fmt.Sprint("foreign-", w.random.IntN(50)), status: model.FeedDone}
		w.send(stranger.notification(), 1)
	case n < 46: // a forged one of a feed that may still run
		if len(w.submitted) > 0 {
			w.send(w.submitted[w.random.IntN(len(w.submitted))].notification(), 1)
		}
	case n < 50:
		w.restartNow()
	case n < 55:
		w.loseTransaction()
	case n < 58: // more at once than the burst of getFeedDocument
		for range 15 {
			w.submit()
		}
	case n < 60:
		w.advance(time.Duration(w.random.IntN(3)) * time.Hour)
	default:
		w.advance(time.Duration(w.random.IntN(w.calm*1000)) * time.Millisecond)
	}
	w.deliver()
}

func (w *world) account() string { return fmt.Sprint("shop-", w.random.IntN(w.accounts)) }

// submit has a feed of any kind created, and its records sent.
func (w *world) submit() {
	id := fmt.Sprint(50000 + len(w.amazon.feeds))
	f := &amazonFeed{account: w.account(), id: id, created: w.Now, status: model.FeedDone, document: "document-" + id}
	took := time.Duration(20+w.random.IntN(60)) * time.Second
	switch n := w.random.IntN(40); n {
	case 0:
		took = time.Duration(w.random.IntN(8)) * time.Hour
	case 1:
		f.status, f.document = model.FeedCancelled, ""
	case 2:
		f.status = model.FeedFatal
	case 3:
		f.status, f.document = model.FeedFatal, ""
	case 4:
		f.document = ""
	case 5:
		f.lost = true
	case 6:
		f.broken = true
	case 7:
		f.report.Unreadable = "an XML report of an older feed type"
	default:
		f.documentLag = time.Duration(w.random.IntN(6)) * time.Second
	}
	f.lag = time.Duration(w.random.IntN(3000)) * time.Millisecond
	f.end = f.created.Add(took)
	f.started = f.created.Add(took / 3)
	w.write(f)
	w.amazon.feeds[f.account+"/"+id] = f
	w.submitted = append(w.submitted, f)

	w.send(f.submission(), 1+w.random.IntN(2))
	if w.random.IntN(10) > 0 {
		copies := 1 + w.random.IntN(3)
		for range copies { // some so early that the submission is not known yet
			w.mail = append(w.mail, mail{f.end.Add(time.Duration(w.random.IntN(10)) * time.Second), f.notification()})
		}
	}
}

// write makes a feed's report.
func (w *world) write(f *amazonFeed) {
	n := w.random.IntN(20)
	if w.random.IntN(200) == 0 {
		n = 3000
	}
	f.report.FeedID = f.id
	f.report.Summary = model.FeedReportSummary{MessagesProcessed: n, MessagesInvalid: n}
	for i := range n {
		issue := model.FeedIssue{MessageID: i + 1, SKU: fmt.Sprint("SKU-", i), Code: "8058", Severity: "ERROR", Message: fmt.Sprintf("%0300d", i)}
		if w.random.IntN(50) == 0 {
			issue.MessageID, issue.SKU = 0, ""
		}
		f.report.Issues = append(f.report.Issues, issue)
	}
}

func (w *world) send(record any, copies int) {
	for range copies {
		w.mail = append(w.mail, mail{w.Now.Add(time.Duration(w.random.IntN(90)) * time.Second), record})
	}
}

// due takes out the records that have arrived.
func (w *world) due() (records []any) {
	var later []mail
	for _, m := range w.mail {
		if m.at.After(w.Now) {
			later = append(later, m)
			continue
		}
		records = append(records, m.record)
	}
	w.mail = later
	return records
}

// deliver runs a tick with what has arrived.
func (w *world) deliver() {
	var results []machine.Result
	var still []flight
	for _, f := range w.flying {
		if f.ends.After(w.Now) {
			still = append(still, f)
			continue
		}
		results = append(results, machine.Result{Call: f.call, Outcome: f.outcome})
	}
	w.flying = still
	for _, call := range w.Tick(w.Records(w.due()...), results...) {
		arrives := w.Now.Add(time.Duration(w.random.IntN(900)) * time.Millisecond)
		w.flying = append(w.flying, flight{call: call, arrives: arrives, ends: arrives.Add(time.Duration(w.random.IntN(2000)) * time.Millisecond)})
	}
}

// advance moves time on, in steps at which calls arrive at Amazon in order.
func (w *world) advance(d time.Duration) {
	end := w.Now.Add(d)
	for {
		next := -1
		for i, f := range w.flying {
			if !f.arrived && !f.arrives.After(end) && (next < 0 || f.arrives.Before(w.flying[next].arrives)) {
				next = i
			}
		}
		if next < 0 {
			break
		}
		w.arrive(&w.flying[next])
	}
	w.Now = end
}

func (w *world) arrive(f *flight) {
	f.arrived = true
	switch n := w.random.IntN(40); {
	case !w.amazon.arrive(f.call, f.arrives):
		f.outcome = machine.Snooze{Throttled: true}
	case n == 0:
		f.outcome = machine.Retry{Err: &model.Error{Class: model.Unavailable, Status: 503}}
	case n == 1:
		f.outcome = machine.Snooze{For: time.Duration(w.random.IntN(10)) * time.Second}
	case n == 2:
		f.outcome = machine.Reject{Err: &model.Error{Class: model.Invalid, Status: 400}}
	case n == 3:
		f.outcome = machine.Park{Err: &model.Error{Class: model.Forbidden, Status: 403}}
	default:
		f.outcome = w.amazon.answer(f.call, f.arrives)
	}
}

// restartNow is a crash: calls under way still arrive at Amazon.
func (w *world) restartNow() {
	w.advance(time.Second)
	w.flying = nil
	w.Restart()
}

// loseTransaction has a tick fail before its commit: its inputs come again,
// and nothing it asked for happens.
func (w *world) loseTransaction() {
	records := w.due()
	w.Decide(w.Records(records...))
	for _, record := range records {
		w.mail = append(w.mail, mail{w.Now, record})
	}
	w.restartNow()
}

// settle delivers what is left and follows the machine's own wishes to be woken.
func (w *world) settle() {
	for range 100_000 {
		w.deliver()
		if w.Machine.Pending() == 0 && len(w.flying) == 0 && len(w.mail) == 0 {
			break
		}
		next := w.Wake
		for _, f := range w.flying {
			if next.IsZero() || f.ends.Before(next) {
				next = f.ends
			}
		}
		for _, m := range w.mail {
			if next.IsZero() || m.at.Before(next) {
				next = m.at
			}
		}
		if next.IsZero() {
			w.rt.Fatal("work is pending, and the machine wants no tick")
		}
		w.advance(max(0, next.Sub(w.Now)))
	}
	if w.Machine.Pending() > 0 {
		w.rt.Fatalf("%d feeds still pending at %v", w.Machine.Pending(), w.Now)
	}
	// And then all is forgotten.
	w.Follow(keepFinished+2*holdFor, nil, func(call machine.Call) machine.Outcome {
		w.rt.Fatalf("called %+v after everything had ended", call)
		return nil
	})
	for key := range w.Store.Keys() {
		if f, ok := w.State(key).(*schemas.FeedState); ok {
			w.rt.Fatalf("%s is not forgotten: %+v", key, f)
		}
	}
}

func (w *world) check() {
	completed, stuck := map[string]ended{}, map[string]ended{}
	for _, result := range w.results {
		key := result.Account + "/" + result.FeedID
		of := completed
		if result.EventType == alertStuck {
			of = stuck
			if _, over := completed[key]; over {
				w.rt.Fatalf("rule 5: feed %s is stuck after its end", key)
			}
		}
		if other, twice := of[key]; twice {
			w.rt.Fatalf("feed %s: %+v, and before it %+v", key, result.FeedResult, other.FeedResult)
		}
		of[key] = result
	}
	told := map[string]int{}
	lastForeign := map[string]time.Time{}
	for _, alert := range w.alerts {
		told[alert.EventType]++
		if alert.EventType == alertForeign {
			if last, ok := lastForeign[alert.Account]; ok && alert.Time.Sub(last) < foreignFor {
				w.rt.Fatalf("rule 6: foreign feeds of %s were told at %v and %v", alert.Account, last, alert.Time)
			}
			lastForeign[alert.Account] = alert.Time
		}
	}
	unknown := 0
	for key, f := range w.amazon.feeds {
		got, ok := completed[key]
		if !ok {
			w.rt.Fatalf("rule 4: feed %s never ended: %+v", key, w.State(feedPrefix+key))
		}
		if err := f.final(got); err != nil {
			w.rt.Fatal(err)
		}
		if f.lost {
			unknown++
		}
		if took := f.end.Sub(f.created); !f.lost && stuck[key].FeedResult == nil && took > 4*time.Hour {
			w.rt.Fatalf("rule 5: feed %s took %v and was never told as stuck", key, took)
		}
	}
	if len(completed) != len(w.amazon.feeds) || len(stuck) != told[alertStuck] || unknown != told[alertUnknown] || told[alertForeign] > w.foreign {
		w.rt.Fatalf("%d of %d feeds ended, %d stuck, %d unknown, alerts %v", len(completed), len(w.amazon.feeds), len(stuck), unknown, told)
	}
	if w.foreign > 0 && told[alertForeign] == 0 {
		w.rt.Fatal("rule 6: a foreign feed was not told")
	}
	if len(w.Letters) > 0 || w.amazon.denied > 0 {
		w.rt.Fatalf("dead letters %+v, %d answers 429", w.Letters, w.amazon.denied)
	}
}
