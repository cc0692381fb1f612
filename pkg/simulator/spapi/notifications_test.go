package spapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

const (
	destinationsV1  = "/notifications/v1/destinations"
	subscriptionsV1 = "/notifications/v1/subscriptions"
	ourQueue        = "arn:aws:sqs:" + simulator.AWSRegion + ":000000000000:" + simulator.DefaultQueue
	allOrderChanges = `,"processingDirective":{"eventFilter":{"eventFilterType":"ORDER_CHANGE"}}}`
)

// id takes an id out of a payload.
func id(t *testing.T, got simulatortest.Reply, name string) string {
	t.Helper()
	var body struct{ Payload map[string]any }
	if err := json.Unmarshal([]byte(got.Body), &body); err != nil || got.Status != http.StatusOK {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	return fmt.Sprint(body.Payload[name])
}

func destinationBody(arn string) string {
	return fmt.Sprintf(`{"name":"ours","resourceSpecification":{"sqs":{"arn":%q}}}`, arn)
}

func TestDestinationsAndSubscriptionsAreNotIdempotent(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, nil)
	seller, app := a.Token(simulatortest.SellerToken(1)), a.Token(simulatortest.GrantlessForm())
	made := id(t, a.Call(http.MethodPost, app, destinationsV1, destinationBody(ourQueue)), "destinationId")
	again := a.Call(http.MethodPost, app, destinationsV1, destinationBody(ourQueue))
	if again.Status != http.StatusConflict || !strings.Contains(again.Body, `"code":"Conflict"`) || again.Header.Get("x-amzn-RateLimit-Limit") != "" {
		t.Errorf("the same destination: %d %s %v", again.Status, again.Body, again.Header)
	}
	body := `{"payloadVersion":"1.0","destinationId":"` + made + `"` + allOrderChanges
	sub := id(t, a.Call(http.MethodPost, seller, subscriptionsV1+"/ORDER_CHANGE", body), "subscriptionId")
	again = a.Call(http.MethodPost, seller, subscriptionsV1+"/ORDER_CHANGE", body)
	if again.Status != http.StatusConflict || !strings.Contains(again.Body, `"code":"StateConflict"`) {
		t.Errorf("the same subscription: %d %s", again.Status, again.Body)
	}
	if got := a.Call(http.MethodDelete, app, destinationsV1+"/"+made, ""); got.Status != http.StatusConflict {
		t.Errorf("a destination in use: %d %s", got.Status, got.Body)
	}
	for _, path := range []string{subscriptionsV1 + "/ORDER_CHANGE/" + sub, destinationsV1 + "/" + made} {
		if got := a.Call(http.MethodGet, app, path, ""); got.Status != http.StatusOK {
			t.Errorf("get %s: %d %s", path, got.Status, got.Body)
		}
		if got := a.Call(http.MethodDelete, app, path, ""); got.Status != http.StatusOK {
			t.Errorf("delete %s: %d %s", path, got.Status, got.Body)
		}
		if got := a.Call(http.MethodGet, app, path, ""); got.Status != http.StatusNotFound {
			t.Errorf("after it: %d %s", got.Status, got.Body)
		}
	}
	if got := a.Call(http.MethodGet, seller, subscriptionsV1+"/ORDER_CHANGE", ""); got.Status != http.StatusNotFound {
		t.Errorf("no subscription: %d %s", got.Status, got.Body)
	}
}

