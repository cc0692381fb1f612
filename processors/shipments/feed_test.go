package shipments

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/internal/feedlane"
	"github.com/sellerstream/sellerstream/schemas"
)

// letterFeed is a feed of packages without a tracking number at Amazon.
type letterFeed struct {
	model.Feed
	messages []model.OrderMessage
	refused  []int64
	told     bool
}

// letters are Amazon's feeds, and what they have confirmed.
type letters struct {
	documents map[string][]model.OrderMessage
	feeds     []*letterFeed
	packages  map[string][]*model.PackageFulfillment // by order
}

// feedCall carries a call of a feed out that arrives, some of them without an answer.
func (w *world) feedCall(f *machinetest.Flight) machine.Outcome {
	if !w.amazon.Admit(testAccount, f.Arrives, model.ShareOf(f.Call.Operation, model.OrderFulfillmentFeed)) {
		return machine.Snooze{Throttled: true}
	}
	lost := machine.Outcome(machine.Ambiguous{})
	if !model.Writes(f.Call.Operation) {
		lost = machine.Retry{}
	}
	switch w.Random.IntN(16) {
	case 0:
		return lost
	case 1:
		w.feedAnswer(f, 0)
		return lost
	case 2:
		w.feedAnswer(f, time.Duration(w.Random.Int64N(int64(w.Machine.cfg.ApplyDelay))))
		return lost
	case 3:
		return machine.Snooze{For: 5 * time.Second}
	}
	return w.feedAnswer(f, 0)
}

func (w *world) feedAnswer(f *machinetest.Flight, late time.Duration) machine.Outcome {
	switch request := f.Call.Request.(type) {
	case *model.UploadFeedRequest:
		id := fmt.Sprint("document-", len(w.letters.documents))
		w.letters.documents[id] = request.Feed.(*model.OrderFeed).Messages
		if faults := request.Feed.Faults(); len(faults) > 0 {
			w.rt.Fatalf("a document with %v", faults)
		}
		return machine.Done{Response: &model.UploadFeedResponse{FeedDocumentID: id, SHA256: "aa", Bytes: int64(request.Feed.Size())}}
	case *model.CreateFeedRequest:
		id := fmt.Sprint("feed-", len(w.Started), "-", len(w.letters.feeds))
		w.After(f.Arrives.Add(late), func(at time.Time) {
			feed := &letterFeed{messages: w.letters.documents[request.InputFeedDocumentID]}
			feed.FeedID, feed.FeedType, feed.MarketplaceIDs, feed.CreatedTime, feed.ProcessingStatus = id, request.FeedType, request.MarketplaceIDs, at, model.FeedInProgress
			w.letters.feeds = append(w.letters.feeds, feed)
			w.After(at.Add(time.Second+time.Duration(w.Random.IntN(600))*time.Second), func(at time.Time) { w.finishFeed(feed, at) })
		})
		return machine.Done{Response: &model.CreateFeedResponse{FeedID: id}}
	case *model.GetFeedsRequest:
		page := &model.GetFeedsResponse{}
		for _, feed := range w.letters.feeds {
			if !feed.CreatedTime.Before(request.CreatedSince) && feed.MarketplaceIDs[0] == request.MarketplaceIDs[0] {
				page.Feeds = append(page.Feeds, feed.Feed)
			}
		}
		return machine.Done{Response: page}
	}
	return machine.Reject{Err: &model.Error{Class: model.Invalid, Status: 400}}
}

// finishFeed confirms the packages of a feed; Amazon refuses some.
func (w *world) finishFeed(feed *letterFeed, at time.Time) {
	feed.ProcessingStatus, feed.ProcessingEndTime = model.FeedDone, &at
	for _, m := range feed.messages {
		if w.Random.IntN(10) == 0 || m.Fulfillment.Items[0].AmazonOrderItemCode != line || m.Fulfillment.Items[0].Quantity > int(w.amazon.ordered[m.Fulfillment.AmazonOrderID]) {
			feed.refused = append(feed.refused, int64(m.MessageID))
			continue
		}
		id := m.Fulfillment.AmazonOrderID
		w.letters.packages[id] = append(w.letters.packages[id], m.Fulfillment)
	}
}

// followFeeds is the role feeds: it reports the submitted feeds that have ended.
func (w *world) followFeeds() {
	for _, feed := range w.letters.feeds {
		if feed.told || !w.submitted[feed.FeedID] || feed.ProcessingEndTime == nil {
			continue
		}
		feed.told = true
		w.Queue = append(w.Queue, w.Records(feed.result()...)...)
	}
}

