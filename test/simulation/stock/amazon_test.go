package stock

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	home = "A1PA6795UKMFR9"
	// window and most are the throttle of JSON_LISTINGS_FEED: so many in any window.
	window = 5 * time.Minute
	most   = 5
	// applyDelay and showDelay are the most by which Amazon carries a call out
	// late, and by which getFeeds and getFeed do not know of a feed.
	applyDelay = 5 * time.Minute
	showDelay  = 5 * time.Minute

	codeUnknown   = "13013"
	codeTransient = "InternalFailure"
)

// amazon is a model of Amazon: its quotas, its feeds and its quantities.
type amazon struct {
	w         *world
	buckets   map[bucketKey]*bucket
	created   map[string][]time.Duration // last createFeed calls of an account, for the window
	documents map[string]*document       // that no feed was made of yet
	feeds     map[string]*amazonFeed
	ofAccount map[string][]*amazonFeed // in the order of their making
	effects   int                      // that are still to come
	named     int                      // documents and feeds
}

type bucketKey struct{ account, operation string }

// bucket is Amazon's own: as many calls in a row as burst, then as many as rate.
type bucket struct {
	tokens, rate, burst float64
	at                  time.Duration
}

// plans are Amazon's usage plans, in requests per second and at once; written
// down here again, so that a wrong table in pkg/runtime/quota shows.
func plan(operation string) (rate, burst float64) {
	switch operation {
	case model.CreateFeedDocument:
		return 0.5, 15
	case model.CreateFeed:
		return 0.0083, 15
	case model.GetFeed, model.CancelFeed:
		return 2, 15
	case model.GetFeeds, model.GetFeedDocument:
		return 0.0222, 10
	case model.PatchListingsItem:
		return 5, 5
	case model.GetListingsItem:
		return 5, 10
	case model.SearchListingsItems:
		return 5, 5
	case model.CreateReport, model.GetReportDocument:
		return 0.0167, 15
	case model.GetReport:
		return 2, 15
	}
	panic("no usage plan of " + operation)
}

// document is an uploaded one.
type document struct {
	id       string
	messages []message
}

type message struct {
	id       int32
	sku      int32
	quantity int32
}

type amazonFeed struct {
	model.Feed
	account   string
	messages  []message
	shown     time.Duration // when getFeeds and getFeed know of it
	ends      time.Duration
	report    model.FeedReport
	submitted bool // its submission was committed
}

func newAmazon(w *world) *amazon {
	return &amazon{
		w: w, buckets: map[bucketKey]*bucket{}, created: map[string][]time.Duration{}, documents: map[string]*document{},
		feeds: map[string]*amazonFeed{}, ofAccount: map[string][]*amazonFeed{},
	}
}

// admit spends the tokens of a call that has arrived.
func (a *amazon) admit(account, operation string) bool {
	key, now := bucketKey{account, operation}, a.w.now
	b := a.buckets[key]
	if b == nil {
		rate, burst := plan(operation)
		b = &bucket{tokens: burst, rate: rate, burst: burst, at: now}
		a.buckets[key] = b
	}
	b.tokens, b.at = min(b.burst, b.tokens+b.rate*(now-b.at).Seconds()), now
	if b.tokens < 1 {
		return false
	}
	if operation == model.CreateFeed {
		recent := a.created[account]
		if len(recent) == most && recent[0] > now-window {
			return false
		}
		if len(recent) == most {
			recent = append(recent[:0], recent[1:]...)
		}
		a.created[account] = append(recent, now)
	}
	b.tokens--
	return true
}

// answer carries a call out, a writing one late by that much, and returns how it ends.
func (a *amazon) answer(call *machine.Call, late time.Duration) machine.Outcome {
	switch req := call.Request.(type) {
	case *model.UploadFeedRequest:
		return machine.Done{Response: a.upload(call.Account, req)}
	case *model.CreateFeedRequest:
		doc := a.documents[req.InputFeedDocumentID]
		if doc == nil {
			a.w.faultf("document %s was submitted twice, or never made", req.InputFeedDocumentID)
			return machine.Reject{Err: &model.Error{Class: model.Invalid, Operation: call.Operation, Status: 400}}
		}
		delete(a.documents, doc.id)
		f := &amazonFeed{account: call.Account, messages: doc.messages}
		f.FeedID = a.name("feed")
		a.effect(late, func() { a.create(f) })
		return machine.Done{Response: &model.CreateFeedResponse{FeedID: f.FeedID}}
	case *model.GetFeedsRequest:
		return machine.Done{Response: a.list(call.Account, req)}
	case *model.CancelFeedRequest:
		return a.cancel(a.feeds[req.FeedID])
	case *model.PatchQuantityRequest:
		return a.patch(call.Account, req, late)
	case *model.GetListingsItemRequest:
		return a.item(call.Account, req)
	case *model.SearchListingsItemsRequest:
		if a.w.setup.noSearches {
			return machine.Reject{Err: &model.Error{Class: model.Invalid, Operation: call.Operation, Status: 400}}
		}
		found := &model.SearchListingsItemsResponse{}
		for _, sku := range req.SKUs {
			one := a.item(call.Account, &model.GetListingsItemRequest{SKU: sku})
			if done, ok := one.(machine.Done); ok {
				found.Items = append(found.Items, *done.Response.(*model.ListingsItem))
			}
		}
		return machine.Done{Response: found}
	case *model.CreateReportRequest:
		return machine.Done{Response: &model.CreateReportResponse{ReportID: a.name("report")}}
	case *model.GetReportRequest:
		return machine.Done{Response: &model.Report{ReportID: req.ReportID, ProcessingStatus: model.ReportDone, ReportDocumentID: req.ReportID}}
	case *model.ReadListingsReportRequest:
		return machine.Done{Response: a.listings(call.Account)}
	case *model.GetFeedRequest:
		f := a.feeds[req.FeedID]
		if f == nil || f.shown > a.w.now {
			return machine.Reject{Err: &model.Error{Class: model.NotFound, Operation: call.Operation, Status: 404}}
		}
		shown := f.Feed
		return machine.Done{Response: &shown}
	case *model.ReadFeedReportRequest:
		report := a.feeds[req.FeedDocumentID].report // a report is named as its feed
		return machine.Done{Response: &report}
	}
	panic(fmt.Sprintf("no answer to a %T", call.Request))
}

