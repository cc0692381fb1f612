package conformance_test

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/test/conformance"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	ordersModel = "orders_2026-01-01.json"
	allData     = "BUYER,RECIPIENT,PROCEEDS,EXPENSE,PROMOTION,CANCELLATION,FULFILLMENT,PACKAGES,TAX,PAYMENT,FULFILLMENT_ORDERS"
)

// unlimited keeps quotas out of the way where they are not what is tested.
func unlimited() map[string]simulator.Rate {
	rates := make(map[string]simulator.Rate)
	for _, operation := range model.Operations() {
		if !operation.Throttle() {
			rates[operation.Name] = simulator.Rate{PerSecond: 1e6, Burst: 1_000_000}
		}
	}
	return rates
}

// amazon is a simulator whose every SP-API answer is checked.
type amazon struct {
	*simulatortest.Amazon
	checked *conformance.Transport
}

func start(t *testing.T, config simulator.Config) *amazon {
	t.Helper()
	m := conformance.LoadModel(t, ordersModel)
	a := simulatortest.Start(t, func(c *simulator.Config) {
		config.Applications, config.Accounts = c.Applications, c.Accounts[:1]
		*c = config
	})
	checked := &conformance.Transport{
		Base: a.Client.Transport, Model: m, Refusals: true,
		Report: func(err error) { t.Error(err) },
	}
	a.Client.Transport = checked
	return &amazon{a, checked}
}

// get calls the SP-API and expects a status. The body's conformance is checked
// on its way.
func (a *amazon) get(token, path string, status int) string {
	a.T.Helper()
	got := a.Get(model.Europe, token, path)
	if got.Status != status {
		a.T.Errorf("GET %s: %d, not %d: %s", path, got.Status, status, got.Body)
	}
	return got.Body
}

