package inventory

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/internal/feedlane"
	"github.com/sellerstream/sellerstream/schemas"
)

// amazon is a model of what the machine talks to: it applies feeds and patches
// to quantities, as late as its faults allow.
type amazon struct {
	*machinetest.Door
	random    *rand.Rand
	documents map[string][]model.QuantityMessage
	feeds     []*amazonFeedState
	same      func(sku string) string                   // names that mean one SKU
	listed    map[string][]string                       // marketplaces of a SKU; none for an unknown one
	quantity  map[string]int                            // by place
	had       map[string]bool                           // every quantity that a place has had, as place=quantity
	fulfils   map[string]bool                           // SKUs that are Amazon's own to ship
	created   int                                       // feeds
	refuses   func(sku string) bool                     // whether it refuses the quantity that comes now; nil for never
	ignores   func() bool                               // whether it takes the next quantity and does nothing; nil for never
	after     func(at time.Time, do func(at time.Time)) // has something happen later

	applyLate, showLate time.Duration // at most
	longest             time.Duration // of a feed
}

type amazonFeedState struct {
	model.Feed
	messages  []model.QuantityMessage
	shows     time.Time // when getFeeds knows of it
	ends      time.Time
	issues    []schemas.FeedIssue
	invalid   int
	processed int
	report    string
	told      bool // its result was written to feed-results
}

func newAmazon(random *rand.Rand) *amazon {
	plans := map[string]quota.Limit{model.CreateListingsFeed: {Rate: 5.0 / 300, Burst: 5}}
	for _, operation := range Operations() {
		plans[operation], _ = quota.Default(operation)
	}
	return &amazon{
		Door: machinetest.NewDoor(plans), random: random, documents: map[string][]model.QuantityMessage{},
		same: func(sku string) string { return sku }, listed: map[string][]string{}, quantity: map[string]int{}, had: map[string]bool{}, fulfils: map[string]bool{}, longest: 20 * time.Minute,
	}
}

// answer carries a call out, perhaps later, and returns how it ends where nothing
// is lost.
func (a *amazon) answer(call machine.Call, at time.Time, late time.Duration) machine.Outcome {
	operations := []string{call.Operation}
	if call.Operation == model.CreateFeed {
		operations = append(operations, model.CreateListingsFeed)
	}
	if !a.Admit(testAccount, at, operations...) {
		return machine.Snooze{Throttled: true}
	}
	switch req := call.Request.(type) {
	case *model.UploadFeedRequest:
		id := fmt.Sprint("document-", len(a.documents))
		a.documents[id] = slices.Clone(req.Feed.(*model.ListingsFeed).Messages)
		return machine.Done{Response: &model.UploadFeedResponse{FeedDocumentID: id, SHA256: "aa", Bytes: int64(req.Feed.Size())}}
	case *model.CreateFeedRequest:
		a.created++
		id := fmt.Sprint("feed-", a.created)
		a.after(at.Add(late), func(at time.Time) { a.create(id, req, at) })
		return machine.Done{Response: &model.CreateFeedResponse{FeedID: id}}
	case *model.GetFeedsRequest:
		return machine.Done{Response: a.list(req, at)}
	case *model.CancelFeedRequest:
		return a.cancel(req.FeedID, at)
	case *model.PatchQuantityRequest:
		return a.patch(req, at, late)
	case *model.GetListingsItemRequest:
		return a.item(req)
	case *model.SearchListingsItemsRequest:
		found := &model.SearchListingsItemsResponse{}
		for _, sku := range req.SKUs {
			one := a.item(&model.GetListingsItemRequest{SellerID: req.SellerID, MarketplaceID: req.MarketplaceID, SKU: sku})
			if done, ok := one.(machine.Done); ok && a.random.IntN(20) > 0 { // one that is new may be missing
				found.Items = append(found.Items, *done.Response.(*model.ListingsItem))
			}
		}
		return machine.Done{Response: found}
	}
	return machine.Reject{}
}

// item shows a listing. A SKU that Amazon ships has its channel beside a quantity that came
// all the same.
func (a *amazon) item(req *model.GetListingsItemRequest) machine.Outcome {
	if !slices.Contains(a.listed[req.SKU], req.MarketplaceID) {
		return machine.Reject{Err: &model.Error{Class: model.NotFound, Status: 404, Code: "NOT_FOUND"}}
	}
	n, sources := a.quantity[req.SKU], a.quantity[placeOf(req.SKU, "MLI")]
	shown := []model.FulfillmentAvailability{{FulfillmentChannelCode: "DEFAULT", Quantity: &n}}
	if _, ok := a.quantity[placeOf(req.SKU, "MLI")]; ok {
		shown = append(shown, model.FulfillmentAvailability{FulfillmentChannelCode: "MLI", Quantity: &sources})
	}
	if a.fulfils[req.SKU] {
		shown = append(shown, model.FulfillmentAvailability{FulfillmentChannelCode: "AMAZON_EU"})
	}
	return machine.Done{Response: &model.ListingsItem{SKU: req.SKU, FulfillmentAvailability: shown}}
}

