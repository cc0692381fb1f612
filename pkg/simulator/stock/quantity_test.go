package stock_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/notify"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
)

// told lists what the queue says of quantities and statuses, and empties it.
func (s *seller) told() (said []string) {
	s.T.Helper()
	s.Feeds(s.ID) // lets happen what is due
	client := s.SQSClient()
	for {
		messages := s.Receive(client, 10, 30, 0)
		if len(messages) == 0 {
			return said
		}
		for _, m := range messages {
			var event struct {
				Kind   string `json:"detail-type"`
				Detail struct {
					NotificationType string
					Payload          struct {
						SellerID string `json:"SellerId"`
						SKU      string `json:"Sku"`
						Channel  string `json:"FulfillmentChannelCode"`
						Quantity *int
						Status   []string
					}
				}
			}
			if err := json.Unmarshal([]byte(*m.Body), &event); err != nil {
				s.T.Fatal(err)
			}
			switch p := event.Detail.Payload; {
			case event.Kind == "": // of a feed
			case event.Kind != event.Detail.NotificationType || p.SellerID != s.ID:
				s.T.Errorf("notification %s", *m.Body)
			case p.Quantity != nil:
				said = append(said, fmt.Sprintf("%s %s %d", p.SKU, p.Channel, *p.Quantity))
			case p.Status != nil:
				said = append(said, fmt.Sprintf("%s %v", p.SKU, p.Status))
			}
		}
	}
}

// A merchant's quantity changes by a patch, a feed, an order and somebody's hand, and each
// change is notified, as is a listing that can be bought no more or again.
func TestQuantitiesChangeAndAreNotified(t *testing.T) {
	t.Parallel()
	s := sell(t, func(c *simulator.Config) { c.ListingNotifications = true })
	step := func(name string, quantity int, want ...string) {
		t.Helper()
		if got := s.told(); !slices.Equal(got, want) {
			t.Errorf("%s: notified %q, want %q", name, got, want)
		}
		if got := s.quantity("SKU-00003"); got != quantity {
			t.Errorf("%s: the quantity is %d, want %d", name, got, quantity)
		}
	}
	order := func(sku string, byAmazon bool) (units int) {
		t.Helper()
		change, err := s.World.Place(simulatortest.German, simulator.Placement{SKU: sku, ByAmazon: byAmazon})
		if err != nil {
			t.Fatal(err)
		}
		return change.Order.Items[0].Quantity
	}
	hand := func(quantity int) {
		t.Helper()
		if err := s.SetByHand(simulatortest.German, "SKU-00003", quantity); err != nil {
			t.Fatal(err)
		}
	}
	s.Call(http.MethodPatch, s.Item("SKU-00003", ""), simulatortest.OneQuantity)
	step("patch", 17, "SKU-00003 DEFAULT 17")
	s.create(s.upload(s.quantities("SKU-00003", 30)))
	s.Clock.Advance(2 * time.Minute)
	step("feed", 30, "SKU-00003 DEFAULT 30")
	left := 30 - order("SKU-00003", false)
	step("order", left, fmt.Sprintf("SKU-00003 DEFAULT %d", left))
	order("SKU-00003", true)
	order("", false)
	step("what does not take from it", left)
	if truth := s.InventoryTruth(simulatortest.German).SKUs[simulatortest.German]["SKU-00003"]; truth.Sold != 30-left || truth.Applied[2].Order == "" {
		t.Errorf("%+v", truth)
	}
	hand(0)
	step("hand", 0, "SKU-00003 DEFAULT 0", "SKU-00003 [DISCOVERABLE]")
	order("SKU-00003", false)
	step("order of nothing", 0)
	hand(5)
	step("hand again", 5, "SKU-00003 DEFAULT 5", "SKU-00003 [BUYABLE DISCOVERABLE]")
	hand(5)
	step("the same by hand", 5)
	if err := s.SetByHand(simulatortest.German, "GONE", 1); err == nil {
		t.Error("a SKU that is not listed was changed")
	}
	off := sell(t, nil)
	off.Call(http.MethodPatch, off.Item("SKU-00003", ""), simulatortest.OneQuantity)
	if got := off.told(); got != nil {
		t.Errorf("without the switch: %q", got)
	}
}

