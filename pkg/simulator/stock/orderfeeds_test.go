package stock_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// order places a merchant's orders until one is UNSHIPPED and has two lines or more, the
// first of several units.
func (s *seller) order() simulator.Order {
	s.T.Helper()
	for range 1000 {
		placed, err := s.World.Place(simulatortest.German, simulator.Placement{SellerShips: true})
		if err != nil {
			s.T.Fatal(err)
		}
		if o := placed.Order; o.Status() == simulator.Unshipped && len(o.Items) > 1 && o.Items[0].Quantity > 1 {
			return o
		}
	}
	s.T.Fatal("no such order")
	return simulator.Order{}
}

func (s *seller) now(id string) simulator.Order {
	s.T.Helper()
	o, ok := s.World.Order(id)
	if !ok {
		s.T.Fatalf("no order %s", id)
	}
	return o
}

// submit makes a feed of a document and returns it and its report, when it has ended.
func (s *seller) submit(kind, document string) (feedView, string) {
	s.T.Helper()
	got := simulatortest.Read[feedView](s.T, s.Call(http.MethodPost, simulatortest.FeedsPath,
		fmt.Sprintf(`{"feedType":%q,"marketplaceIds":[%q],"inputFeedDocumentId":%q}`, kind, simulatortest.Germany, s.upload(document))), 202)
	s.Clock.Advance(time.Minute)
	f := s.feed(got.FeedID)
	return f, string(s.download(f.ResultFeedDocumentID))
}

func (s *seller) about(kind string, messages ...model.OrderMessage) string {
	s.T.Helper()
	for i := range messages {
		messages[i].MessageID = i + 1
	}
	document, err := io.ReadAll((&model.OrderFeed{Type: kind, SellerID: s.ID, Messages: messages}).Reader())
	if err != nil {
		s.T.Fatal(err)
	}
	return string(document)
}

func cancel(order string, items ...model.AcknowledgedItem) model.OrderMessage {
	return model.OrderMessage{Acknowledgement: &model.OrderAcknowledgement{AmazonOrderID: order, StatusCode: "Failure", Items: items}}
}

func ship(order string, items ...model.FulfilledItem) model.OrderMessage {
	return model.OrderMessage{Fulfillment: &model.PackageFulfillment{
		AmazonOrderID: order, FulfillmentDate: time.Now(), CarrierName: "Post", ShippingMethod: "Letter", Items: items,
	}}
}

func TestAFeedCancels(t *testing.T) {
	t.Parallel()
	s := sell(t, nil)
	whole, part, shipped := s.order(), s.order(), s.order()
	notified := s.Notifier.Truth().Notifications
	all := func(o simulator.Order) (items []model.AcknowledgedItem) {
		for i := range o.Items {
			items = append(items, model.AcknowledgedItem{AmazonOrderItemCode: o.Items[i].OrderItemID, CancelReason: model.NoInventory})
		}
		return items
	}
	if _, report := s.submit(model.OrderFulfillmentFeed, s.about(model.OrderFulfillmentFeed, ship(shipped.OrderID))); !strings.Contains(report, "<MessagesSuccessful>1<") {
		t.Fatal(report)
	}
	f, report := s.submit(model.OrderAcknowledgementFeed, s.about(model.OrderAcknowledgementFeed,
		cancel(whole.OrderID, all(whole)...),
		cancel(part.OrderID, model.AcknowledgedItem{AmazonOrderItemCode: part.Items[0].OrderItemID, Quantity: 1}),
		cancel(shipped.OrderID, all(shipped)...),
		cancel(whole.OrderID, all(whole)...),
		cancel("302-0000000-0000000", all(whole)...),
		cancel(part.OrderID, all(whole)...),
		cancel(part.OrderID, model.AcknowledgedItem{AmazonOrderItemCode: part.Items[0].OrderItemID, Quantity: 99}),
	))
	if f.ProcessingStatus != "DONE" || strings.Count(report, "<ResultCode>Error</ResultCode>") != 5 {
		t.Fatalf("%+v %s", f, report)
	}
	for id, says := range map[int]string{3: "it is SHIPPED", 4: "it is CANCELLED", 5: "not found", 6: "is not an item", 7: "left to ship"} {
		if _, after, _ := strings.Cut(report, fmt.Sprintf("<Result><MessageID>%d<", id)); !strings.Contains(strings.SplitN(after, "</Result>", 2)[0], says) {
			t.Errorf("message %d: %s", id, report)
		}
	}
	if now := s.now(whole.OrderID); now.Status() != simulator.Cancelled || now.Items[0].Cancellation.Execution.CancelledBy != "MERCHANT" {
		t.Errorf("%+v", now)
	}
	if now := s.now(part.OrderID); now.Status() != simulator.Unshipped || now.Items[0].Quantity != part.Items[0].Quantity-1 || now.Items[0].Fulfillment.Unfulfilled != now.Items[0].Quantity {
		t.Errorf("%+v", now.Items[0])
	}
	if sent := s.Notifier.Truth().Notifications - notified; sent != 3 { // one shipped, one cancelled, one in part
		t.Errorf("%d notifications", sent)
	}
	if made := s.Feeds(""); len(made) != 2 || made[1].Messages != 7 || made[1].Applied != 2 || made[1].Invalid != 5 {
		t.Errorf("%+v", made)
	}
}

