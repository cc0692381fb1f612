package integration

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/acls"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/process"
)

// TestEachRoleAsItsOwnUser runs each role in a process of its own, by TLS and
// SCRAM, with exactly the ACLs that are printed. Nothing is denied to any, and
// each ACL is one on which something that was done rests: without it the broker
// would have denied that.
func TestEachRoleAsItsOwnUser(t *testing.T) {
	s := newSecurity(t, newStockEnvironment(t, stockSpeed))
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience) // an account's first report of listings comes within three minutes here
	defer cancel()
	decisions := s.audit(t)
	var users []string
	for _, part := range acls.Parts() {
		users = append(users, s.user(part))
	}
	s.makeUsers(t, users...)
	grants := s.printed(ctx, t)
	s.allow(ctx, t, grants)
	s.operate(ctx, t)

	processes := map[string]*process.Process{}
	for _, role := range acls.Roles() {
		file := s.configFor(t, s.user(role), func(c *process.Config) {
			c.QueueARN = s.queueARN
			// All that is not urgent goes by feeds, since one of them is to be stuck. Else the
			// machine's speed decides whether so many wait at once that a feed is made.
			c.More = strings.Replace(c.More, "inventory: {", "inventory: {patch_below: 0, ", 1) +
				"shipments: {untracked: feed}\ncancellations: {enabled: true, linger: 5s}\n"
		})
		processes[role] = s.startWith(t, file, "--roles", role)
		watched, release := processes[role].Watch(ctx)
		defer release()
		ctx = watched
	}
	s.work(ctx, t)
	if f := s.doctor(ctx, t, s.configFor(t, s.user("doctor"), nil))["work"]; f.Status != "ok" { // now there is a state to read
		t.Errorf("doctor: work: %+v", f)
	}
	s.lookAround(ctx, t)
	for role, p := range processes {
		if err := p.Stop(time.Minute); err != nil {
			t.Errorf("stop %s: %v", role, err)
		}
	}
	s.checkDecisions(t, grants, decisions())
}

// operate does what operators do, each by the user that has the ACLs for it.
func (s *security) operate(ctx context.Context, t *testing.T) {
	t.Helper()
	// With a setting that differs there is something to alter.
	settings := map[string]*string{"retention.ms": kadm.StringPtr("-1")}
	if _, err := s.admin.CreateTopic(ctx, 6, 1, settings, s.prefix+schemas.Orders); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		part string
		args []string
	}{
		{"topics apply", []string{"topics", "apply", "--yes"}},
		{"topics plan", []string{"topics", "plan"}},
		{"operator", []string{"pause", "--writes"}},
		{"operator", []string{"switches"}},
		{"operator", []string{"resume", "--writes"}},
	} {
		if out, err := s.says(ctx, append(step.args, "--config", s.configFor(t, s.user(step.part), nil))...); err != nil {
			t.Fatalf("%v: %v: %s", step.args, err, out)
		}
	}
	for check, f := range s.doctor(ctx, t, s.configFor(t, s.user("doctor"), nil)) {
		if f.Status == "failed" || check == "permissions" && f.Status != "warning" {
			t.Errorf("doctor: %s: %+v", check, f)
		}
	}
}

// lookAround does what the runbook orders while the pipeline runs, with the ACLs of
// operator, and what is left of that with those of the commands alone.
func (s *security) lookAround(ctx context.Context, t *testing.T) {
	t.Helper()
	account := s.amazon.Accounts()[0].ID
	as := func(part, arguments, says string) {
		t.Helper()
		out, err := s.says(ctx, append(strings.Fields(arguments), "--config", s.configFor(t, s.user(part), nil))...)
		if err != nil && says == "" || !strings.Contains(out, says) {
			t.Errorf("%s: %s: %v, want %q in\n%s", part, arguments, err, says, out)
		}
	}
	for _, step := range []struct{ arguments, says string }{
		{"deadletters list", "open dead letters"},
		{"deadletters retry --yes --role orders", "retried 1 dead letter"},
		{"deadletters discard --yes --role inventory", "discarded "},
		{"replay --dry-run --topic orders --from 1h", account},
		{"replay --yes --by it --topic orders --from 1h --account " + account, "published now"},
		{"replay --yes --by it --wait --topic order-changes --from 1h --account " + account, "has taken all in"},
		{"tail orders", ""},
		{"tail " + schemas.StateInventory, ""},
		{"alerts", "AccountParked"},
		{"lag", schemas.OrderChanges},
		{"pause --by it --account " + account, ""},
		{"switches", account},
		{"resume --by it --account " + account, ""},
		{"accounts", "parked"},
		{"accounts retry --by it " + s.amazon.Accounts()[2].ID, ""},
		{"doctor --roles operator", "this user may be used for operator"}, // other parts of the test's world fail
		{"upgrade status", "feature level"},
		{"upgrade finish --by it", ""},
	} {
		as("operator", step.arguments, step.says)
	}
	as("tail", "tail "+schemas.Orders, "")
	as("alerts", "alerts", "AccountParked")
	as("lag", "lag", schemas.OrderChanges)
	as("upgrade", "upgrade status", "feature level")
}