func (f *letterFeed) result() (values []any) {
	processed, invalid := int32(len(f.messages)), int32(len(f.refused))
	for i := range f.refused {
		values = append(values, &schemas.FeedIssues{Account: testAccount, FeedID: f.FeedID, Issues: []schemas.FeedIssue{
			{MessageID: &f.refused[i], Severity: feedlane.SeverityError, Code: "18028", Message: "no"},
		}})
	}
	return append(values, &schemas.FeedResult{
		EventType: "FeedCompleted", Account: testAccount, FeedID: f.FeedID, FeedType: model.OrderFulfillmentFeed, MarketplaceID: f.MarketplaceIDs[0],
		ProcessingStatus: f.ProcessingStatus, Report: feedlane.ReportRead, SubmittedTime: f.CreatedTime, MessagesProcessed: &processed, MessagesInvalid: &invalid,
	})
}

// checkLetters holds rule 11 against what Amazon has: each message that was confirmed is of a
// shipment with that outcome, and no package is there twice.
func (w *world) checkLetters(outcomes map[int64]*schemas.ShipmentConfirmation) {
	have, of := map[int64]bool{}, map[string]int64{}
	for id, packages := range w.letters.packages {
		for _, p := range packages {
			var offset int64
			if _, err := fmt.Sscan(p.ShippingMethod, &offset); err != nil {
				w.rt.Fatalf("%v", err)
			}
			pack := id + " " + w.sent[offset].PackageID
			if other, twice := of[pack]; twice {
				w.rt.Fatalf("rule 11: Amazon has package %s twice, of shipments %d and %d", pack, other, offset)
			}
			of[pack], have[offset] = offset, true
			if c := outcomes[offset]; c.Outcome != confirmed && c.Code != "ghost_feed" { // nobody knows whose feed that was
				w.rt.Fatalf("rule 11: Amazon has package %s of shipment %d, whose outcome is %s %s", pack, offset, c.Outcome, c.Code)
			}
		}
	}
	for offset, c := range outcomes {
		if s := w.sent[offset]; s.TrackingNumber == "" && c.Outcome == confirmed && !have[offset] {
			same := of[s.OrderID+" "+s.PackageID]
			if first := w.sent[same]; first == nil || first.Items[0].Quantity != s.Items[0].Quantity {
				w.rt.Fatalf("rule 11: shipment %d is CONFIRMED, and Amazon does not have it", offset)
			}
		}
	}
}

// letter is a shipment without a tracking number, and without a carrier.
func letter(id, order, pack string, units int32, at time.Time) *schemas.Shipment {
	s := shipped(id, order, pack, units, at)
	s.TrackingNumber, s.CarrierName, s.ShippingMethod = "", "", "Letter"
	return s
}

// sendLetters lets the feeds of a runtime go until one is submitted, and returns its messages.
func sendLetters(r *runtime, calls []machine.Call) (messages []model.OrderMessage, feedID string) {
	r.Follow(time.Hour, calls, func(call machine.Call) machine.Outcome {
		switch request := call.Request.(type) {
		case *model.UploadFeedRequest:
			messages = request.Feed.(*model.OrderFeed).Messages
			return machine.Done{Response: &model.UploadFeedResponse{FeedDocumentID: "d", SHA256: "aa", Bytes: 1}}
		case *model.CreateFeedRequest:
			feedID = fmt.Sprint("feed-", len(r.Started))
			return machine.Done{Response: &model.CreateFeedResponse{FeedID: feedID}}
		}
		r.T.Fatalf("a call of %s", call.Operation)
		return nil
	})
	return messages, feedID
}