func TestNotificationsRefusals(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, func(c *simulator.Config) {
		c.Rates = map[string]simulator.Rate{"createSubscription": {PerSecond: 1, Burst: 100}, "createDestination": {PerSecond: 1, Burst: 100}}
	})
	seller, app := a.Token(simulatortest.SellerToken(1)), a.Token(simulatortest.GrantlessForm())
	made := id(t, a.Call(http.MethodPost, app, destinationsV1, destinationBody(ourQueue)), "destinationId")
	to := `{"payloadVersion":"1.0","destinationId":"` + made + `"`
	for _, test := range []struct {
		name, token, path, body string
		status                  int
		says                    string
	}{
		{"a seller's token", seller, destinationsV1, destinationBody(ourQueue + "2"), 403, "Unauthorized"},
		{"a grantless token", app, subscriptionsV1 + "/ORDER_CHANGE", to + allOrderChanges, 403, "Unauthorized"},
		{"no queue", app, destinationsV1, `{"name":"x","resourceSpecification":{}}`, 400, "sqs"},
		{"no ARN", app, destinationsV1, destinationBody("https://sqs"), 400, "arn"},
		{"a FIFO queue", app, destinationsV1, destinationBody(ourQueue + ".fifo"), 400, "FIFO"},
		{"no name", app, destinationsV1, strings.Replace(destinationBody(ourQueue), "ours", "", 1), 400, "name"},
		{"an unknown field", app, destinationsV1, `{"title":"x"}`, 400, "title"},
		{"a field of the wrong type", app, destinationsV1, `{"name":1}`, 400, "name"},
		{"too large", app, destinationsV1, `{"name":"` + strings.Repeat("x", 70_000) + `"}`, 413, "size"},
		{"no directive", seller, subscriptionsV1 + "/ORDER_CHANGE", to + `}`, 400, "eventFilter"},
		{"no filter", seller, subscriptionsV1 + "/ORDER_CHANGE", to + `,"processingDirective":{}}`, 400, "eventFilter"},
		{"another type's filter", seller, subscriptionsV1 + "/ORDER_CHANGE", strings.Replace(to+allOrderChanges, `"eventFilterType":"ORDER_CHANGE"`, `"eventFilterType":"ANY_OFFER_CHANGED"`, 1), 400, "eventFilterType"},
		{"an unknown marketplace", seller, subscriptionsV1 + "/ORDER_CHANGE", to + `,"processingDirective":{"eventFilter":{"eventFilterType":"ORDER_CHANGE","marketplaceIds":["X"]}}}`, 400, "marketplaceId"},
		{"a directive where there is none", seller, subscriptionsV1 + "/FEED_PROCESSING_FINISHED", to + allOrderChanges, 400, "processingDirective"},
		{"another version", seller, subscriptionsV1 + "/FEED_PROCESSING_FINISHED", `{"payloadVersion":"2.0","destinationId":"` + made + `"}`, 400, "payloadVersion"},
		{"an unknown destination", seller, subscriptionsV1 + "/FEED_PROCESSING_FINISHED", `{"payloadVersion":"1.0","destinationId":"x"}`, 400, "destinationId"},
		{"an unknown type", seller, subscriptionsV1 + "/ORDER_STATUS_CHANGE", to + `}`, 400, "notificationType"},
	} {
		if got := a.Call(http.MethodPost, test.token, test.path, test.body); got.Status != test.status || !strings.Contains(got.Body, test.says) {
			t.Errorf("%s: %d %s", test.name, got.Status, got.Body)
		}
	}
	r := a.Request(http.MethodPost, a.URLs.SPAPI[model.Europe]+destinationsV1, destinationBody(ourQueue))
	r.Header.Set("x-amz-access-token", app)
	r.Header.Set("User-Agent", "Tests/1")
	if got := a.Do(r); got.Status != http.StatusUnsupportedMediaType {
		t.Errorf("no Content-Type: %d %s", got.Status, got.Body)
	}
	if got := a.Get(model.Europe, seller, subscriptionsV1+"?notificationTypes=ORDER_CHANGE,FEED_PROCESSING_FINISHED"); got.Status != http.StatusBadRequest {
		t.Errorf("two types at once: %d %s", got.Status, got.Body)
	}
}

func TestGetSubscriptionsPages(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, nil)
	for range 31 {
		if _, err := a.Subscribe(simulatortest.German, "ORDER_CHANGE", ourQueue); err != nil {
			t.Fatal(err)
		}
	}
	token := a.Token(simulatortest.SellerToken(1))
	first := a.Get(model.Europe, token, subscriptionsV1+"?notificationTypes=ORDER_CHANGE&payloadVersion=1.0")
	next := a.Get(model.Europe, token, subscriptionsV1+"?notificationTypes=ORDER_CHANGE&nextToken="+id(t, first, "nextToken"))
	if strings.Count(first.Body, "subscriptionId") != 30 || strings.Count(next.Body, "subscriptionId") != 1 || strings.Contains(next.Body, "nextToken") {
		t.Errorf("%s\n%s", first.Body, next.Body)
	}
}

func TestSubscribedOnly(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, func(c *simulator.Config) {
		c.SubscribedOnly = true
		c.Queues = []string{simulator.DefaultQueue, "other"}
	})
	notify := func() {
		t.Helper()
		change, err := a.World.PlaceOrder(simulatortest.German)
		if err != nil {
			t.Fatal(err)
		}
		a.Notify(change)
	}
	visible := func(queue string) int {
		t.Helper()
		stats, err := a.Queue(queue)
		if err != nil {
			t.Fatal(err)
		}
		return stats.Visible
	}
	notify()
	if counts, _ := a.Counts(); visible(simulator.DefaultQueue) != 0 || counts.Notifications != 0 {
		t.Error("a seller who did not subscribe was notified")
	}
	if _, err := a.Subscribe(simulatortest.German, "ORDER_CHANGE", "arn:aws:sqs:eu-west-1:1:other"); err != nil {
		t.Fatal(err)
	}
	notify()
	if visible("other") != 1 || visible(simulator.DefaultQueue) != 0 {
		t.Errorf("%d in the subscription's queue, %d in the other", visible("other"), visible(simulator.DefaultQueue))
	}
	if n := a.DropSubscriptions(simulatortest.American, ""); n != 0 {
		t.Errorf("%d subscriptions of another seller were dropped", n)
	}
	if n := a.DropSubscriptions(simulatortest.German, "ORDER_CHANGE"); n != 1 || len(a.Subscriptions()) != 0 {
		t.Errorf("%d dropped, %v left", n, a.Subscriptions())
	}
	notify()
	if visible("other") != 1 {
		t.Error("a dropped subscription still delivers")
	}
}

