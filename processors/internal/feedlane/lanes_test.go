package feedlane

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// submitted has the items A and B in a feed whose createFeed is under way.
func submitted(t *testing.T) (w *world, create machine.Call) {
	w = newWorld(t, t, 1, Config{})
	w.Take(itemOf("A"), itemOf("B"))
	upload := w.until(model.CreateFeedDocument)
	w.documents["d"] = []string{"A", "B"}
	w.Done(upload, &model.UploadFeedResponse{FeedDocumentID: "d", SHA256: "aa", Bytes: 1})
	return w, w.until(model.CreateFeed)
}

func itemOf(key string) *schemas.InventoryUpdate {
	return &schemas.InventoryUpdate{Account: testAccount, SKU: key, MarketplaceID: germany, Urgent: true}
}

// until lets time pass until a call of an operation is under way.
func (w *world) until(operation string) machine.Call {
	w.T.Helper()
	for range 100 {
		for _, call := range w.Running {
			if call.Operation == operation {
				return call
			}
		}
		w.Pass(time.Minute)
	}
	w.T.Fatalf("no %s within 100 minutes", operation)
	return machine.Call{}
}

// lane is the committed entry of the test's lane.
func (w *world) lane() *schemas.FeedLaneState {
	state, _ := w.State(Key(testAccount, feedType, germany)).(*schemas.FeedLaneState)
	return state
}

// resultOf is how a feed of messages ended, without a refusal.
func resultOf(id string, messages, invalid int) *schemas.FeedResult {
	processed, refused := int32(messages), int32(invalid)
	return &schemas.FeedResult{
		EventType: "FeedCompleted", Account: testAccount, FeedID: id, FeedType: feedType, MarketplaceID: germany,
		ProcessingStatus: model.FeedDone, Report: ReportRead, MessagesProcessed: &processed, MessagesInvalid: &refused,
	}
}

// What a part of a report says holds for the next owner, to whom the end comes.
func TestAPartOfAReportSurvivesARestart(t *testing.T) {
	t.Parallel()
	w, create := submitted(t)
	w.Done(create, &model.CreateFeedResponse{FeedID: "1"})
	id := int64(2)
	w.Take(&schemas.FeedIssues{Account: testAccount, FeedID: "1", Issues: []schemas.FeedIssue{
		{MessageID: &id, Severity: SeverityError, Code: "18001", Message: "no such order"},
	}})
	w.Restart()
	w.Take(resultOf("1", 2, 1))
	a, b := w.ends["A"], w.ends["B"]
	if a == nil || b == nil || Kind(a.Quantity) != Accepted || Kind(b.Quantity) != Rejected || b.Code != "18001" || b.Message != "no such order" || b.FeedID != "1" {
		t.Errorf("A ended %+v, B %+v", a, b)
	}
	if w.Machine.lanes.Held() != 0 || len(w.lane().Items) != 0 {
		t.Errorf("%d items are left, %+v", w.Machine.lanes.Held(), w.lane().Items)
	}
}

// A feed of another program that was taken for ours has ended before ours shows: the doubt
// goes on, and no item is sent again meanwhile.
func TestADoubtGoesOnAfterAnothersFeed(t *testing.T) {
	t.Parallel()
	for _, restart := range []bool{false, true} {
		w, create := submitted(t)
		w.End(create, machine.Ambiguous{})
		shown := func(id string) model.Feed {
			return model.Feed{FeedID: id, FeedType: feedType, MarketplaceIDs: []string{germany}, CreatedTime: w.Now, ProcessingStatus: model.FeedInProgress}
		}
		other := shown("other")
		w.Done(w.until(model.GetFeeds), &model.GetFeedsResponse{Feeds: []model.Feed{other}})
		if w.lane().FeedID != "other" || !w.lane().Adopted {
			t.Fatalf("it was not taken for ours: %+v", w.lane())
		}
		id := int64(1)
		w.Take(&schemas.FeedIssues{Account: testAccount, FeedID: "other", Issues: []schemas.FeedIssue{
			{MessageID: &id, Severity: SeverityError, Code: "1", Message: "of another order"},
		}}, resultOf("other", 9, 1))
		if w.lane().Phase != PhaseIntent || w.lane().DoubtUntil.IsZero() {
			t.Fatalf("the doubt is over: %+v", w.lane())
		}
		if restart {
			w.Restart()
		}
		ours := shown("1")
		w.Done(w.until(model.GetFeeds), &model.GetFeedsResponse{Feeds: []model.Feed{other, ours}})
		w.Take(resultOf("1", 2, 0))
		creates := slices.DeleteFunc(slices.Clone(w.Started), func(call machine.Call) bool { return call.Operation != model.CreateFeed })
		if a := w.ends["A"]; len(creates) != 1 || a == nil || Kind(a.Quantity) != Accepted || a.FeedID != "1" {
			t.Errorf("restart %v: %d createFeeds, A ended %+v", restart, len(creates), a)
		}
	}
}