// listings is the report of an account's listings as they are now.
func (a *amazon) listings(account string) *model.ListingsReport {
	report := new(model.ListingsReport)
	for i := range a.w.byID[account].skus {
		s := &a.w.byID[account].skus[i]
		row := model.ListingsRow{SKU: skuName(int32(i)), Channel: "DEFAULT", Quantity: s.amazon}
		switch {
		case s.unlisted:
			continue
		case s.amazons:
			row.Channel, row.Quantity = "AMAZON_EU", model.NoQuantity
		}
		report.Rows = append(report.Rows, row)
	}
	slices.SortFunc(report.Rows, func(a, b model.ListingsRow) int { return strings.Compare(a.SKU, b.SKU) })
	return report
}

// item shows who fulfils a SKU.
func (a *amazon) item(account string, req *model.GetListingsItemRequest) machine.Outcome {
	s := &a.w.byID[account].skus[skuIndex(req.SKU)]
	if s.unlisted {
		return machine.Reject{Err: &model.Error{Class: model.NotFound, Operation: model.GetListingsItem, Status: 404}}
	}
	shown := model.FulfillmentAvailability{FulfillmentChannelCode: "DEFAULT"}
	if s.amazons {
		shown.FulfillmentChannelCode = "AMAZON_EU"
	} else if n := int(s.amazon); n >= 0 {
		shown.Quantity = &n
	}
	return machine.Done{Response: &model.ListingsItem{SKU: req.SKU, FulfillmentAvailability: []model.FulfillmentAvailability{shown}}}
}

func (a *amazon) name(what string) string {
	a.named++
	return what + "-" + strconv.Itoa(a.named)
}

// effect has something happen at Amazon after d.
func (a *amazon) effect(d time.Duration, do func()) {
	if d == 0 {
		do()
		return
	}
	a.effects++
	a.w.in(d, func() {
		a.effects--
		do()
	})
}

func (a *amazon) upload(account string, req *model.UploadFeedRequest) *model.UploadFeedResponse {
	doc := &document{id: a.name("document"), messages: make([]message, 0, len(req.Feed.(*model.ListingsFeed).Messages))}
	for i := range req.Feed.(*model.ListingsFeed).Messages {
		m := &req.Feed.(*model.ListingsFeed).Messages[i]
		doc.messages = append(doc.messages, message{int32(m.MessageID), skuIndex(m.SKU), int32(m.Quantity)})
	}
	if len(doc.messages) > model.MaxFeedMessages {
		a.w.faultf("a feed of %d messages for %s", len(doc.messages), account)
	}
	a.documents[doc.id] = doc
	return &model.UploadFeedResponse{FeedDocumentID: doc.id, SHA256: "aa", Bytes: int64(req.Feed.Size())}
}

// create begins a feed.
func (a *amazon) create(f *amazonFeed) {
	w := a.w
	shop := w.byID[f.account]
	created := w.time()
	f.FeedType, f.MarketplaceIDs, f.CreatedTime, f.ProcessingStatus = model.JSONListingsFeed, []string{home}, created, model.FeedInQueue
	f.shown = w.now + w.upTo(3*time.Second)
	if w.strikes() {
		f.shown = w.now + w.upTo(showDelay)
	}
	a.feeds[f.FeedID] = f
	a.ofAccount[f.account] = append(a.ofAccount[f.account], f)
	w.count.feeds++
	w.count.messages += len(f.messages)
	shop.submitted(w, f.messages)
	took := w.feedTakes(shop)
	f.ends = w.now + took
	a.effect(time.Duration(w.random.Float64()*float64(took)*0.8), func() {
		if f.ProcessingStatus == model.FeedInQueue {
			started := w.time()
			f.ProcessingStatus, f.ProcessingStartTime = model.FeedInProgress, &started
		}
	})
	a.effect(took, func() { a.finish(f) })
}

