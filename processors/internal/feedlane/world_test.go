package feedlane

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	testAccount = "acme-eu"
	germany     = "A1PA6795UKMFR9"
	france      = "A13V1IB3VIYZZH"
	feedType    = model.OrderAcknowledgementFeed
)

// removed is the Kind of an item that was taken back.
const removed Kind = 99

// book is a role whose items go by feeds. It borrows the topics of inventory: an update is
// an item, and its SKU the item's key.
type book struct {
	lines int // of each order
	lanes *Lanes
	open  map[string]bool // items that are not settled
	limit Config
}

func newBook(t testing.TB, cfg Config) *book {
	b := &book{open: map[string]bool{}}
	cfg.Role, cfg.FeedType, cfg.Item, cfg.Items, cfg.Twice, cfg.Waits = "inventory", feedType, "order", "cancellations", "Amazon refuses the second", "CancellationsWait"
	cfg.Accounts = machinetest.Sellers(t)
	b.lanes = New(cfg, b)
	b.limit = b.lanes.core.cfg
	return b
}

func (b *book) Returned(*machine.Tx, string) {}

func (b *book) Message(key string) (model.OrderMessage, bool) {
	return model.OrderMessage{Acknowledgement: &model.OrderAcknowledgement{
		AmazonOrderID: key, StatusCode: model.AcknowledgementFailure,
		Items: slices.Repeat([]model.AcknowledgedItem{{AmazonOrderItemCode: "1", CancelReason: model.NoInventory}}, max(1, b.lines)),
	}}, true
}

func (b *book) Settled(tx *machine.Tx, key string, end Settlement) {
	tx.Delete("sku/" + key)
	delete(b.open, key)
	tx.Emit(machine.Output{Topic: schemas.InventoryResults, Account: testAccount, Value: &schemas.InventoryResult{
		SKU: key, Quantity: int32(end.Kind), Code: end.Code, Message: end.Message, FeedID: end.FeedID,
	}})
}

func (b *book) RestoreAged(key string, value any, age time.Duration) error {
	if s, ok := value.(*schemas.InventoryState); ok {
		b.open[strings.Clone(s.SKU)] = true
		b.lanes.Add(s.Account, s.MarketplaceID, s.SKU, s.TouchedTime)
		return nil
	}
	mine, err := b.lanes.Restore(key, value, age)
	if !mine && err == nil {
		return errors.New("state of nobody: " + key)
	}
	return err
}

func (b *book) Restore(key string, value any) error { return b.RestoreAged(key, value, 0) }

func (b *book) Record(tx *machine.Tx, rec *machine.Record) {
	if u, ok := rec.Value.(*schemas.InventoryUpdate); ok {
		if b.open[u.SKU] == u.Urgent { // an urgent update is new, another one changes what is open
			return
		}
		if u.Quantity < 0 {
			if b.lanes.Remove(u.SKU) {
				b.Settled(tx, u.SKU, Settlement{Kind: removed})
			}
			return
		}
		b.open[u.SKU] = true
		tx.Put("sku/"+u.SKU, &schemas.InventoryState{Account: u.Account, SKU: u.SKU, MarketplaceID: u.MarketplaceID, TouchedTime: tx.Now})
		b.lanes.Add(u.Account, u.MarketplaceID, u.SKU, tx.Now)
		return
	}
	b.lanes.Record(tx, rec.Value)
}

func (b *book) Result(tx *machine.Tx, res *machine.Result) { b.lanes.Result(tx, res) }
func (b *book) Draw(tx *machine.Tx)                        { b.lanes.Draw(tx) }
func (b *book) Pending() int                               { return b.lanes.Pending() }
func (b *book) Observe(stats *machine.Stats)               { b.lanes.Observe(stats) }
func (b *book) Changed(tx *machine.Tx, accounts []string)  { b.lanes.Changed(tx, accounts) }

// feed is one at Amazon.
type feed struct {
	model.Feed
	items   []string
	shows   time.Time
	ends    time.Time
	report  string
	refused []int // messages
	told    bool
}

// world is a machine, Amazon and the role feeds, and what is on its way between them.
type world struct {
	*machinetest.Runtime[*book]
	*machinetest.Traffic[*book]
	*machinetest.Door
	failer    failer
	documents map[string][]string
	feeds     []*feed
	submitted map[string]bool // feed ids
	ends      map[string]*schemas.InventoryResult
	alerts    []string
	told      []string        // the words of those
	poison    map[string]bool // items that spoil their feed
	bad       map[string]bool // items that Amazon refuses
	unlucky   map[string]int  // how many feeds of an item have failed for no reason
	added     int
	faults    int
	late      time.Duration // for carrying out a lost call, and for showing a feed
	doubles   int           // items in a feed while they are in another, or settled
	others    bool          // whether another program submits feeds too
	lenient   bool          // whether that is only counted

	failing, mostFailing int // look-ups in a row
}