// TestOrdersConform reads 60 orders in every state of their lives.
func TestOrdersConform(t *testing.T) {
	t.Parallel()
	clock := simulatortest.NewClock() // searchOrders shows nothing that is younger than two minutes
	a := start(t, simulator.Config{Clock: clock, Rates: unlimited()})
	token := a.Token(simulatortest.SellerToken(1))
	seen := make(map[simulator.Status]bool)
	for i := range 60 {
		id := a.Order(simulatortest.German)
		path := simulatortest.OrdersPath + "/" + id
		a.get(token, path, http.StatusOK)
		for range 4 {
			order, _ := a.World.Order(id)
			seen[order.Status()] = true
			a.get(token, path+"?includedData="+allData, http.StatusOK)
			var err error
			if i%10 == 0 {
				_, err = a.World.RequestCancel(id)
			} else {
				_, err = a.World.Change(id)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for data := range strings.SplitSeq(allData, ",") {
		a.get(token, simulatortest.OrdersPath+"?createdAfter=2026-01-01T00:00:00Z&includedData="+data, http.StatusOK)
	}
	for _, status := range []simulator.Status{simulator.Pending, simulator.Unshipped, simulator.PartiallyShipped, simulator.Shipped, simulator.Cancelled} {
		if !seen[status] {
			t.Errorf("no order was %s", status)
		}
	}
	clock.Advance(30 * time.Minute)
	first := a.get(token, simulatortest.OrdersPath+"?createdAfter=2026-01-01T00:00:00Z&maxResultsPerPage=50&includedData="+allData, http.StatusOK)
	if strings.Count(first, `"lastUpdatedTime"`) != 50 || !strings.Contains(first, `"nextToken"`) {
		t.Errorf("the search's first page: %.300s", first)
	}
	a.get(token, simulatortest.OrdersPath+"?lastUpdatedAfter=2026-01-01T00:00:00Z&fulfillmentStatuses=SHIPPED,CANCELLED&fulfilledBy=MERCHANT&marketplaceIds=A1PA6795UKMFR9", http.StatusOK)
}

// TestAnOrderIsReadWhole walks Amazon's model: a leaf of an order that has no field here has
// no place in our record. That each field has one is tested beside the record
// (TestEveryFieldOfAnOrderShows of processors/orders).
func TestAnOrderIsReadWhole(t *testing.T) {
	t.Parallel()
	m := conformance.LoadModel(t, ordersModel)
	for operation, answer := range map[string]reflect.Type{
		model.GetOrder: reflect.TypeFor[model.GetOrderResponse](), model.SearchOrders: reflect.TypeFor[model.SearchOrdersResponse](),
	} {
		missing, err := m.Missing(operation, answer)
		if err != nil || len(missing) > 0 {
			t.Errorf("%s: %v is in Amazon's model and not in ours, %v", operation, missing, err)
		}
	}
	type narrow struct {
		Order struct {
			Items []struct{} `json:"orderItems"`
		} `json:"order"`
	}
	if missing, _ := m.Missing(model.GetOrder, reflect.TypeFor[narrow]()); !slices.Contains(missing, "order.orderItems[].product") || !slices.Contains(missing, "order.buyer") {
		t.Errorf("the test cannot fail: %v", missing)
	}
}

// The kinds of orders together have every field of the model, in answers that conform at
// each step of their lives, whoever ships them.
func TestEveryFieldIsServed(t *testing.T) {
	t.Parallel()
	a := start(t, simulator.Config{Rates: unlimited(), BuyerMark: "mark-"})
	token := a.Token(simulatortest.SellerToken(1))
	leaves := conformance.LoadModel(t, ordersModel).Leaves(t, "getOrder")
	for _, kind := range append(simulator.Kinds(), "ordinary") {
		for _, byAmazon := range []bool{false, true} {
			placed, err := a.World.Place(simulatortest.German, simulator.Placement{Kind: kind, ByAmazon: byAmazon})
			if err != nil {
				t.Fatal(err)
			}
			id := placed.Order.OrderID
			for range 5 {
				body := a.get(token, simulatortest.OrdersPath+"/"+id+"?includedData="+allData, http.StatusOK)
				conformance.Mark(t, leaves, body)
				if by := map[bool]string{false: "MERCHANT", true: "AMAZON"}[byAmazon]; !strings.Contains(body, `"fulfilledBy":"`+by+`"`) || byAmazon && strings.Contains(body, `"packages"`) {
					t.Errorf("%s by %s: %s", kind, by, body)
				}
				if _, err := a.World.Change(id); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := a.World.RequestCancel(id); err != nil {
				t.Fatal(err)
			}
			conformance.Mark(t, leaves, a.get(token, simulatortest.OrdersPath+"/"+id+"?includedData="+allData, http.StatusOK))
		}
	}
	for path, served := range leaves {
		if !served {
			t.Errorf("no order has %s", path)
		}
	}
}

func TestRefusalsConform(t *testing.T) {
	t.Parallel()
	a := start(t, simulator.Config{})
	token := a.Token(simulatortest.SellerToken(1))
	missing := simulatortest.OrdersPath + "/111-1111111-1111111"
	a.get(token, missing, http.StatusNotFound)
	a.get(token, missing+"?includedData=NONSENSE", http.StatusBadRequest)
	a.get(token, missing+"?nonsense=1", http.StatusBadRequest)
	a.get(token, simulatortest.OrdersPath, http.StatusBadRequest)
	a.get(token, simulatortest.OrdersPath+"?createdAfter=yesterday", http.StatusBadRequest)
	a.get("", missing, http.StatusForbidden)
	a.get("Atza|unknown", missing, http.StatusForbidden)
	for _, status := range []int{400, 403, 404, 413, 415, 429, 500, 503} {
		a.Fault(simulator.Rule{Part: simulator.SPAPI, Times: 1, Action: simulator.Action{Status: status}})
		a.get(token, missing, status)
	}
	if err := a.SetRate(simulatortest.German, "getOrder", simulator.Rate{}); err != nil {
		t.Fatal(err)
	}
	a.get(token, missing, http.StatusTooManyRequests)
}

// TestNotificationsConform checks every notification of a disorderly scenario.
func TestNotificationsConform(t *testing.T) {
	t.Parallel()
	schema := conformance.LoadSchema(t, "OrderChangeNotification.json")
	a := start(t, simulator.Config{})
	err := a.Run(t.Context(), simulator.Scenario{
		Orders: 60, Changes: 4, Duplicates: 0.1, Reordered: 0.3, BuyerRequests: 0.3, ByAmazon: 0.5, Forged: 5, UnknownSellers: 5,
	})
	if err != nil {
		t.Fatal(err)
	}
	bodies := a.receive()
	for _, body := range bodies {
		if err := schema.Check([]byte(body)); err != nil {
			t.Fatalf("%v\n%s", err, body)
		}
	}
	if counts, _ := a.Counts(); len(bodies) != counts.Notifications {
		t.Errorf("%d of %d notifications were received", len(bodies), counts.Notifications)
	}
}
