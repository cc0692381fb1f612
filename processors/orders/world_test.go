package orders

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/buyerdata"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/orders/ordersv0"
	"github.com/sellerstream/sellerstream/schemas"
)

const testAccount = "acme-eu"

var testStart = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func newMachine(t testing.TB) *Machine {
	return New(Config{Accounts: machinetest.Sellers(t), IncludedData: []string{model.IncludeFulfillment}})
}

type runtime struct {
	*machinetest.Runtime[*Machine]
	v0       bool // the machine fetches with Orders v0
	outputs  []*schemas.Order
	emitted  []time.Time // when each of them was
	alerts   []*schemas.Alert
	resolved []*schemas.Alert // the records that end one
	looked   []*schemas.OrderLooked
	entries  int // of the state that were written
}

// newRuntime runs machines of a configuration that configure may change.
func newRuntime(t testing.TB, configure ...func(*Config)) *runtime {
	r := &runtime{}
	r.Runtime = machinetest.New(t, machinetest.Config[*Machine]{
		Processor: Processor, Operations: Operations(), Now: testStart, Committed: r.committed, Check: r.check,
		Build: func() *Machine {
			cfg := newMachine(t).cfg
			cfg.V0 = r.v0
			for _, change := range configure {
				change(&cfg)
			}
			return New(cfg)
		},
	})
	return r
}

func (r *runtime) committed(tx *machine.Tx) {
	r.entries += len(tx.State)
	for _, out := range tx.Outputs {
		switch value := out.Value.(type) {
		case *schemas.Order:
			r.outputs, r.emitted = append(r.outputs, value), append(r.emitted, r.Now)
		case *schemas.Alert:
			if value.Resolves != "" {
				r.resolved = append(r.resolved, value)
				break
			}
			r.alerts = append(r.alerts, value)
		case *schemas.OrderLooked:
			r.looked = append(r.looked, value)
		}
	}
}

// check holds a call to rule 1 of the package.
func (r *runtime) check(call machine.Call) {
	r.T.Helper()
	switch state := r.State(call.Key).(type) {
	case *schemas.OrderState:
		if state.Pending {
			return
		}
	case *schemas.SearchState:
		if !state.EndTime.IsZero() {
			return
		}
	case *schemas.BackfillState:
		if !state.StartTime.IsZero() && state.FinishedTime.IsZero() {
			return
		}
	}
	r.T.Fatalf("rule 1: call for %s started without a committed wish: %+v", call.Key, r.State(call.Key))
}

func (r *runtime) order(id string) *schemas.OrderState {
	state, _ := r.State(orderKey(testAccount, id)).(*schemas.OrderState)
	return state
}

// amazon is the marketplace that the machine must follow.
type amazon struct {
	*machinetest.Door
	versions map[string][]version
	lag      time.Duration        // how late a version shows
	random   *rand.Rand           // makes each read lag by another part of lag; nil: by all of it
	behind   time.Duration        // how much later it does in searches
	page     int                  // orders on a page; 0 for pageOrders
	odd      bool                 // its pages cannot be read completely
	second   bool                 // lastUpdatedTime in whole seconds
	v0       bool                 // asked through Orders v0
	pages    map[string]cursor    // what the tokens of its searches stand for
	created  map[string]time.Time // when orders were placed, if not at testStart
	sealer   *buyerdata.Sealer    // of what is asked with buyer data
}

type version struct {
	at     time.Time // its lastUpdatedTime
	since  time.Time // when it came, if that did not move
	number int
}

func newAmazon() *amazon {
	plan := quota.Limit{Rate: 0.5, Burst: 30}
	return &amazon{versions: map[string][]version{}, pages: map[string]cursor{}, Door: machinetest.NewDoor(map[string]quota.Limit{
		model.GetOrder: plan, model.GetOrderV0: plan, model.GetOrderItemsV0: plan, model.SearchOrders: {Rate: 0.0056, Burst: 20},
	})}
}

func (a *amazon) change(id string, at time.Time) version {
	all := a.versions[id]
	v := version{at: at.Truncate(time.Millisecond), number: len(all) + 1}
	a.versions[id] = append(all, v)
	return v
}

func (a *amazon) answer(id string, now time.Time) machine.Outcome {
	shown, refusal := a.shown(id, now)
	if shown == nil {
		return refusal
	}
	return machine.Done{Response: &model.GetOrderResponse{Order: a.order(id, *shown)}}
}

// shown is the version that a caller sees, or nil and what it is told.
func (a *amazon) shown(id string, now time.Time) (shown *version, refusal machine.Outcome) {
	lag := a.lag
	if a.random != nil { // replicas that disagree
		lag = time.Duration(a.random.Int64N(int64(lag) + 1))
	}
	for i := range a.versions[id] {
		if v := &a.versions[id][i]; !machine.Latest(v.at, v.since).After(now.Add(-lag)) {
			shown = v
		}
	}
	return shown, machine.Reject{Err: &model.Error{Class: model.NotFound, Operation: model.GetOrder, Status: 404}}
}

func (a *amazon) order(id string, v version) model.Order {
	updated := v.at
	if a.second {
		updated = updated.Truncate(time.Second)
	}
	created, ok := a.created[id]
	if !ok {
		created = testStart
	}
	return model.Order{
		OrderID: id, CreatedTime: created, LastUpdatedTime: updated,
		SalesChannel: model.SalesChannel{ChannelName: "AMAZON"},
		Fulfillment:  &model.OrderFulfillment{Status: "UNSHIPPED"},
		Items: []model.OrderItem{{
			OrderItemID: "1", QuantityOrdered: int32(v.number), Product: model.ItemProduct{SellerSKU: "SKU"},
		}},
	}
}

// final is the event of Amazon's newest state of an order.
func (a *amazon) final(id string) *schemas.Order {
	all := a.versions[id]
	order := a.order(id, all[len(all)-1])
	if a.v0 {
		head, lines := a.orderV0(id, all[len(all)-1])
		order = *ordersv0.Order(&head, lines)
	}
	event := newEvent(testAccount, &order, nil)
	event.EventID = eventID(&machine.Tx{}, contentID(event))
	return event
}

func orderID(n int) string { return fmt.Sprintf("202-0000000-%07d", n) }

func notified(id, notificationID string, at time.Time) *schemas.OrderChange {
	return &schemas.OrderChange{
		NotificationID: notificationID, NotificationType: "ORDER_CHANGE", Account: testAccount, OrderID: id,
		ChangeType: "OrderStatusChange", ChangeTime: at, EventTime: at, ReceivedTime: at,
	}
}

func callIDs(calls []machine.Call) string {
	var ids []string
	for _, call := range calls {
		ids = append(ids, call.Request.(*model.GetOrderRequest).OrderID)
	}
	return strings.Join(ids, " ")
}