// TestAFeedConfirmsPackages also without a tracking number, and never more than is left.
func TestAFeedConfirmsPackages(t *testing.T) {
	t.Parallel()
	s := sell(t, nil)
	o := s.order()
	first := o.Items[0]
	f, report := s.submit(model.OrderFulfillmentFeed, s.about(model.OrderFulfillmentFeed,
		ship(o.OrderID, model.FulfilledItem{AmazonOrderItemCode: first.OrderItemID, Quantity: 1}),
		ship(o.OrderID, model.FulfilledItem{AmazonOrderItemCode: first.OrderItemID, Quantity: first.Quantity}),
		ship(o.OrderID), // the rest
		ship(o.OrderID),
	))
	if f.ProcessingStatus != "DONE" || strings.Count(report, "<ResultCode>Error</ResultCode>") != 2 ||
		!strings.Contains(report, "<MessageID>2</MessageID><ResultCode>Error") || !strings.Contains(report, "<MessageID>4</MessageID><ResultCode>Error") {
		t.Errorf("%+v %s", f, report)
	}
	now := s.now(o.OrderID)
	if now.Status() != simulator.Shipped || len(now.Packages) != 2 || now.Packages[0].TrackingNumber != "" || now.Packages[0].Carrier != "Post" {
		t.Errorf("%+v", now)
	}
}

func TestOrderFeedsThatAmazonRefuses(t *testing.T) {
	t.Parallel()
	s := sell(t, nil)
	o := s.order()
	good := s.about(model.OrderFulfillmentFeed, ship(o.OrderID))
	for name, document := range map[string]string{
		"no XML": "{}", "cut": good[:200], "another type": s.about(model.OrderAcknowledgementFeed, cancel(o.OrderID)),
		"another seller": strings.Replace(good, s.ID, "ASOMEBODYELSE", 1), "no message": s.about(model.OrderFulfillmentFeed),
		"another version": strings.Replace(good, "1.01", "2.0", 1),
	} {
		f, report := s.submit(model.OrderFulfillmentFeed, document)
		if f.ProcessingStatus != "FATAL" || !strings.Contains(report, "<MessagesProcessed>0<") || strings.Count(report, "<Result>") != 1 {
			t.Errorf("%s: %+v %s", name, f, report)
		}
	}
	s.Fault(simulator.Rule{Part: simulator.Processing, Operation: model.OrderFulfillmentFeed, Times: 1, Action: simulator.Action{Feed: &simulator.FeedOutcome{Rejected: 1}}})
	if f, report := s.submit(model.OrderFulfillmentFeed, good); f.ProcessingStatus != "DONE" || !strings.Contains(report, "InternalError") {
		t.Errorf("%+v %s", f, report)
	}
	if now := s.now(o.OrderID); now.Status() != simulator.Unshipped {
		t.Errorf("%+v", now)
	}
}