// A letter is refused unless it is configured. Then it goes by a feed, with all that the
// producer said of it, and its outcome comes with the feed's end.
func TestALetterGoesByAFeed(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	if calls := r.Take(known(orderID(1), 2, testStart), letter("s1", orderID(1), "p1", 2, testStart)); len(calls) > 0 || len(r.Letters) != 1 || r.Letters[0].Reason != "no_tracking_number" {
		t.Errorf("%d calls, dead letters %+v", len(calls), r.Letters)
	}
	for _, refused := range []bool{false, true} {
		for _, restarts := range []bool{false, true} {
			r = newRuntime(t, Config{Untracked: untrackedFeed})
			s := letter("s1", orderID(1), "p/1", 2, testStart)
			s.CarrierName, s.Items[0].TransparencyCodes = "Deutsche Post", []string{"AZ:1"}
			messages, id := sendLetters(r, r.Take(known(orderID(1), 2, testStart), s))
			if len(messages) != 1 || id == "" || len(r.outcomes) > 0 {
				t.Fatalf("messages %+v of feed %q, outcomes %+v", messages, id, r.outcomes)
			}
			got := messages[0].Fulfillment
			if got.AmazonOrderID != orderID(1) || !got.FulfillmentDate.Equal(testStart) || got.CarrierCode != "Deutsche Post" || got.ShippingMethod != "Letter" || got.ShipperTrackingNumber != "" ||
				len(got.Items) != 1 || got.Items[0].AmazonOrderItemCode != line || got.Items[0].Quantity != 2 || !slices.Equal(got.Items[0].TransparencyCodes, []string{"AZ:1"}) {
				t.Errorf("%+v", got)
			}
			if restarts {
				r.Restart()
				r.Pass(time.Minute)
			}
			feed := &letterFeed{Feed: model.Feed{FeedID: id, MarketplaceIDs: []string{france}, ProcessingStatus: model.FeedDone}, messages: messages}
			want := confirmed
			if refused {
				feed.refused, want = []int64{1}, rejected
			}
			r.Take(feed.result()...)
			c := r.settled("s1")
			if c.Outcome != want || c.TrackingNumber != "" || c.PackageReferenceID != "" || refused && (c.Code != "18028" || !strings.Contains(c.Message, id)) {
				t.Errorf("refused %v, restarts %v: %+v", refused, restarts, c)
			}
			if state := r.orderState(orderID(1)); state.Packages[0].Untracked == refused || r.Machine.Pending() != 0 {
				t.Errorf("refused %v: %d pending, %+v", refused, r.Machine.Pending(), state.Packages[0])
			}
		}
	}
}

// While a feed carries a package, others of the order and newer ones of it wait. What a feed has
// confirmed is not confirmed again, whatever comes: the same once more has its outcome at
// once, and anything else is refused with words.
func TestAConfirmedLetterIsNeverASecondPackage(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		second        *schemas.Shipment
		outcome, code string
	}{
		"the same":          {letter("s2", orderID(1), "p1", 1, testStart.Add(time.Second)), confirmed, ""},
		"other units":       {letter("s2", orderID(1), "p1", 2, testStart.Add(time.Second)), rejected, codeNoReference},
		"a tracking number": {shipped("s2", orderID(1), "p1", 1, testStart.Add(time.Second)), rejected, codeNoReference},
	} {
		for _, restarts := range []bool{false, true} {
			r := newRuntime(t, Config{Untracked: untrackedFeed})
			messages, id := sendLetters(r, r.Take(known(orderID(1), 3, testStart), letter("s1", orderID(1), "p1", 1, testStart)))
			calls := r.Take(test.second, shipped("other", orderID(1), "p2", 1, testStart.Add(2*time.Second)))
			if restarts {
				r.Restart()
			}
			if calls = append(calls, r.Pass(time.Minute)...); len(calls) > 0 || len(r.outcomes) > 0 {
				t.Fatalf("%s: %d calls beside the feed, outcomes %+v", name, len(calls), r.outcomes)
			}
			feed := &letterFeed{Feed: model.Feed{FeedID: id, MarketplaceIDs: []string{france}, ProcessingStatus: model.FeedDone}, messages: messages}
			calls = append(r.Take(feed.result()...), r.Pass(time.Second)...)
			if len(calls) != 1 || requestOf(calls[0]).Package.TrackingNumber != "other" {
				t.Fatalf("%s, restarts %v: calls %+v", name, restarts, calls)
			}
			r.End(calls[0], done())
			if c := r.settled("s2"); r.settled("s1").Outcome != confirmed || c.Outcome != test.outcome || c.Code != test.code {
				t.Errorf("%s, restarts %v: %+v", name, restarts, c)
			}
		}
	}
	// What was confirmed with a number keeps its number when one comes without, too.
	r := newRuntime(t, Config{Untracked: untrackedFeed})
	r.End(r.Take(known(orderID(1), 3, testStart), shipped("s1", orderID(1), "p1", 1, testStart))[0], done())
	if r.Take(letter("s2", orderID(1), "p1", 1, testStart.Add(time.Second))); r.settled("s2").Code != codeNoReference {
		t.Errorf("%+v", r.settled("s2"))
	}
}