// Amazon accepts and does nothing: for a SKU by name, or for a share of all.
func TestIgnoredQuantities(t *testing.T) {
	t.Parallel()
	s := sell(t, func(c *simulator.Config) { c.ListingNotifications = true })
	one := s.Fault(simulator.Rule{Part: simulator.Processing, Item: "SKU-00003", Action: simulator.Action{Ignore: true}})
	s.script(simulator.FeedOutcome{}) // which is met by a feed, whatever quantities come before
	before := s.quantity("SKU-00003")
	got := simulatortest.Read[submissionView](t, s.Call(http.MethodPatch, s.Item("SKU-00003", ""), simulatortest.OneQuantity), 200)
	if got.Status != "ACCEPTED" || s.quantity("SKU-00003") != before {
		t.Errorf("%+v, quantity %d", got, s.quantity("SKU-00003"))
	}
	id := s.create(s.upload(s.ten(50)))
	s.Clock.Advance(2 * time.Minute)
	if sum := s.report(s.feed(id).ResultFeedDocumentID).Summary; sum.MessagesAccepted != 10 || s.applied(50) != 9 || s.Feeds(simulatortest.German)[0].Applied != 9 {
		t.Errorf("%+v, %d applied", sum, s.applied(50))
	}
	if n := len(s.told()); n < 9 {
		t.Errorf("%d notifications", n)
	}
	s.Faults.Remove(one)
	s.Fault(simulator.Rule{Part: simulator.Processing, Account: simulatortest.German, Probability: 0.5, Action: simulator.Action{Ignore: true}})
	s.create(s.upload(s.ten(60)))
	s.Clock.Advance(2 * time.Minute)
	if n := s.applied(60); n < 2 || n > 8 {
		t.Errorf("%d of 10 applied, half ignored", n)
	}
}

// Where subscriptions decide, these go to EventBridge only, and its rule to the queue.
func TestListingsAreSubscribedOnEventBridge(t *testing.T) {
	t.Parallel()
	s := sell(t, func(c *simulator.Config) { c.SubscribedOnly = true })
	account := s.Accounts()[0]
	owner := notify.Owner{Application: account.Application, Region: account.Region}
	bridge, err := s.AddDestination(owner, "events", notify.Resource{EventBridge: &notify.EventBridge{AccountID: "123456789012", Region: "eu-west-1"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddDestination(owner, "again", notify.Resource{EventBridge: &notify.EventBridge{AccountID: "123456789012", Region: "us-east-1"}}); err == nil {
		t.Error("a second destination of the AWS account was made")
	}
	queue, err := s.AddDestination(owner, "queue", notify.Resource{SQS: &notify.Queue{ARN: simulator.QueueARN(simulator.DefaultQueue)}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddSubscription(&account, notify.ListingQuantity, "1.0", queue.ID, nil); err == nil {
		t.Error("a queue took what goes to EventBridge only")
	}
	s.Call(http.MethodPatch, s.Item("SKU-00003", ""), simulatortest.OneQuantity)
	if got := s.told(); got != nil {
		t.Errorf("notified before the subscription: %q", got)
	}
	if _, err := s.AddSubscription(s.World.Seller(account.Key()), notify.ListingQuantity, "1.0", bridge.ID, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.SetByHand(simulatortest.German, "SKU-00003", 8); err != nil {
		t.Fatal(err)
	}
	if got := s.told(); len(got) != 1 || s.Subscriptions()[0].Destination != bridge.Resource.EventBridge.Name {
		t.Errorf("notified %q; %+v", got, s.Subscriptions())
	}
}