// An item that is taken back while its document is made is not sent, and the others are.
func TestAnItemIsTakenBackWhileItsDocumentIsMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t, 1, Config{})
	w.Take(itemOf("A"), itemOf("B"))
	upload := w.until(model.CreateFeedDocument)
	w.Take(&schemas.InventoryUpdate{Account: testAccount, SKU: "A", Quantity: -1})
	w.Done(upload, &model.UploadFeedResponse{FeedDocumentID: "d", SHA256: "aa", Bytes: 1})
	again := w.until(model.CreateFeedDocument)
	if messages := again.Request.(*model.UploadFeedRequest).Feed.(*model.OrderFeed).Messages; len(messages) != 1 || messages[0].Acknowledgement.AmazonOrderID != "B" {
		t.Fatalf("%+v", messages)
	}
	w.documents["e"] = []string{"B"}
	w.Done(again, &model.UploadFeedResponse{FeedDocumentID: "e", SHA256: "aa", Bytes: 1})
	w.until(model.CreateFeed)
	w.Take(&schemas.InventoryUpdate{Account: testAccount, SKU: "B", Quantity: -1})
	if w.ends["B"] != nil || !w.Machine.lanes.Carries("B") || w.Machine.lanes.Carries("A") {
		t.Errorf("B was taken back although its feed is submitted: %+v", w.ends["B"])
	}
}

// A document that Amazon refuses counts as a try of its items, for the next owner too.
func TestARefusedDocumentIsRemembered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t, 1, Config{})
	w.Take(itemOf("A"), itemOf("B"))
	w.End(w.until(model.CreateFeedDocument), machine.Reject{Err: &model.Error{Class: model.Invalid, Status: 400, Code: "InvalidInput"}})
	items := w.lane().Items
	if len(items) != 2 || items[0].Attempts != 1 || items[0].FailingSince.IsZero() || items[1].Most != 1 {
		t.Errorf("the state has %+v", items)
	}
}

// The results of calls are those of the lanes' own feed type only.
func TestResultsOfAnotherFeedTypeAreAnothers(t *testing.T) {
	t.Parallel()
	w, _ := submitted(t)
	for _, other := range []string{model.JSONListingsFeed, feedType} {
		res := &machine.Result{Call: machine.Call{Operation: model.GetFeeds, Key: Key(testAccount, other, "another")}}
		if got := w.Machine.lanes.Result(&machine.Tx{Now: w.Now}, res); got != (other == feedType) {
			t.Errorf("%s: taken is %v", other, got)
		}
	}
}

// A feed is no larger than Amazon takes; what does not fit goes with the next.
func TestAFeedOfLargeMessagesIsDivided(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t, 1, Config{})
	w.Machine.lines = 70_000
	w.Take(itemOf("A"), itemOf("B"))
	for _, id := range []string{"A", "B"} {
		upload := w.until(model.CreateFeedDocument)
		feed := upload.Request.(*model.UploadFeedRequest).Feed.(*model.OrderFeed)
		if len(feed.Messages) != 1 || feed.Messages[0].Acknowledgement.AmazonOrderID != id || len(feed.Faults()) > 0 {
			t.Fatalf("%d messages, faults %+v", len(feed.Messages), feed.Faults())
		}
		w.documents[id] = []string{id}
		w.Done(upload, &model.UploadFeedResponse{FeedDocumentID: id, SHA256: "aa", Bytes: 1})
		w.Done(w.until(model.CreateFeed), &model.CreateFeedResponse{FeedID: id})
		w.Take(resultOf(id, 1, 0))
	}
}

// The entry of a lane fits its topic with the longest keys and the longest refusals.
func TestTheLargestEntryFitsItsTopic(t *testing.T) {
	t.Parallel()
	f, at, long := &Lane[item, queue]{}, time.Now(), strings.Repeat("x", maxWords)
	f.Own.tried = make(map[string]*item)
	for n := range maxItems {
		i := &item{message: int32(n + 1), attempts: 1 << 30, most: 1 << 30, failing: at, notBefore: at, verdict: refusalOf(&schemas.FeedIssue{Code: long, Message: long})}
		i.Key = strings.Repeat("k", 384) // order/<account>/<order id>/<package id of 256 bytes>
		f.Members = append(f.Members, i)
		waits := *i
		waits.message, waits.verdict = 0, nil
		f.Own.tried[fmt.Sprint(n)] = &waits
	}
	state := &schemas.FeedLaneState{}
	fill(f, state)
	if size, most := len(state.AppendAvro(nil)), schemas.MaxRecordBytes-64<<10; len(state.Items) != 2*maxItems || size > most {
		t.Errorf("%d items have %d bytes, more than %d", len(state.Items), size, most)
	}
}

// The alert about items that wait says how those end that are given up.
func TestTheAlertSaysHowItemsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t, 1, Config{GivenUp: "REJECTED", Never: true, Patience: 3 * time.Hour})
	w.Take(itemOf("A"))
	for w.Now.Before(testStart.Add(time.Hour)) && len(w.alerts) == 0 {
		w.End(w.until(model.CreateFeedDocument), machine.Reject{Err: &model.Error{Class: model.Invalid, Status: 400}})
	}
	if want := "for 3h0m0s alone, or for 12h0m0s with others, without an answer ends REJECTED, and so does at once one that a feed may have carried out"; len(w.told) != 1 || !strings.Contains(w.told[0], want) {
		t.Errorf("%q, want %q", w.told, want)
	}
}