// Before a feed carries it, a letter gives way to a newer record of its package.
func TestALetterGivesWayBeforeItsFeed(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{Untracked: untrackedFeed})
	calls := r.Take(known(orderID(1), 3, testStart), letter("s1", orderID(1), "p1", 1, testStart))
	calls = append(calls, r.Take(letter("s2", orderID(1), "p1", 2, testStart.Add(time.Second)))...)
	messages, _ := sendLetters(r, calls)
	if r.settled("s1").Outcome != superseded || len(messages) != 1 || messages[0].Fulfillment.Items[0].Quantity != 2 {
		t.Errorf("outcomes %+v, messages %+v", r.outcomes, messages)
	}
}

// A letter that no order shows is reported, and not sent a second time.
func TestALetterThatIsNotShownIsReported(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{Untracked: untrackedFeed})
	messages, id := sendLetters(r, r.Take(known(orderID(1), 2, testStart), letter("s1", orderID(1), "p1", 2, testStart)))
	r.Take((&letterFeed{Feed: model.Feed{FeedID: id, MarketplaceIDs: []string{france}, ProcessingStatus: model.FeedDone}, messages: messages}).result()...)
	started := len(r.Started)
	r.Pass(lookAfter)
	r.Take(r.answered("UNSHIPPED"))
	r.Pass(12 * time.Hour)
	if len(r.Started) > started || len(r.alerts) != 1 || r.alerts[0].EventType != alertNotShown || !strings.Contains(r.alerts[0].Message, "tracking number: none") {
		t.Errorf("%d calls, alerts %+v", len(r.Started)-started, r.alerts)
	}
}

// The alert that letters wait ends with the first feed that works, and when none waits any more.
func TestTheAlertAboutLettersEnds(t *testing.T) {
	t.Parallel()
	for name, then := range map[string]func(r *runtime){
		"a feed works": func(r *runtime) {
			messages, id := sendLetters(r, r.Pass(3*time.Hour))
			r.Take((&letterFeed{Feed: model.Feed{FeedID: id, MarketplaceIDs: []string{france}, ProcessingStatus: model.FeedDone}, messages: messages}).result()...)
		},
		"none waits": func(r *runtime) {
			r.Take(shipped("s2", orderID(1), "p1", 1, testStart.Add(time.Second))) // which has a number
			r.Pass(90 * time.Minute)
		},
	} {
		r := newRuntime(t, Config{Untracked: untrackedFeed})
		r.Follow(time.Hour, r.Take(known(orderID(1), 2, testStart), letter("s1", orderID(1), "p1", 1, testStart)), func(machine.Call) machine.Outcome {
			return machine.Reject{Err: &model.Error{Class: model.Invalid, Status: 400, Code: "InvalidInput"}}
		})
		r.Restart()
		held := r.Holding(alertUntracked)
		if then(r); held != 1 || r.Holding(alertUntracked) != 0 {
			t.Errorf("%s: %d alerts held before, %d hold", name, held, r.Holding(alertUntracked))
		}
		r.Pass(24 * time.Hour)
		r.Take(known(orderID(2), 2, r.Now), letter("s3", orderID(2), "p1", 1, r.Now))
		if r.Pass(10 * time.Minute); r.Holding(alertUntracked) != 0 {
			t.Errorf("%s: a letter of the next day is told of before it was tried", name)
		}
	}
}

// What XML cannot hold, or has too many codes, is a dead letter: it would spoil the feed.
func TestWhatAFeedCannotSayIsSetAside(t *testing.T) {
	t.Parallel()
	control, codes := letter("s1", orderID(1), "p1", 1, testStart), letter("s2", orderID(1), "p2", 1, testStart)
	control.ShippingMethod = "Letter\x01"
	codes.Items[0].TransparencyCodes = make([]string, model.MaxTransparencyCodes+1)
	r := newRuntime(t, Config{Untracked: untrackedFeed})
	if r.Take(control, codes); len(r.Letters) != 2 || r.Letters[0].Reason != "invalid_for_feed" || r.Letters[1].Reason != "invalid_for_feed" {
		t.Errorf("%+v", r.Letters)
	}
}

// submitLetters takes records and lets the feed that comes of them go until its createFeed is
// under way.
func submitLetters(r *runtime, values ...any) (create machine.Call) {
	r.T.Helper()
	r.Take(values...)
	for range 100 {
		for _, call := range r.Running {
			switch call.Operation {
			case model.CreateFeedDocument:
				r.Done(call, &model.UploadFeedResponse{FeedDocumentID: "d", SHA256: "aa", Bytes: 1})
			case model.CreateFeed:
				return call
			}
		}
		r.Pass(time.Minute)
	}
	r.T.Fatal("no feed was submitted")
	return create
}