// work makes every role write something: orders with their events, feeds (one
// is stuck), packages, a cancellation, what becomes of a listing, an audit, and a
// record on every input that nobody can read.
func (s *security) work(ctx context.Context, t *testing.T) {
	t.Helper()
	simulatortest.Fault(t, s.amazon, simulator.Rule{
		Part: simulator.Processing, Account: s.amazon.Accounts()[1].ID, Times: 1,
		Action: simulator.Action{Feed: &simulator.FeedOutcome{Queued: 24 * time.Hour}},
	})
	account := s.amazon.Accounts()[0]
	s.play(ctx, t, 20)
	s.cancel(ctx, t, account.ID, s.unshipped(ctx, t, account.ID))
	s.tellOfListing(ctx, t, account)
	plan := s.supply(ctx, t, simulator.InventoryScenario{Updates: 3 * stockSKUs, SKUs: stockSKUs, Unknown: 2, Over: 10 * time.Second})
	s.awaitOutcomes(ctx, t, plan)
	simulatortest.Fault(t, s.amazon, simulator.Rule{
		Part: simulator.SPAPI, Operation: confirmShipment, Times: 1, Action: simulator.Action{Status: http.StatusNoContent},
	})
	s.pack(ctx, t, account.ID, "a number") // which nothing is stored of, and an order is looked at
	s.pack(ctx, t, account.ID, "")
	for _, topic := range []string{schemas.CancellationResults, schemas.ListingChanges, schemas.OrderLooksAnswered, schemas.StockAudits} {
		s.follow(ctx, t, topic, func(any) bool { return true })
	}
	s.park(ctx, t, s.amazon.Accounts()[2].ID)
	for _, topic := range []string{schemas.OrderChanges, schemas.InventoryUpdates, schemas.FeedNotifications, schemas.Shipments, schemas.Cancellations, schemas.Orders} {
		s.put(ctx, t, topic, account.ID, []byte("nobody can read this"))
	}
	roles := map[string]bool{}
	s.follow(ctx, t, schemas.DeadLetters, func(value any) bool {
		roles[value.(*schemas.DeadLetter).Role] = true
		return len(roles) == 7 // bridge, events and the five processors
	})
	s.tap.await(ctx, t, "events of all kinds", func(events map[string][]event) bool {
		return holds(countEvents(events), map[string]int{"OrderChanged": 1, "FeedCompleted": 1, "FeedStuck": 1, "ShipmentConfirmed": 1})
	})
}

// park makes Amazon refuse an account; each processor raises an alert.
func (s *security) park(ctx context.Context, t *testing.T, account string) {
	t.Helper()
	shipment, order := s.pack(ctx, t, account, "a number"), s.unshipped(ctx, t, account)
	simulatortest.Fault(t, s.amazon, simulator.Rule{Part: simulator.SPAPI, Account: account, Action: simulator.Action{Status: http.StatusForbidden}})
	s.order(t, account)
	s.supply(ctx, t, simulator.InventoryScenario{Accounts: []string{account}, Updates: 1, SKUs: 1, Urgent: 1})
	shipment.ShipmentID, shipment.TrackingNumber = "corrected", shipment.TrackingNumber+"1"
	shipment.EventTime = shipment.EventTime.Add(time.Second)
	s.putShipment(ctx, t, shipment)
	s.cancel(ctx, t, account, order)
	roles := map[string]bool{}
	s.follow(ctx, t, schemas.Alerts, func(value any) bool {
		roles[value.(*schemas.Alert).Role] = true
		return roles["orders"] && roles["inventory"] && roles["shipments"] && roles["cancellations"]
	})
}

// unshipped places an order that the merchant is to ship, and waits until the pipeline has it.
func (s *security) unshipped(ctx context.Context, t *testing.T, account string) (id string) {
	t.Helper()
	for {
		change, err := s.amazon.World.Place(account, simulator.Placement{SellerShips: true})
		if err != nil {
			t.Fatal(err)
		}
		if change.Order.Status() == simulator.Unshipped {
			s.amazon.Notify(change)
			id = change.Order.OrderID
			break
		}
	}
	s.follow(ctx, t, schemas.Orders, func(value any) bool { return value.(*schemas.Order).OrderID == id })
	return id
}

