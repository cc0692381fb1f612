package orders

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/sellerstream/sellerstream/pkg/account"
	"github.com/sellerstream/sellerstream/pkg/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

const testAccount = "acme-eu"

var testStart = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func testDirectory(t testing.TB) func() *account.Directory {
	t.Helper()
	directory, err := account.NewDirectory([]account.Account{
		{ID: testAccount, SellerID: "A1", Region: model.Europe},
		{ID: "other", SellerID: "A2", Region: model.Europe},
	})
	if err != nil {
		t.Fatal(err)
	}
	return func() *account.Directory { return directory }
}

func newMachine(t testing.TB) *Machine {
	return New(Config{Accounts: testDirectory(t), IncludedData: []string{model.IncludeFulfillment}})
}

// runtime runs a machine as pkg/stream does, with a committed log in memory.
type runtime struct {
	t       testing.TB
	machine *Machine
	v0      bool // the machine fetches with Orders v0
	now     time.Time
	state   map[string]any // committed
	outputs []*schemas.Order
	letters []machine.DeadLetter
	running map[string]machine.Call // started and not ended, by key
	started []machine.Call          // since the start, all of them
	wake    time.Time
}

func newRuntime(t testing.TB) *runtime {
	return &runtime{t: t, machine: newMachine(t), now: testStart, state: map[string]any{}, running: map[string]machine.Call{}}
}

// tick applies records and results in one transaction, then starts its calls.
func (r *runtime) tick(records []*schemas.OrderChange, results []machine.Result) []machine.Call {
	r.t.Helper()
	tx := r.decide(records, results)
	r.commit(tx)
	for i := range results {
		delete(r.running, results[i].Call.Key)
	}
	for _, call := range tx.Calls {
		r.start(call)
	}
	return tx.Calls
}

func (r *runtime) decide(records []*schemas.OrderChange, results []machine.Result) *machine.Tx {
	tx := &machine.Tx{Now: r.now}
	for _, change := range records {
		r.machine.Record(tx, &machine.Record{Topic: schemas.OrderChanges, Account: change.Account, Value: change})
	}
	for i := range results {
		r.machine.Result(tx, &results[i])
	}
	r.machine.Draw(tx)
	r.wake = tx.Wake
	return tx
}

func (r *runtime) commit(tx *machine.Tx) {
	r.t.Helper()
	for key, value := range tx.State {
		if value == nil {
			delete(r.state, key)
			continue
		}
		r.state[key] = stored(r.t, value)
	}
	for _, out := range tx.Outputs {
		r.outputs = append(r.outputs, out.Value.(*schemas.Order))
	}
	r.letters = append(r.letters, tx.DeadLetters...)
}

// start checks rules 1 and 2 of the package for a call.
func (r *runtime) start(call machine.Call) {
	r.t.Helper()
	state, ok := r.state[call.Key].(*schemas.OrderState)
	if !ok || !state.Pending {
		r.t.Fatalf("rule 1: call for %s started without a committed wish: %+v", call.Key, state)
	}
	if !slices.Contains(Operations(), call.Operation) {
		r.t.Fatalf("called %s, which is not the processor's own", call.Operation)
	}
	if _, twice := r.running[call.Key]; twice {
		r.t.Fatalf("rule 2: two calls for %s in flight", call.Key)
	}
	r.running[call.Key] = call
	r.started = append(r.started, call)
}

// restart drops the machine and builds one from the committed state, as after
// a crash or a handover: whatever was running is lost.
func (r *runtime) restart() {
	r.t.Helper()
	r.machine = newMachine(r.t)
	r.machine.cfg.V0 = r.v0
	clear(r.running)
	for key, value := range r.state {
		if err := r.machine.Restore(key, stored(r.t, value)); err != nil {
			r.t.Fatal(err)
		}
	}
}

// stored is what a value is after a round trip through the state topic.
func stored(t testing.TB, value any) any {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	fresh := reflect.New(reflect.TypeOf(value).Elem())
	if err := json.Unmarshal(text, fresh.Interface()); err != nil {
		t.Fatal(err)
	}
	return fresh.Interface()
}

func (r *runtime) order(id string) *schemas.OrderState {
	state, _ := r.state[orderKey(testAccount, id)].(*schemas.OrderState)
	return state
}

// amazon is the marketplace that the machine must follow.
type amazon struct {
	versions map[string][]version
	lag      time.Duration            // how late a version shows
	second   bool                     // lastUpdatedTime in whole seconds
	v0       bool                     // asked through Orders v0
	buckets  map[string]*rate.Limiter // its own, by operation
	denied   int                      // 429s that it had to give
}

type version struct {
	at     time.Time
	number int
}

func newAmazon() *amazon {
	return &amazon{versions: map[string][]version{}, buckets: map[string]*rate.Limiter{
		model.GetOrder: rate.NewLimiter(0.5, 30), model.GetOrderV0: rate.NewLimiter(0.5, 30), model.GetOrderItemsV0: rate.NewLimiter(0.5, 30),
	}}
}

func (a *amazon) change(id string, at time.Time) version {
	all := a.versions[id]
	v := version{at: at.Truncate(time.Millisecond), number: len(all) + 1}
	a.versions[id] = append(all, v)
	return v
}

// arrive is a call's arrival at Amazon's door.
func (a *amazon) arrive(operation string, at time.Time) bool {
	if !a.buckets[operation].AllowN(at, 1) {
		a.denied++
		return false
	}
	return true
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
	for i := range a.versions[id] {
		if v := &a.versions[id][i]; !v.at.After(now.Add(-a.lag)) {
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
	return model.Order{
		OrderID: id, CreatedTime: testStart, LastUpdatedTime: updated,
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
		order = *orderOfV0(&head, lines)
	}
	return newEvent(testAccount, originNotification, &order, nil)
}

func orderID(n int) string { return fmt.Sprintf("202-0000000-%07d", n) }

func notified(id, notificationID string, at time.Time) *schemas.OrderChange {
	return &schemas.OrderChange{
		NotificationID: notificationID, NotificationType: "ORDER_CHANGE", Account: testAccount, OrderID: id,
		ChangeType: "OrderStatusChange", ChangeTime: at, EventTime: at, ReceivedTime: at,
	}
}

func doneWith(call machine.Call, order model.Order) machine.Result {
	return machine.Result{Call: call, Outcome: machine.Done{Response: &model.GetOrderResponse{Order: order}}}
}

func callIDs(calls []machine.Call) string {
	var ids []string
	for _, call := range calls {
		ids = append(ids, call.Request.(*model.GetOrderRequest).OrderID)
	}
	return strings.Join(ids, " ")
}

func shuffle[T any](random *rand.Rand, list []T) {
	random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
}