type failer interface {
	Fatalf(format string, args ...any)
}

func newWorld(t testing.TB, f failer, seed uint64, cfg Config) *world {
	random := rand.New(rand.NewPCG(seed, 1))
	limits := map[string]quota.Limit{}
	for _, name := range model.Shares(feedType) {
		limits[name], _ = quota.Default(name)
	}
	w := &world{
		failer: f, Door: machinetest.NewDoor(limits), documents: map[string][]string{}, submitted: map[string]bool{},
		ends: map[string]*schemas.InventoryResult{}, poison: map[string]bool{}, unlucky: map[string]int{}, bad: map[string]bool{}, faults: random.IntN(30),
	}
	w.Runtime = machinetest.New(t, machinetest.Config[*book]{
		Processor: "inventory", Operations: model.Shares(feedType), Now: testStart, Committed: w.committed, Check: w.check,
		Build: func() *book { return newBook(t, cfg) },
	})
	w.late = w.Machine.limit.ApplyDelay
	w.Traffic = machinetest.NewTraffic(w.Runtime, random, w.arrive)
	w.Depart = func(f *machinetest.Flight) {
		if w.Random.IntN(100) < w.faults {
			f.Fault = []string{"lost", "no answer", "late", "throttled", "refused", "not sent", "parked", "retry"}[w.Random.IntN(8)]
		}
	}
	w.Intake = func() time.Time {
		w.follow()
		return time.Time{}
	}
	return w
}

func (w *world) committed(tx *machine.Tx) {
	for i := range tx.Outputs {
		switch v := tx.Outputs[i].Value.(type) {
		case *schemas.InventoryResult:
			if w.ends[v.SKU] != nil {
				w.failer.Fatalf("%s has two ends: %+v and %+v", v.SKU, w.ends[v.SKU], v)
			}
			w.ends[v.SKU] = v
		case *schemas.FeedSubmission:
			w.submitted[v.FeedID] = true
		case *schemas.Alert:
			w.alerts, w.told = append(w.alerts, v.EventType), append(w.told, v.Message)
		}
	}
}

// check holds a call to rule 1.
func (w *world) check(call machine.Call) {
	state, _ := w.State(call.Key).(*schemas.FeedLaneState)
	switch req := call.Request.(type) {
	case *model.CreateFeedRequest:
		var carried []string
		for _, item := range state.Items {
			if item.MessageID != nil {
				carried = append(carried, item.Key)
			}
		}
		if state.Phase != PhaseIntent || state.InputFeedDocumentID != req.InputFeedDocumentID || call.Lease == 0 || !slices.Equal(carried, w.documents[req.InputFeedDocumentID]) {
			w.failer.Fatalf("rule 1: createFeed without its committed intent: %+v, %+v", call, state)
		}
	case *model.CancelFeedRequest:
		if !slices.Contains(state.Cancel, req.FeedID) {
			w.failer.Fatalf("rule 1: cancelFeed without its committed intent: %+v, %+v", call, state)
		}
	}
}

// add makes a new item.
func (w *world) add() {
	w.added++
	key := fmt.Sprintf("303-%07d-%07d", w.added, w.added)
	w.poison[key], w.bad[key] = w.Random.IntN(60) == 0, w.Random.IntN(8) == 0
	marketplace := germany
	if w.Random.IntN(4) == 0 {
		marketplace = france
	}
	w.Queue = append(w.Queue, w.Records(&schemas.InventoryUpdate{Account: testAccount, SKU: key, MarketplaceID: marketplace, Urgent: true})...)
}

// change takes an item back, or moves it to another marketplace.
func (w *world) change() {
	if w.added == 0 {
		return
	}
	n := 1 + w.Random.IntN(w.added)
	u := &schemas.InventoryUpdate{Account: testAccount, SKU: fmt.Sprintf("303-%07d-%07d", n, n), MarketplaceID: france}
	if w.Random.IntN(2) == 0 {
		u.Quantity = -1
	}
	w.Queue = append(w.Queue, w.Records(u)...)
}

// follow is the role feeds: it writes the results of submitted feeds that have ended.
func (w *world) follow() {
	for _, f := range w.feeds {
		if f.told || !w.submitted[f.FeedID] || f.ends.IsZero() || f.ends.After(w.Now) {
			continue
		}
		f.told = true
		for range 1 + w.Random.IntN(10)/9 {
			w.Queue = append(w.Queue, w.Records(f.result()...)...)
		}
	}
}

