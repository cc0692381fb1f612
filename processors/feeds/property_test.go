package feeds

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/long"
	"github.com/sellerstream/sellerstream/test/property"
)

// TestFollowsEveryFeedToItsEnd interleaves feeds of all kinds, early, lost,
// duplicated, forged and foreign notifications, failing and lagging answers,
// lost transactions and restarts, and then lets everything settle: rules 1 and
// 2 must hold at each call, 3 to 6 at the end, and Amazon must never have had
// to say 429.
func TestFollowsEveryFeedToItsEnd(t *testing.T) {
	t.Parallel()
	property.CheckSeeds(t, property.Seeds(long.Pick(t, 20, 60)), func(rt *rapid.T) {
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
	*machinetest.Traffic[*Machine]
	rt        *rapid.T
	amazon    *amazon
	mail      []mail // records on their way
	submitted []*amazonFeed
	accounts  int
	calm      int // seconds that pass at once, at most
	foreign   int
}

type mail struct {
	at     time.Time
	record any
}

func newWorld(t *testing.T, rt *rapid.T) *world {
	w := &world{runtime: newRuntime(t), rt: rt, amazon: newAmazon()}
	w.Traffic = machinetest.NewTraffic(w.Runtime, rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0)), w.arrive)
	w.Slowest, w.Intake = 2*time.Second, w.intake
	w.accounts = rapid.IntRange(1, 3).Draw(rt, "accounts")
	w.calm = rapid.IntRange(1, 300).Draw(rt, "calm")
	return w
}

func (w *world) step() {
	switch n := w.Random.IntN(100); {
	case n < 35:
		w.submit()
	case n < 40: // a notification of another program's feed
		w.foreign++
		stranger := &amazonFeed{account: fmt.Sprint("shop-", w.Random.IntN(w.accounts)), id: fmt.Sprint("foreign-", w.Random.IntN(50)), status: model.FeedDone}
		w.send(stranger.notification(), 1)
	case n < 46: // a forged one of a feed that may still run
		if len(w.submitted) > 0 {
			w.send(w.submitted[w.Random.IntN(len(w.submitted))].notification(), 1)
		}
	case n < 50:
		w.Crash()
	case n < 55:
		w.Lose(math.MaxInt)
	case n < 58: // more at once than the burst of getFeedDocument
		for range 15 {
			w.submit()
		}
	case n < 60:
		w.Advance(time.Duration(w.Random.IntN(3)) * time.Hour)
	default:
		w.Advance(time.Duration(w.Random.IntN(w.calm*1000)) * time.Millisecond)
	}
	w.DeliverAll()
}

// submit creates a feed of any kind, and sends its records.
func (w *world) submit() {
	id := fmt.Sprint(50000 + len(w.amazon.feeds))
	f := &amazonFeed{account: fmt.Sprint("shop-", w.Random.IntN(w.accounts)), id: id, created: w.Now, status: model.FeedDone, document: "document-" + id}
	took := time.Duration(20+w.Random.IntN(60)) * time.Second
	switch n := w.Random.IntN(40); n {
	case 0:
		took = time.Duration(w.Random.IntN(8)) * time.Hour
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
		f.documentLag = time.Duration(w.Random.IntN(6)) * time.Second
	}
	f.lag = time.Duration(w.Random.IntN(3000)) * time.Millisecond
	f.end = f.created.Add(took)
	f.started = f.created.Add(took / 3)
	w.write(f)
	w.amazon.feeds[f.account+"/"+id] = f
	w.submitted = append(w.submitted, f)

	w.send(f.submission(), 1+w.Random.IntN(2))
	if w.Random.IntN(10) > 0 {
		copies := 1 + w.Random.IntN(3)
		for range copies { // some so early that the submission is not known yet
			w.mail = append(w.mail, mail{f.end.Add(time.Duration(w.Random.IntN(10)) * time.Second), f.notification()})
		}
	}
}

// write makes a feed's report.
func (w *world) write(f *amazonFeed) {
	n := w.Random.IntN(20)
	if w.Random.IntN(200) == 0 {
		n = 3000
	}
	f.report.FeedID = f.id
	f.report.Summary = model.FeedReportSummary{MessagesProcessed: n, MessagesInvalid: n}
	for i := range n {
		issue := model.FeedIssue{MessageID: i + 1, SKU: fmt.Sprint("SKU-", i), Code: "8058", Severity: "ERROR", Message: fmt.Sprintf("%0300d", i)}
		if w.Random.IntN(50) == 0 {
			issue.MessageID, issue.SKU = 0, ""
		}
		f.report.Issues = append(f.report.Issues, issue)
	}
}

func (w *world) send(record any, copies int) {
	for range copies {
		w.mail = append(w.mail, mail{w.Now.Add(time.Duration(w.Random.IntN(90)) * time.Second), record})
	}
}

// intake queues the records that have arrived, and is when the next one will.
func (w *world) intake() (next time.Time) {
	var later []mail
	for _, m := range w.mail {
		if !m.at.After(w.Now) {
			w.Queue = append(w.Queue, w.Records(m.record)...)
			continue
		}
		later = append(later, m)
		next = machine.Earliest(next, m.at)
	}
	w.mail = later
	return next
}

func (w *world) arrive(f *machinetest.Flight) machine.Outcome {
	switch n := w.Random.IntN(40); {
	case !w.amazon.Admit(f.Call.Account, f.Arrives, f.Call.Operation):
		return machine.Snooze{Throttled: true}
	case n == 0:
		return machine.Retry{Err: &model.Error{Class: model.Unavailable, Status: 503}}
	case n == 1:
		return machine.Snooze{For: time.Duration(w.Random.IntN(10)) * time.Second}
	case n == 2:
		return machine.Reject{Err: &model.Error{Class: model.Invalid, Status: 400}}
	case n == 3:
		return machine.Park{Err: &model.Error{Class: model.Forbidden, Status: 403}}
	}
	return w.amazon.answer(f.Call, f.Arrives)
}

// settle delivers what is left, and has all be forgotten.
func (w *world) settle() {
	if err := w.Settle(100_000, func() bool { return w.Machine.Pending() == 0 && len(w.mail) == 0 }); err != nil {
		w.rt.Fatal(err)
	}
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
	resolved := map[string]int{}
	for _, alert := range w.resolved {
		resolved[alert.Resolves]++
	}
	told := map[string]int{}
	lastForeign := map[string]time.Time{}
	for _, alert := range w.alerts {
		told[alert.EventType]++
		if n := resolved[alert.EventID]; n > 1 || n == 0 && (alert.EventType == alertStuck || alert.EventType == alertReport) {
			w.rt.Fatalf("%+v was resolved %d times", alert, n)
		}
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
	if len(w.Letters) > 0 || len(w.amazon.Denied) > 0 {
		w.rt.Fatalf("dead letters %+v, answers 429 %v", w.Letters, w.amazon.Denied)
	}
}