// create begins a feed; how it will end is known to Amazon only.
func (a *amazon) create(id string, req *model.CreateFeedRequest, at time.Time) {
	f := &amazonFeedState{messages: a.documents[req.InputFeedDocumentID], shows: at.Add(a.upTo(a.showLate))}
	f.FeedID, f.FeedType, f.MarketplaceIDs, f.CreatedTime = id, req.FeedType, req.MarketplaceIDs, at
	f.ProcessingStatus = model.FeedInQueue
	a.feeds = append(a.feeds, f)
	ends := at.Add(time.Second + a.upTo(a.longest))
	a.after(at.Add(a.upTo(ends.Sub(at))), func(time.Time) {
		if f.ProcessingStatus == model.FeedInQueue {
			f.ProcessingStatus = model.FeedInProgress
		}
	})
	a.after(ends, func(at time.Time) { a.finish(f, at) })
}

// finish carries a feed out.
func (a *amazon) finish(f *amazonFeedState, at time.Time) {
	if f.ProcessingStatus == model.FeedCancelled {
		return
	}
	f.ends, f.ProcessingStatus, f.report = at, model.FeedDone, feedlane.ReportRead
	share := 100
	switch n := a.random.IntN(20); {
	case n == 0: // some, none or all
		f.ProcessingStatus, f.report, share = model.FeedFatal, "NONE", a.random.IntN(101)
	case n == 1:
		f.report = "NONE"
	case n == 2:
		f.report = "UNREADABLE"
	case n == 3: // not parsed
		f.issues, share = []schemas.FeedIssue{{Severity: feedlane.SeverityError, Message: "not a feed"}}, 0
	}
	for i := range f.messages {
		if a.random.IntN(100) >= share {
			continue
		}
		f.processed++
		if code := a.apply(f.MarketplaceIDs[0], &f.messages[i]); code != "" {
			f.invalid++
			f.issues = append(f.issues, issue(int64(f.messages[i].MessageID), code))
		}
	}
}

// apply sets a quantity, or says why not.
func (a *amazon) apply(marketplace string, m *model.QuantityMessage) (code string) {
	sku := a.same(m.SKU)
	switch {
	case !slices.Contains(a.listed[sku], marketplace):
		return "13013"
	case a.random.IntN(50) == 0:
		return "InternalFailure"
	}
	if a.refuses != nil && a.refuses(sku) {
		return "8541"
	}
	if a.ignores != nil && a.ignores() {
		return ""
	}
	place := placeOf(sku, m.FulfillmentChannelCode)
	a.quantity[place] = m.Quantity
	a.had[fmt.Sprint(place, "=", m.Quantity)] = true
	return ""
}

// placeOf is where a quantity is: a channel of a SKU.
func placeOf(sku, channel string) string {
	if channel == "" || channel == defaultChannel {
		return sku
	}
	return sku + " in " + channel
}

func (a *amazon) patch(req *model.PatchQuantityRequest, at time.Time, late time.Duration) machine.Outcome {
	message := &model.QuantityMessage{SKU: req.SKU, FulfillmentChannelCode: req.FulfillmentChannelCode, Quantity: req.Quantity}
	if late > 0 {
		a.after(at.Add(late), func(time.Time) { a.apply(req.MarketplaceID, message) })
		return machine.Ambiguous{}
	}
	switch code := a.apply(req.MarketplaceID, message); code {
	case "":
		return machine.Done{Response: &model.ListingsItemSubmission{Status: model.SubmissionAccepted}}
	case "13013":
		return machine.Reject{Err: &model.Error{Class: model.NotFound, Status: 404}}
	default:
		return machine.Done{Response: &model.ListingsItemSubmission{
			Status: model.SubmissionInvalid, Issues: []model.ListingIssue{{Code: code, Severity: feedlane.SeverityError}},
		}}
	}
}

func (a *amazon) list(req *model.GetFeedsRequest, at time.Time) *model.GetFeedsResponse {
	page := &model.GetFeedsResponse{}
	for _, f := range a.feeds {
		if !f.shows.After(at) && !f.CreatedTime.Before(req.CreatedSince) && slices.Contains(f.MarketplaceIDs, req.MarketplaceIDs[0]) {
			page.Feeds = append(page.Feeds, f.Feed)
		}
	}
	return page
}

func (a *amazon) cancel(id string, at time.Time) machine.Outcome {
	for _, f := range a.feeds {
		if f.FeedID == id && f.ProcessingStatus == model.FeedInQueue {
			f.ProcessingStatus, f.report, f.ends = model.FeedCancelled, "NONE", at
			return machine.Done{Response: &model.CancelFeedResponse{}}
		}
	}
	return machine.Reject{Err: &model.Error{Class: model.Invalid, Status: 400}}
}

// result is what the feeds processor writes of a feed that has ended.
func (f *amazonFeedState) result() []any {
	processed, invalid := int32(f.processed), int32(f.invalid)
	values := []any{}
	if f.report == feedlane.ReportRead {
		for _, i := range f.issues {
			if i.MessageID != nil {
				values = append(values, &schemas.FeedIssues{Account: testAccount, FeedID: f.FeedID, Issues: []schemas.FeedIssue{i}})
			}
		}
	}
	result := &schemas.FeedResult{
		EventType: "FeedCompleted", Account: testAccount, FeedID: f.FeedID, MarketplaceID: f.MarketplaceIDs[0],
		ProcessingStatus: f.ProcessingStatus, Report: f.report, SubmittedTime: f.CreatedTime,
	}
	if f.report == feedlane.ReportRead {
		result.MessagesProcessed, result.MessagesInvalid = &processed, &invalid
		for _, i := range f.issues {
			if i.MessageID == nil {
				result.FeedIssues = append(result.FeedIssues, i)
			}
		}
	}
	return append(values, result)
}

// upTo is a random time up to d.
func (a *amazon) upTo(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(a.random.Int64N(int64(d)))
}