// cancel wishes an order to be cancelled.
func (s *security) cancel(ctx context.Context, t *testing.T, account, order string) {
	t.Helper()
	value, err := s.codec.AppendEncode(nil, schemas.Cancellations, &schemas.Cancellation{
		CancellationID: "c", Account: account, OrderID: order, Reason: model.NoInventory, EventTime: s.now(), Source: "integration",
	})
	if err != nil {
		t.Fatal(err)
	}
	s.put(ctx, t, schemas.Cancellations, account, value)
}

// tellOfListing sends the notification that a quantity has changed.
func (s *security) tellOfListing(ctx context.Context, t *testing.T, account simulator.Account) {
	t.Helper()
	body := fmt.Sprintf(`{"NotificationVersion":"1.0","NotificationType":"LISTINGS_ITEM_MFN_QUANTITY_CHANGE","PayloadVersion":"1.0","EventTime":%q,
		"Payload":{"SellerId":%q,"FulfillmentChannelCode":"DEFAULT","Sku":"it","Quantity":1},
		"NotificationMetadata":{"ApplicationId":"a","SubscriptionId":"s","PublishTime":%[1]q,"NotificationId":"it-listing"}}`,
		s.now().UTC().Format(time.RFC3339), account.SellerID)
	if _, err := s.sqs.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &s.queue, MessageBody: &body}); err != nil {
		t.Fatal(err)
	}
}

// pack ships an order, waits for the outcome, and returns the last package. With the tracking
// number "" it is a letter.
func (s *security) pack(ctx context.Context, t *testing.T, account, number string) (shipment *schemas.Shipment) {
	t.Helper()
	packed, err := s.amazon.Pack(simulator.ShipmentScenario{}, s.order(t, account))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packed {
		if number == "" {
			p.TrackingNumber = ""
		}
		shipment = &schemas.Shipment{
			ShipmentID: p.PackageID, Account: p.Account, OrderID: p.OrderID, PackageID: p.PackageID, CarrierName: p.Carrier,
			TrackingNumber: p.TrackingNumber, ShipTime: p.Time, EventTime: p.Time, Source: "integration",
		}
		for _, item := range p.Items {
			shipment.Items = append(shipment.Items, schemas.ShipmentItem{OrderItemID: item.OrderItemID, Quantity: int32(item.Quantity)})
		}
		s.putShipment(ctx, t, shipment)
	}
	s.follow(ctx, t, schemas.ShipmentConfirmations, func(value any) bool {
		return value.(*schemas.ShipmentConfirmation).OrderID == shipment.OrderID
	})
	return shipment
}

func (s *security) putShipment(ctx context.Context, t *testing.T, shipment *schemas.Shipment) {
	t.Helper()
	value, err := s.codec.AppendEncode(nil, schemas.Shipments, shipment)
	if err != nil {
		t.Fatal(err)
	}
	s.put(ctx, t, schemas.Shipments, shipment.Account, value)
}

func (s *security) put(ctx context.Context, t *testing.T, topic, key string, value []byte) {
	t.Helper()
	if err := s.client.ProduceSync(ctx, &kgo.Record{Topic: s.prefix + topic, Key: []byte(key), Value: value}).FirstErr(); err != nil {
		t.Fatalf("produce to %s: %v", topic, err)
	}
}

// checkDecisions holds what the broker allowed and denied against what is
// printed.
func (s *security) checkDecisions(t *testing.T, grants []acls.Grant, decisions []decision) {
	t.Helper()
	if len(decisions) == 0 {
		t.Fatal("the broker's log has no decision about this test's users")
	}
	for _, d := range decisions {
		// Doctor finds out that its user may run no role.
		look := d.user == s.user("doctor") && (d.resource == "Group" || d.request == "EndTxn")
		if !d.allowed && !look {
			t.Errorf("denied: %+v", d)
		}
	}
	// Others' programs do not run in this test, and some commands have tests of their own.
	elsewhere := []string{"upstream-stock", "upstream-shipments", "upstream-cancellations", "downstream", "downstream-buyers", "deadletters", "tail", "alerts", "lag", "upgrade", "replay", "replay --reset", "state export", "state import"}
	for _, g := range grants {
		part := g.For[0]
		used := slices.ContainsFunc(decisions, func(d decision) bool { return d.uses(g) })
		doneHere := !slices.Contains(elsewhere, part) && (part != "operator" || g.Name == s.prefix+schemas.Switches)
		empty := part == "events" && g.Name == s.prefix+schemas.DeadLettersResolved // is read when it holds anything
		if !used && doneHere && !empty {
			t.Errorf("%s is printed for %s, and nothing that it does needs it", g.ACL, part)
		}
	}
	t.Logf("%d ACLs, %d decisions of the broker", len(grants), len(decisions))
}
