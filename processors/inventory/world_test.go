package inventory

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/internal/feedlane"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	testAccount  = "acme-eu"
	otherAccount = "other"
	germany      = "A1PA6795UKMFR9"
	france       = "A13V1IB3VIYZZH"
)

// What feedlane holds to, as Amazon sees it.
const (
	clocksApart = 5 * time.Minute
	earlySkew   = time.Minute
	lookBack    = 15 * time.Minute
	parkedLook  = 15 * time.Minute
	pageSize    = 100
	maxPages    = 20
	fewLooks    = 3
)

var testStart = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

type runtime struct {
	*machinetest.Runtime[*Machine]
	results     []*schemas.InventoryResult
	submissions []*schemas.FeedSubmission
	alerts      []*schemas.Alert
	audits      []*schemas.StockAudit
	assumed     map[string]bool            // SKUs whose fulfiller Amazon did not tell in time
	most        int                        // entries that a tick has written
	documents   map[string]map[string]bool // entries of the newest document of each feed lane, and whether it may hold Amazon's
}

func newRuntime(t testing.TB, cfg Config) *runtime { return newRuntimeOf(t, &cfg) }

// newRuntimeOf is newRuntime with a configuration that may change until the next Restart.
func newRuntimeOf(t testing.TB, cfg *Config) *runtime {
	if cfg.Accounts == nil {
		cfg.Accounts = machinetest.Sellers(t)
	}
	r := &runtime{assumed: map[string]bool{}, documents: map[string]map[string]bool{}}
	r.Runtime = machinetest.New(t, machinetest.Config[*Machine]{
		Processor: Processor, Operations: Operations(), Now: testStart, Committed: r.committed, Check: r.check,
		Build: func() *Machine { return New(*cfg) },
	})
	return r
}

// quarantine and inheritedQuarantine are how long a createFeed is in doubt.
func (r *runtime) quarantine() time.Duration {
	feeds := r.Machine.cfg.feeds()
	return feeds.Quarantine()
}

func (r *runtime) inheritedQuarantine() time.Duration {
	feeds := r.Machine.cfg.feeds()
	return feeds.InheritedQuarantine()
}

func (r *runtime) committed(tx *machine.Tx) {
	r.most = max(r.most, len(tx.State))
	for _, value := range tx.State {
		if s, ok := value.(*sku); ok && s.fulfiller == assumed {
			r.assumed[s.id()] = true
		}
	}
	for _, out := range tx.Outputs {
		switch v := out.Value.(type) {
		case *schemas.InventoryResult:
			r.results = append(r.results, v)
		case *schemas.FeedSubmission:
			r.submissions = append(r.submissions, v)
		case *schemas.StockAudit:
			r.audits = append(r.audits, v)
		case *schemas.Alert:
			r.alerts = append(r.alerts, v)
		}
	}
}

// check holds a call to rules 1 and 8 of the package.
func (r *runtime) check(call machine.Call) {
	r.T.Helper()
	switch req := call.Request.(type) {
	case *model.CreateFeedRequest:
		state, ok := r.State(call.Key).(*schemas.FeedLaneState)
		if !ok || state.Phase != feedlane.PhaseIntent || state.InputFeedDocumentID != req.InputFeedDocumentID || call.Lease == 0 {
			r.T.Fatalf("rule 1: createFeed without its committed intent: %+v, %+v", call, state)
		}
		for key, allowed := range r.documents[call.Key] { // which the feed lane has made last
			if state, ok := r.State(key).(*schemas.InventoryState); ok {
				r.checkFulfiller(state, allowed)
			}
		}
	case *model.PatchQuantityRequest:
		state, ok := r.State(call.Key).(*schemas.InventoryState)
		if !ok || state.Patch == nil || int(restoredUpdate(state.Patch).send) != req.Quantity || call.Lease == 0 {
			r.T.Fatalf("rule 1: patch without its committed intent: %+v, %+v", call, state)
		}
		r.checkFulfiller(state, state.Patch.AllowFulfilledByAmazon)
	case *model.UploadFeedRequest:
		document := map[string]bool{}
		for i := range req.Feed.(*model.ListingsFeed).Messages {
			message := &req.Feed.(*model.ListingsFeed).Messages[i]
			key, state := r.entryOf(message.SKU, message.FulfillmentChannelCode)
			if state != nil { // one for all marketplaces
				document[key] = state.Wanted != nil && state.Wanted.AllowFulfilledByAmazon
				r.checkFulfiller(state, document[key])
			}
		}
		r.documents[call.Key] = document
	case *model.CancelFeedRequest:
		state, ok := r.State(call.Key).(*schemas.FeedLaneState)
		if !ok || !slices.Contains(state.Cancel, req.FeedID) {
			r.T.Fatalf("rule 1: cancelFeed without its committed intent: %+v, %+v", call, state)
		}
	}
}