func (f *feed) result() (values []any) {
	result := &schemas.FeedResult{
		EventType: "FeedCompleted", Account: testAccount, FeedID: f.FeedID, FeedType: feedType, MarketplaceID: f.MarketplaceIDs[0],
		ProcessingStatus: f.ProcessingStatus, Report: f.report, SubmittedTime: f.CreatedTime,
	}
	if f.report == ReportRead {
		processed, invalid := int32(len(f.items)), int32(len(f.refused))
		result.MessagesProcessed, result.MessagesInvalid = &processed, &invalid
		for _, n := range f.refused {
			id := int64(n)
			values = append(values, &schemas.FeedIssues{Account: testAccount, FeedID: f.FeedID, Issues: []schemas.FeedIssue{
				{MessageID: &id, Severity: SeverityError, Code: "18001", Message: "not of " + f.items[n-1]},
			}})
		}
	}
	return append(values, result)
}

// arrive ends a call, and counts the look-ups in a row that fail: after some the lanes no
// longer wait for the list, and say so.
func (w *world) arrive(f *machinetest.Flight) machine.Outcome {
	outcome := w.outcome(f)
	if f.Call.Operation == model.GetFeeds {
		switch outcome.(type) {
		case machine.Retry, machine.Reject:
			w.failing++
			w.mostFailing = max(w.mostFailing, w.failing)
		case machine.Done:
			w.failing = 0
		}
	}
	return outcome
}

func (w *world) outcome(f *machinetest.Flight) machine.Outcome {
	lost := machine.Outcome(machine.Ambiguous{})
	if !model.Writes(f.Call.Operation) {
		lost = machine.Retry{}
	}
	switch f.Fault {
	case "lost":
		return lost
	case "no answer":
		w.answer(f.Call, f.Arrives, 0)
		return lost
	case "late":
		w.answer(f.Call, f.Arrives, w.upTo(w.late))
		return lost
	case "throttled": // below its own quota
		return machine.Snooze{Throttled: true, For: time.Second}
	case "refused":
		if !w.unluckyOnce(w.carriedBy(f.Call)) {
			break
		}
		return machine.Reject{Err: &model.Error{Class: model.Invalid, Status: 400, Code: "InvalidInput"}}
	case "not sent":
		return machine.Snooze{Unspent: true}
	case "parked":
		return machine.Park{}
	case "retry":
		return machine.Retry{}
	}
	return w.answer(f.Call, f.Arrives, 0)
}

// answer carries a call out, perhaps later, and returns how it ends where nothing is lost.
func (w *world) answer(call machine.Call, at time.Time, late time.Duration) machine.Outcome {
	if !w.Admit(testAccount, at, model.ShareOf(call.Operation, feedType)) {
		return machine.Snooze{Throttled: true}
	}
	switch req := call.Request.(type) {
	case *model.UploadFeedRequest:
		id := fmt.Sprint("document-", len(w.documents))
		for _, m := range req.Feed.(*model.OrderFeed).Messages {
			w.documents[id] = append(w.documents[id], m.Acknowledgement.AmazonOrderID)
		}
		if faults := req.Feed.Faults(); len(faults) > 0 {
			w.failer.Fatalf("a document with %v", faults)
		}
		return machine.Done{Response: &model.UploadFeedResponse{FeedDocumentID: id, SHA256: "aa", Bytes: int64(req.Feed.Size())}}
	case *model.CreateFeedRequest:
		id := fmt.Sprint("feed-", len(w.Started))
		w.After(at.Add(late), func(at time.Time) { w.create(id, req, at) })
		return machine.Done{Response: &model.CreateFeedResponse{FeedID: id}}
	case *model.GetFeedsRequest:
		page := &model.GetFeedsResponse{}
		for _, f := range w.feeds {
			if !f.shows.After(at) && !f.CreatedTime.Before(req.CreatedSince) && f.MarketplaceIDs[0] == req.MarketplaceIDs[0] {
				page.Feeds = append(page.Feeds, f.Feed)
			}
		}
		return machine.Done{Response: page}
	case *model.CancelFeedRequest:
		return machine.Reject{Err: &model.Error{Class: model.Invalid, Status: 400}}
	}
	return machine.Reject{}
}

// blind reports whether the list of feeds failed so often that the lanes gave it up: they may
// then have submitted an item twice, and say so.
func (w *world) blind() bool { return w.mostFailing >= fewLooks }