func TestSubscriptionFilter(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, func(c *simulator.Config) { c.SubscribedOnly = true })
	made := id(t, a.Call(http.MethodPost, a.Token(simulatortest.GrantlessForm()), destinationsV1, destinationBody(ourQueue)), "destinationId")
	id(t, a.Call(http.MethodPost, a.Token(simulatortest.SellerToken(1)), subscriptionsV1+"/ORDER_CHANGE",
		`{"payloadVersion":"1.0","destinationId":"`+made+`","processingDirective":{"eventFilter":{"eventFilterType":"ORDER_CHANGE","orderChangeTypes":["BuyerRequestedChange"]}}}`), "subscriptionId")
	order := a.Order(simulatortest.German)
	for i, change := range []func(string) (simulator.Change, error){a.World.Change, a.World.RequestCancel} {
		happened, err := change(order)
		if err != nil {
			t.Fatal(err)
		}
		a.Notify(happened)
		if stats, err := a.Queue(simulator.DefaultQueue); err != nil || stats.Visible != i {
			t.Errorf("after %s: %d messages, %v", happened.Type, stats.Visible, err)
		}
	}
}

// A filter expression is evaluated on the notification that is sent, and two that differ
// stand beside each other where the marketplace lets them.
func TestFilterExpressions(t *testing.T) {
	t.Parallel()
	const kind = "OrderChangeNotification.Summary.FulfillmentType"
	a := simulatortest.Start(t, func(c *simulator.Config) {
		c.SubscribedOnly, c.SeveralSubscriptions = true, true
		c.Rates = map[string]simulator.Rate{"createSubscription": {PerSecond: 1, Burst: 20}}
	})
	made := id(t, a.Call(http.MethodPost, a.Token(simulatortest.GrantlessForm()), destinationsV1, destinationBody(ourQueue)), "destinationId")
	order, want := a.Order(simulatortest.German), 0
	for _, test := range []struct {
		expression string
		status     int
		passes     bool
	}{
		{kind + " == 'MFN'", 200, true},
		{kind + " == 'MFN'", 409, false},
		{kind + " != 'MFN'", 200, false},
		{"!(" + kind + " == 'AFN') && OrderChangeNotification.OrderChangeType == 'OrderStatusChange'", 200, true},
		{"!has(OrderChangeNotification.Nothing) || OrderChangeNotification.Nothing == 'x'", 200, true},
		{"OrderChangeNotification.Nothing != 'x'", 200, false}, // a field that is not there fails
		{"OrderChangeNotification.Nothing != 'x' || " + kind + " == 'MFN'", 200, true},
		{kind + " == 'MFN' && (" + kind + " == 'AFN' || " + kind + " == 'MFN')", 200, true},
		{kind, 400, false},
		{kind + " ==", 400, false},
		{kind + " + 1", 400, false},
		{"(" + kind + " == 'MFN'", 400, false},
		{"'MFN' == " + kind, 400, false},
		{strings.Repeat("!", 257), 400, false},
	} {
		got := a.Call(http.MethodPost, a.Token(simulatortest.SellerToken(1)), subscriptionsV1+"/ORDER_CHANGE",
			fmt.Sprintf(`{"payloadVersion":"1.0","destinationId":%q,"processingDirective":{"filterExpression":%q}}`, made, test.expression))
		if got.Status != test.status {
			t.Errorf("%s: %d %s", test.expression, got.Status, got.Body)
		}
		if test.passes {
			want++
		}
	}
	happened, err := a.World.Change(order)
	if err != nil {
		t.Fatal(err)
	}
	a.Notify(happened)
	if stats, err := a.Queue(simulator.DefaultQueue); err != nil || stats.Visible != want {
		t.Errorf("%d messages, want %d, %v", stats.Visible, want, err)
	}
}

func TestAdminSubscriptions(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, nil)
	if _, err := a.Subscribe(simulatortest.German, "ORDER_CHANGE", ourQueue); err != nil {
		t.Fatal(err)
	}
	got := a.Do(a.Request(http.MethodGet, a.URLs.Admin+"/_simulator/subscriptions", ""))
	if !strings.Contains(got.Body, ourQueue) || !strings.Contains(got.Body, simulatortest.German) {
		t.Errorf("%s", got.Body)
	}
	got = a.Do(a.Request(http.MethodDelete, a.URLs.Admin+"/_simulator/subscriptions?account="+simulatortest.German, ""))
	if got.Body != "{\"dropped\":1}\n" || len(a.Subscriptions()) != 0 {
		t.Errorf("%s", got.Body)
	}
	for _, bad := range [][2]string{{"nobody", ourQueue}, {simulatortest.German, "queue"}} {
		if _, err := a.Subscribe(bad[0], "ORDER_CHANGE", bad[1]); err == nil {
			t.Errorf("%v was accepted", bad)
		}
	}
}