// checkFulfiller holds what is sent of a SKU to rule 8.
func (r *runtime) checkFulfiller(state *schemas.InventoryState, allowed bool) {
	r.T.Helper()
	if state.FulfilledBy == byAmazon && r.Machine.minds(testAccount) && !allowed {
		r.T.Fatalf("rule 8: %s is Amazon's, and is sent a quantity: %+v", state.SKU, state)
	}
}

func (r *runtime) lane(marketplace string) *schemas.FeedLaneState {
	state, _ := r.State(feedlane.Key(testAccount, model.JSONListingsFeed, marketplace)).(*schemas.FeedLaneState)
	return state
}

// entryOf is the entry of a SKU's channel, with its key; nil for none.
func (r *runtime) entryOf(id, channel string) (key string, state *schemas.InventoryState) {
	for _, key := range []string{skuKey(testAccount, "", id), skuKey(testAccount, channel, id)} {
		if state, ok := r.State(key).(*schemas.InventoryState); ok && state.FulfillmentChannelCode == channel {
			return key, state
		}
	}
	return "", nil
}

func (r *runtime) sku(id string) *schemas.InventoryState {
	state, _ := r.State(skuKey(testAccount, "", id)).(*schemas.InventoryState)
	return state
}

// outcomes are the results so far as "SKU quantity OUTCOME code", and forgets them.
func (r *runtime) outcomes() []string {
	var list []string
	for _, o := range r.results {
		text := fmt.Sprintf("%s %d %s", o.SKU, o.Quantity, o.Outcome)
		if o.Code != "" {
			text += " " + o.Code
		}
		list = append(list, text)
	}
	r.results = nil
	slices.Sort(list)
	return list
}

// only is the one call of a list, which must be of the operation.
func (r *runtime) only(calls []machine.Call, operation string) machine.Call {
	r.T.Helper()
	if len(calls) != 1 || calls[0].Operation != operation {
		r.T.Fatalf("started %v, want one %s", operationsOf(calls), operation)
	}
	return calls[0]
}

func operationsOf(calls []machine.Call) []string {
	var list []string
	for _, call := range calls {
		list = append(list, call.Operation)
	}
	return list
}

// messagesOf is what an upload's feed says, as "SKU quantity".
func messagesOf(call machine.Call) []string {
	var list []string
	for _, message := range call.Request.(*model.UploadFeedRequest).Feed.(*model.ListingsFeed).Messages {
		list = append(list, fmt.Sprintf("%s %d", message.SKU, message.Quantity))
	}
	slices.Sort(list)
	return list
}

// cutFeed lets the linger pass, where nothing has started yet, and returns the
// createFeed of what waits.
func (r *runtime) cutFeed(document string, started ...machine.Call) machine.Call {
	r.T.Helper()
	return r.uploadDone(r.only(append(started, r.Pass(r.Machine.cfg.Linger)...), model.CreateFeedDocument), document)
}

func (r *runtime) uploadDone(upload machine.Call, document string) machine.Call {
	r.T.Helper()
	return r.only(r.Done(upload, &model.UploadFeedResponse{FeedDocumentID: document, SHA256: "aa", Bytes: 10}), model.CreateFeed)
}

// runFeed brings what waits to Amazon as a feed.
func (r *runtime) runFeed(id string, started ...machine.Call) {
	r.T.Helper()
	r.Done(r.cutFeed("document of "+id, started...), &model.CreateFeedResponse{FeedID: id})
}

func updateOf(sku string, quantity int, at time.Time) *schemas.InventoryUpdate {
	return &schemas.InventoryUpdate{
		UpdateID: fmt.Sprintf("%s=%d", sku, quantity), Account: testAccount, SKU: sku, Quantity: int32(quantity), EventTime: at,
	}
}

// completed is the result of a feed whose report was read.
func completed(id string, messages, invalid int) *schemas.FeedResult {
	processed, refused, accepted, none := int32(messages), int32(invalid), int32(messages-invalid), int32(0)
	return &schemas.FeedResult{
		EventID: "e" + id, EventType: "FeedCompleted", Account: testAccount, FeedID: id, FeedType: model.JSONListingsFeed,
		MarketplaceID: germany, ProcessingStatus: model.FeedDone, Report: feedlane.ReportRead,
		MessagesProcessed: &processed, MessagesAccepted: &accepted, MessagesInvalid: &refused, Errors: &refused, Warnings: &none,
	}
}

func issue(messageID int64, code string) schemas.FeedIssue {
	return schemas.FeedIssue{MessageID: &messageID, Code: code, Severity: feedlane.SeverityError, Message: "no: " + code}
}