// finish carries a feed out. One in a hundred ends badly.
func (a *amazon) finish(f *amazonFeed) {
	if f.ProcessingStatus == model.FeedCancelled {
		return
	}
	w := a.w
	ended := w.time()
	f.ProcessingStatus, f.ProcessingEndTime, f.ResultFeedDocumentID = model.FeedDone, &ended, f.FeedID
	share := 1.0
	if w.strikes() {
		w.count.badFeeds++
		switch w.random.IntN(5) {
		case 0: // some, none or all
			f.ProcessingStatus, f.ResultFeedDocumentID, share = model.FeedFatal, "", w.random.Float64()
		case 1:
			f.ProcessingStatus, f.ResultFeedDocumentID, share = model.FeedFatal, "", 0
		case 2:
			f.ResultFeedDocumentID = ""
		case 3:
			f.report.Unreadable = "a document that is no report"
		case 4: // not parsed
			f.report.Issues, share = []model.FeedIssue{{Severity: "ERROR", Message: "not a feed"}}, 0
		}
	}
	shop := w.byID[f.account]
	for i := range f.messages {
		m := &f.messages[i]
		if share < 1 && w.random.Float64() >= share {
			continue
		}
		f.report.Summary.MessagesProcessed++
		if code := shop.apply(w, m.sku, m.quantity); code != "" {
			f.report.Summary.MessagesInvalid++
			f.report.Issues = append(f.report.Issues, model.FeedIssue{MessageID: int(m.id), SKU: skuName(m.sku), Code: code, Severity: "ERROR", Message: code})
		}
		if a.w.setup.config.SeenWithin > 0 && !a.w.setup.seeOnly {
			f.report.Shown = append(f.report.Shown, model.ShownQuantity{SKU: skuName(m.sku), FulfillmentChannelCode: "DEFAULT", Quantity: int(max(0, shop.skus[m.sku].amazon))})
		}
	}
	f.messages = nil
	a.notify(f, shop)
}

// notify sends the notification of a feed's end, unless it is lost.
func (a *amazon) notify(f *amazonFeed, shop *shop) {
	w := a.w
	if !shop.notified || w.random.Float64() < w.setup.lostNotes {
		return
	}
	note := &schemas.FeedNotification{
		NotificationID: "n-" + f.FeedID, Account: f.account, FeedID: f.FeedID, FeedType: f.FeedType,
		ProcessingStatus: f.ProcessingStatus, ResultFeedDocumentID: f.ResultFeedDocumentID, EventTime: w.time(), ReceivedTime: w.time(),
	}
	for range 1 + w.random.IntN(3)/2 {
		delay := 500*time.Millisecond + w.upTo(5*time.Second)
		if w.strikes() {
			delay = w.upTo(10 * time.Minute)
		}
		a.effect(delay, func() { w.produce(shop.feeds, schemas.FeedNotifications, f.account, note) })
	}
}

func (a *amazon) list(account string, req *model.GetFeedsRequest) *model.GetFeedsResponse {
	page := &model.GetFeedsResponse{}
	feeds := a.ofAccount[account]
	for i := len(feeds) - 1; i >= 0 && !feeds[i].CreatedTime.Before(req.CreatedSince); i-- {
		if feeds[i].shown <= a.w.now {
			page.Feeds = append(page.Feeds, feeds[i].Feed)
		}
	}
	return page
}

func (a *amazon) cancel(f *amazonFeed) machine.Outcome {
	if f == nil || f.ProcessingStatus != model.FeedInQueue {
		return machine.Reject{Err: &model.Error{Class: model.Invalid, Status: 400}}
	}
	ended := a.w.time()
	f.ProcessingStatus, f.ProcessingEndTime, f.messages = model.FeedCancelled, &ended, nil
	a.w.count.cancelled++
	a.notify(f, a.w.byID[f.account])
	return machine.Done{Response: &model.CancelFeedResponse{}}
}

// patch carries a patch out. That Amazon failed by itself can be an INVALID in
// a 200, which is a fault of this step alone.
func (a *amazon) patch(account string, req *model.PatchQuantityRequest, late time.Duration) machine.Outcome {
	shop, sku := a.w.byID[account], skuIndex(req.SKU)
	shop.submitted(a.w, []message{{0, sku, int32(req.Quantity)}})
	a.w.count.patches++
	if late > 0 {
		a.effect(late, func() { shop.apply(a.w, sku, int32(req.Quantity)) })
		return machine.Ambiguous{}
	}
	code := shop.apply(a.w, sku, int32(req.Quantity))
	switch code {
	case "":
		return machine.Done{Response: &model.ListingsItemSubmission{Status: model.SubmissionAccepted}}
	case codeUnknown:
		return machine.Reject{Err: &model.Error{Class: model.NotFound, Operation: model.PatchListingsItem, Status: 404}}
	}
	return machine.Done{Response: &model.ListingsItemSubmission{
		Status: model.SubmissionInvalid, Issues: []model.ListingIssue{{Code: code, Severity: "ERROR"}},
	}}
}
