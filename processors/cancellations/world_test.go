package cancellations

import (
	"fmt"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/internal/feedlane"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	testAccount = "acme-eu"
	germany     = "A1PA6795UKMFR9"
	first       = "68828574383266"
	second      = "68828574383267"
)

var testStart = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

type runtime struct {
	*machinetest.Runtime[*Machine]
	results     []*schemas.CancellationResult
	submissions []*schemas.FeedSubmission
	alerts      []*schemas.Alert
	documents   map[string][]*model.OrderAcknowledgement // that a feed lane has made last
}

func newRuntime(t testing.TB, cfg Config) *runtime {
	if cfg.Accounts == nil {
		cfg.Accounts = machinetest.Sellers(t)
	}
	r := &runtime{documents: map[string][]*model.OrderAcknowledgement{}}
	r.Runtime = machinetest.New(t, machinetest.Config[*Machine]{
		Processor: Processor, Operations: Operations(), Now: testStart, Committed: r.committed, Check: r.check,
		Build: func() *Machine { return New(cfg) },
	})
	return r
}

func (r *runtime) committed(tx *machine.Tx) {
	for _, out := range tx.Outputs {
		switch v := out.Value.(type) {
		case *schemas.CancellationResult:
			r.results = append(r.results, v)
		case *schemas.FeedSubmission:
			r.submissions = append(r.submissions, v)
		case *schemas.Alert:
			r.alerts = append(r.alerts, v)
		}
	}
}

// check holds a createFeed to its committed intent and rule 4, and a document to rule 2.
func (r *runtime) check(call machine.Call) {
	r.T.Helper()
	switch req := call.Request.(type) {
	case *model.CreateFeedRequest:
		state, ok := r.State(call.Key).(*schemas.FeedLaneState)
		if !ok || state.Phase != feedlane.PhaseIntent || state.InputFeedDocumentID != req.InputFeedDocumentID || call.Lease == 0 ||
			req.FeedType != model.OrderAcknowledgementFeed {
			r.T.Fatalf("createFeed without its committed intent: %+v, %+v", call, state)
		}
		for i, m := range r.documents[call.Key] {
			o, ok := r.State(orderKey(testAccount, m.AmazonOrderID)).(*schemas.CancellationState)
			if !ok || o.Sent == nil || o.MessageID != int32(i+1) || o.ByAmazon || o.Status == statusShipped || o.Status == statusCancelled {
				r.T.Fatalf("rule 4: %+v is sent of order %+v", m, o)
			}
		}
	case *model.UploadFeedRequest:
		if faults := req.Feed.Faults(); len(faults) > 0 {
			r.T.Fatal(faults)
		}
		r.documents[call.Key] = messagesOf(call)
		seen := map[string]bool{}
		for _, m := range messagesOf(call) {
			if seen[m.AmazonOrderID] {
				r.T.Fatalf("rule 2: order %s is in a feed twice", m.AmazonOrderID)
			}
			seen[m.AmazonOrderID] = true
		}
	}
}

func messagesOf(upload machine.Call) (messages []*model.OrderAcknowledgement) {
	for _, m := range upload.Request.(*model.UploadFeedRequest).Feed.(*model.OrderFeed).Messages {
		messages = append(messages, m.Acknowledgement)
	}
	return messages
}

func orderID(n int) string { return fmt.Sprintf("202-0000000-%07d", n) }

// ordered is an unshipped order of three units of a line and one of another.
func ordered(id string, at time.Time) *schemas.Order {
	return &schemas.Order{
		EventType: "OrderChanged", Account: testAccount, OrderID: id, MarketplaceID: germany, Status: "UNSHIPPED", FulfilledBy: "MERCHANT",
		LastUpdatedTime: at, Items: []schemas.OrderItem{{OrderItemID: first, QuantityOrdered: 3}, {OrderItemID: second, QuantityOrdered: 1}},
	}
}

// confirmed is a package of the first order.
func confirmed(at time.Time) *schemas.ShipmentConfirmation {
	return &schemas.ShipmentConfirmation{Account: testAccount, OrderID: orderID(1), Outcome: "CONFIRMED", DecidedTime: at}
}

// cancel is a cancellation of units of lines, given in pairs; of the whole order without any.
func cancel(id, order string, at time.Time, pairs ...any) *schemas.Cancellation {
	c := &schemas.Cancellation{CancellationID: id, Account: testAccount, OrderID: order, Reason: model.NoInventory, EventTime: at}
	for i := 0; i < len(pairs); i += 2 {
		c.Items = append(c.Items, schemas.CancelItem{OrderItemID: pairs[i].(string), Quantity: int32(pairs[i+1].(int))})
	}
	return c
}

// outcome is the one outcome of a cancellation, as "OUTCOME code"; "" for none.
func (r *runtime) outcome(id string) (found string) {
	r.T.Helper()
	for _, result := range r.results {
		if result.CancellationID != id {
			continue
		}
		if found != "" {
			r.T.Fatalf("rule 1: cancellation %s has two outcomes", id)
		}
		found = result.Outcome
		if result.Code != "" {
			found += " " + result.Code
		}
	}
	return found
}

// send lets a feed go off with what waits, and returns its messages. Amazon calls the feed
// id.
func (r *runtime) send(id string) (messages []*model.OrderAcknowledgement) {
	r.T.Helper()
	for range 300 { // a share of createFeed has a token every quarter of an hour
		for _, call := range r.Running {
			switch call.Operation {
			case model.CreateFeedDocument:
				messages = messagesOf(call)
				r.Done(call, &model.UploadFeedResponse{FeedDocumentID: "document-" + id, SHA256: "aa", Bytes: 100})
			case model.CreateFeed:
				r.Done(call, &model.CreateFeedResponse{FeedID: id})
				return messages
			default:
				r.T.Fatalf("%+v", call)
			}
		}
		r.Pass(30 * time.Second)
	}
	return nil
}

// report ends a feed of so many messages; those of the refused ids are refused.
func (r *runtime) report(id string, messages int, refused ...int64) {
	r.T.Helper()
	processed, invalid, accepted := int32(messages), int32(len(refused)), int32(messages-len(refused))
	for _, message := range refused {
		r.Take(&schemas.FeedIssues{Account: testAccount, FeedID: id, Issues: []schemas.FeedIssue{
			{MessageID: &message, Code: "18028", Severity: "ERROR", Message: "no such order"}}})
	}
	r.Take(&schemas.FeedResult{
		EventType: "FeedCompleted", Account: testAccount, FeedID: id, FeedType: model.OrderAcknowledgementFeed, MarketplaceID: germany,
		ProcessingStatus: model.FeedDone, Report: feedlane.ReportRead, MessagesProcessed: &processed, MessagesInvalid: &invalid, MessagesAccepted: &accepted,
		Errors: &invalid, SubmittedTime: r.Now,
	})
}

// fatal ends a feed without a report.
func (r *runtime) fatal(id string) {
	r.T.Helper()
	r.end(id, model.FeedFatal)
}

// end is one with a status.
func (r *runtime) end(id, status string) {
	r.T.Helper()
	r.Take(&schemas.FeedResult{
		EventType: "FeedCompleted", Account: testAccount, FeedID: id, FeedType: model.OrderAcknowledgementFeed, MarketplaceID: germany,
		ProcessingStatus: status, Report: "NONE", SubmittedTime: r.Now,
	})
}