// create begins a feed. None of its items may be in another that has not ended, or be settled.
func (w *world) create(id string, req *model.CreateFeedRequest, at time.Time) {
	f := &feed{items: w.documents[req.InputFeedDocumentID], shows: at.Add(w.upTo(w.late))}
	for _, item := range f.items {
		running := slices.ContainsFunc(w.feeds, func(other *feed) bool {
			return slices.Contains(other.items, item) && (other.ends.IsZero() || other.ends.After(at))
		})
		if w.ends[item] == nil && !running || w.blind() {
			continue
		}
		if w.doubles++; !w.lenient {
			w.failer.Fatalf("rule 5: %s goes into %s, and is in another feed that has not ended, or settled: %+v", item, id, w.ends[item])
		}
	}
	f.FeedID, f.FeedType, f.MarketplaceIDs, f.CreatedTime, f.ProcessingStatus = id, req.FeedType, req.MarketplaceIDs, at, model.FeedInProgress
	w.feeds = append(w.feeds, f)
	w.After(at.Add(time.Second+w.upTo(20*time.Minute)), func(at time.Time) { w.finish(f, at) })
}

// other is a feed of another program, of more messages than any of ours.
func (w *world) other(marketplaces []string, at time.Time) {
	f := &feed{items: make([]string, maxItems), shows: at.Add(w.upTo(w.late))}
	f.FeedID, f.FeedType, f.MarketplaceIDs, f.CreatedTime, f.ProcessingStatus = fmt.Sprint("other-", len(w.feeds)), feedType, marketplaces, at, model.FeedInProgress
	w.feeds = append(w.feeds, f)
	w.After(at.Add(time.Second+w.upTo(20*time.Minute)), func(at time.Time) {
		f.ends, f.ProcessingStatus, f.report = at, model.FeedDone, ReportRead
	})
}

// finish ends a feed.
func (w *world) finish(f *feed, at time.Time) {
	f.ends, f.ProcessingStatus, f.report = at, model.FeedDone, ReportRead
	for i, item := range f.items {
		if w.poison[item] {
			f.ProcessingStatus, f.report, f.refused = model.FeedFatal, "NONE", nil
			return
		}
		if w.bad[item] {
			f.refused = append(f.refused, i+1)
		}
	}
	n := w.Random.IntN(30)
	if n > 2 || !w.unluckyOnce(f.items) {
		return
	}
	switch n {
	case 0:
		f.ProcessingStatus, f.report, f.refused = model.FeedFatal, "NONE", nil
	case 1:
		f.ProcessingStatus, f.report, f.refused = model.FeedCancelled, "NONE", nil
	case 2:
		f.report, f.refused = "UNREADABLE", nil
	}
}

// carriedBy are the items that a call is about.
func (w *world) carriedBy(call machine.Call) (items []string) {
	switch req := call.Request.(type) {
	case *model.UploadFeedRequest:
		for _, m := range req.Feed.(*model.OrderFeed).Messages {
			items = append(items, m.Acknowledgement.AmazonOrderID)
		}
	case *model.CreateFeedRequest:
		return w.documents[req.InputFeedDocumentID]
	}
	return items
}

// unluckyOnce reports whether a feed of items may fail for no reason, and counts that. With
// one more such failure patience with one of them may end.
func (w *world) unluckyOnce(items []string) bool {
	if slices.ContainsFunc(items, func(item string) bool { return w.unlucky[item] == leastAttempts-1 }) {
		return false
	}
	for _, item := range items {
		w.unlucky[item]++
	}
	return true
}

// upTo is a random time up to d.
func (w *world) upTo(d time.Duration) time.Duration {
	return time.Duration(w.Random.Int64N(int64(d)))
}

func (w *world) step() {
	if w.others && w.Random.IntN(10) == 0 {
		w.other([]string{germany}, w.Now)
	}
	switch n := w.Random.IntN(100); {
	case n < 10:
		w.change()
	case n < 30:
		w.add()
	case n < 40:
		for range w.Random.IntN(30) {
			w.add()
		}
	case n < 50:
		w.Crash()
	case n < 54:
		w.Lose(w.Random.IntN(10))
	case n < 60:
		w.stuck()
	case n < 75:
		w.Advance(time.Duration(w.Random.IntN(60)) * time.Second)
	default:
		w.Advance(time.Duration(w.Random.IntN(30)) * time.Minute)
	}
	w.Deliver(w.Random.IntN(20))
}

// stuck makes the role feeds call a running feed stuck.
func (w *world) stuck() {
	for _, f := range w.feeds {
		if !f.told && w.submitted[f.FeedID] && f.ends.IsZero() {
			w.Queue = append(w.Queue, w.Records(&schemas.FeedResult{
				EventType: EventStuck, Account: testAccount, FeedID: f.FeedID, FeedType: feedType, MarketplaceID: f.MarketplaceIDs[0],
				ProcessingStatus: f.ProcessingStatus, SubmittedTime: f.CreatedTime,
			})...)
			return
		}
	}
}