// What has come while a feed carried a letter counts when that did not confirm it: rule 10.
func TestALetterThatComesBackIsDecidedAnew(t *testing.T) {
	t.Parallel()
	cancelled := known(orderID(1), 2, testStart.Add(time.Second))
	cancelled.Status = "CANCELLED"
	later := testStart.Add(time.Second)
	for name, test := range map[string]struct {
		meanwhile any
		outcome   string // of s1
		next      string // operation of the call that follows
	}{
		"cancelled": {cancelled, rejected, ""},
		"asked":     {asking(1, later), "", ""},
		"dropped":   {said(letter("s2", orderID(1), "p1", 2, later), wordDrop), superseded, ""},
		"tracked":   {shipped("s2", orderID(1), "p1", 2, later), superseded, model.ConfirmShipment},
		"nothing":   {letter("s2", orderID(2), "p1", 2, later), "", model.CreateFeedDocument},
	} {
		for _, submitted := range []bool{false, true} {
			r := newRuntime(t, Config{Untracked: untrackedFeed, BuyerCancel: cancelHold})
			create := submitLetters(r, known(orderID(1), 2, testStart), letter("s1", orderID(1), "p1", 2, testStart))
			r.Take(test.meanwhile)
			if len(r.outcomes) > 0 {
				t.Fatalf("%s: %+v, and the feed is not over", name, r.outcomes[0])
			}
			started := len(r.Started)
			if submitted {
				r.Done(create, &model.CreateFeedResponse{FeedID: "1"})
				r.Take((&letterFeed{Feed: model.Feed{FeedID: "1", MarketplaceIDs: []string{france}, ProcessingStatus: model.FeedCancelled}}).result()...)
			} else {
				r.End(create, machine.Snooze{For: time.Second})
			}
			for range 60 {
				r.Pass(time.Minute)
			}
			next := ""
			if len(r.Started) > started {
				next = r.Started[started].Operation
			}
			if next != test.next || test.outcome != "" && r.settled("s1").Outcome != test.outcome || test.outcome == "" && len(r.outcomes) > 0 {
				t.Errorf("%s, submitted %v: then %q, outcomes %+v", name, submitted, next, r.outcomes)
			}
		}
	}
}

// After a restart an order has another letter that is next. The one that a feed carried and
// that is dropped meanwhile is not sent when its feed does not show.
func TestACarriedLetterThatIsNotNextSurvivesARestart(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{Untracked: untrackedFeed})
	submitLetters(r, known(orderID(1), 3, testStart), letter("s1", orderID(1), "p1", 1, testStart))
	r.Take(letter("s2", orderID(1), "p2", 2, testStart.Add(-time.Minute)))
	r.Restart()
	started := len(r.Started)
	r.Take(said(letter("s3", orderID(1), "p1", 1, testStart.Add(time.Minute)), wordDrop))
	r.Follow(2*time.Hour, r.Pass(time.Second), func(call machine.Call) machine.Outcome {
		switch call.Operation {
		case model.GetFeeds:
			return machine.Done{Response: &model.GetFeedsResponse{}}
		case model.CreateFeedDocument:
			return machine.Done{Response: &model.UploadFeedResponse{FeedDocumentID: "e", SHA256: "aa", Bytes: 1}}
		}
		return machine.Done{Response: &model.CreateFeedResponse{FeedID: "2"}}
	})
	var sent []string
	for _, call := range r.Started[started:] {
		if upload, ok := call.Request.(*model.UploadFeedRequest); ok {
			for _, m := range upload.Feed.(*model.OrderFeed).Messages {
				sent = append(sent, fmt.Sprint(m.Fulfillment.Items[0].Quantity))
			}
		}
	}
	if !slices.Equal(sent, []string{"2"}) || r.settled("s1").Outcome != superseded || r.settled("s3").Outcome != dropped {
		t.Errorf("units %v were sent, outcomes %+v", sent, r.outcomes)
	}
}

// A letter waits for its share of createFeed.
func TestALetterIsCountedUnderItsShare(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{Untracked: untrackedFeed})
	r.Take(known(orderID(1), 2, testStart), letter("s1", orderID(1), "p1", 2, testStart))
	var told works
	if read(r.orderState(orderID(1)), func(string) role.Standing { return &told }); !slices.Equal(told.calls, []string{"createFeed/POST_ORDER_FULFILLMENT_DATA"}) {
		t.Errorf("%q", told.calls)
	}
}
