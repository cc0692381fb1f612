// Package orders turns notifications of order changes into orders. Its Machine
// remembers which orders are to be fetched, draws getOrder calls from that
// under each account's quota, and writes an order to the topic "orders" when
// what Amazon answers is new.
//
// The rules that it keeps, which the property test cites:
//
//  1. Every call was preceded by the committed wish for it (OrderState.pending).
//  2. At most one call per order is in flight.
//  3. Any number of changes that arrive before an order's call starts cost one
//     call; any number that arrive during it cost one more. With Orders v0 a
//     call is a getOrder and what items it takes.
//  4. What was emitted last is, once nothing is pending, Amazon's newest state.
//  5. The same state of an order has the same event id, for ever.
//
// urgency.go says whose order is fetched first.
//
// A replayed change has its order fetched again, behind what notifications asked
// for, however old the change is. What Amazon says is emitted if it is not what
// was emitted last; where only our reading of the same state has changed, the
// event names the one that it replaces.
package orders

import (
	"cmp"
	"fmt"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/commands"
	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/orders/ordersv0"
	"github.com/sellerstream/sellerstream/schemas"
)

// Processor is the name of the role.
const Processor = "orders"

// Operations are the operations whose quota the processor owns.
func Operations() []string {
	return append([]string{model.GetOrder, model.SearchOrders}, ordersv0.Operations()...)
}

// ReceivedAt is the header of an order that notifications led to: when the
// oldest of them entered our queue, in Unix milliseconds.
const ReceivedAt = "received-at"

// orderPrefix begins the state's keys, except for those of the lanes.
const orderPrefix = "order/"

const (
	// retryBase and retryLimit bound the wait after a failed call.
	retryBase  = 2 * time.Second
	retryLimit = 5 * time.Minute

	// staleBase and staleLimit bound the wait after an answer older than the
	// change that was notified: Amazon's reads lag, usually by seconds.
	staleBase  = 2 * time.Second
	staleLimit = 30 * time.Second
	// maxStale is how many such answers are not believed.
	maxStale = 3

	// missingBase and missingLimit bound the wait after "no such order", which
	// is not believed maxStale times either; then it is, for missingFor.
	missingBase  = 20 * time.Second
	missingLimit = 2 * time.Minute
	missingFor   = time.Hour

	// maxLate is how many more answers are asked for, lateWait apart, when
	// reads lag longer than that: a queue of Amazon's can stand for minutes.
	maxLate  = 6
	lateWait = 5 * time.Minute

	// keepIdle is how long an order without work is remembered. It is as long
	// as a notification can stay in the input topic.
	keepIdle = 7 * 24 * time.Hour
	// sweepBatch bounds the deletions of one tick.
	sweepBatch = 1000

	// restoredDue is when what was pending is due: at once, also where the clock of the
	// owner before us was ahead of ours.
	restoredDue = millis(1)
)

// Config is what the processor needs besides its input.
type Config struct {
	// Accounts is the directory of the moment; it may be replaced while running.
	Accounts func() *account.Directory
	// IncludedData is what getOrder asks for; see model.IncludeFulfillment.
	IncludedData []string
	// V0 is whether orders are fetched with Orders v0, until Amazon ends it.
	V0 bool
	// Excluded reports whether another service manages a SKU of an account at this
	// moment: lines of it are marked. nil excludes none. A change of what it says
	// has no order fetched again; one that is fetched for another reason, and has
	// other marks than before, is emitted again.
	Excluded func(account, sku string) bool
	// Limits are the accounts' own; nil for Amazon's defaults.
	Limits quota.Limits
	// Retention is how long after its delivery an order's buyer data can be read,
	// for the accounts that have it on.
	Retention time.Duration
	// Mine reports whether an account is the unit's own. nil: all are.
	Mine func(account string) bool
	// Patience is for how long an order that Amazon refuses is tried again before it
	// is given up; 0 for 24 hours.
	Patience time.Duration
	// Reconcile is how what no notification brought is searched for.
	Reconcile Reconcile
	// Silence is how many minutes with a notification were to be expected in a
	// silence that is reported, at least; 0 for no alerts.
	Silence float64
}

// Machine is the logic of one unit.
type Machine struct {
	cfg    Config
	orders map[string]*order // by state key
	lanes  *lane.Lanes       // orders to fetch
	v0     ordersv0.Lanes    // orders to fetch with Orders v0
	idle   lane.Queue        // the others, by when they are forgotten
	buyers buyerKeys

	reconciler reconciler         // what is searched for
	parts      []includedPart     // that answers are looked through for
	watch      watch              // how notifications come
	directory  *account.Directory // that they follow

	waiting map[string]*refusedOrders // by account

	gates   map[string]*gate // of unproven orders, by account
	atGates int              // how many wait there
}

// New makes the machine of one unit, without state.
func New(cfg Config) *Machine {
	cfg.Patience = cmp.Or(cfg.Patience, defaultPatience)
	m := &Machine{
		cfg: cfg, orders: make(map[string]*order), buyers: newBuyerKeys(),
		waiting: make(map[string]*refusedOrders), gates: make(map[string]*gate),
	}
	open := func(operation string) *lane.Lanes {
		return lane.New(operation, cfg.Limits.Of).In(Processor, commands.Doctor).Share(fairShare)
	}
	m.lanes, m.v0 = open(model.GetOrder), ordersv0.NewLanes(open)
	m.reconciler, m.parts = newReconciler(cfg.Reconcile, cfg.Limits), partsOf(&m.cfg)
	m.watch = newWatch(cfg.Silence)
	return m
}

// Restore takes an entry of the committed state.
func (m *Machine) Restore(key string, value any) error {
	switch state := value.(type) {
	case *schemas.QuotaState, *schemas.LaneState:
		if !m.lanes.Restore(state) && !m.v0.Restore(state) && !m.reconciler.lanes.Restore(state) {
			return fmt.Errorf("orders: state %s is of an operation that is not ours: %w", key, schemas.ErrUnknownKind)
		}
	case *schemas.BuyerKey:
		return m.buyers.restore(key, state)
	case *schemas.OrderState:
		if key != orderKey(state.Account, state.OrderID) {
			return fmt.Errorf("orders: state %s is about order %s of account %s", key, state.OrderID, state.Account)
		}
		o := restored(key, state)
		m.orders[key] = o
		if o.refusedLong(o.touched) {
			w := m.noteRefused(o)
			w.told = len(w.keys)
		}
		m.lanes.Known(o.account)
		m.v0.Known(o.account)
		m.settle(o, restoredDue)
	case *schemas.SearchState:
		if key != searchPrefix+state.Account {
			return fmt.Errorf("orders: state %s is about account %s", key, state.Account)
		}
		m.restoreSearch(state)
	case *schemas.BackfillState:
		if key != backfillPrefix+state.Account {
			return fmt.Errorf("orders: state %s is about account %s", key, state.Account)
		}
		m.reconciler.addBackfill(state)
		m.reconciler.lanes.Known(state.Account)
	case *schemas.NotificationPace:
		if key != pacePrefix+state.Account {
			return fmt.Errorf("orders: state %s is about account %s", key, state.Account)
		}
		m.watch.restore(state)
	default:
		return fmt.Errorf("orders: state %s is a %T: %w", key, value, schemas.ErrUnknownKind)
	}
	return nil
}

// Record takes a notified change, or what else asks for orders.
func (m *Machine) Record(tx *machine.Tx, rec *machine.Record) {
	switch value := rec.Value.(type) {
	case *schemas.OrderChange:
		m.changed(tx, rec, value)
	case *schemas.Backfill:
		m.backfillAsked(tx, rec, value)
	case *schemas.OrderLook:
		m.lookAsked(tx, rec, value)
	default:
		tx.Unexpected(rec, "an OrderChange, a Backfill or an OrderLook")
	}
}

// changed takes a notified change.
func (m *Machine) changed(tx *machine.Tx, rec *machine.Record, change *schemas.OrderChange) {
	if _, ok := machine.AccountOf(tx, rec, change.Account, m.cfg.Accounts().ByID); !ok {
		return
	}
	if err := model.CheckOrderID(change.OrderID); err != nil {
		tx.Reject(rec, "invalid_order_id", err.Error())
		return
	}
	key := orderKey(rec.Account, change.OrderID)
	o := m.orders[key]
	if o == nil {
		o = newOrder(key, rec.Account)
		m.orders[key] = o
	}
	wasPending, was := o.pending, o.laneTurn(0)
	if rec.Replay != nil {
		if o.again(tx.Now) {
			m.save(tx, o)
			m.settle(o, o.pendingSince)
		}
		return
	}
	// A notification of an order that Amazon has not shown may be forged: it is
	// heard when that order is shown.
	if o.emitted != 0 && change.ChangeType != schemas.RetryChange {
		m.watch.heard(tx, rec.Account, change.ReceivedTime)
	}
	if !o.note(change, tx.Now) {
		return
	}
	m.save(tx, o)
	switch {
	case !wasPending:
		m.settle(o, o.pendingSince)
	case o.part != nil && !o.InFlight(): // what is half fetched is old now
		m.lane(o).Remove(o.account, &o.Item)
		o.part = nil
		m.settle(o, o.pendingSince)
	case o.laneTurn(0) != was && !o.InFlight(): // it need not wait as long
		m.queue(o, o.pendingSince)
	}
	m.hurrySearch(o.account, tx.Now)
}

// Draw starts the calls that quota allows, and forgets old orders.
func (m *Machine) Draw(tx *machine.Tx) {
	m.follow(tx)
	m.admit(tx)
	m.lanes.Draw(tx, func(item *lane.Item) {
		o := m.orders[item.Key]
		tx.Call(machine.Call{
			Account:   o.account,
			Operation: model.GetOrder,
			Key:       item.Key,
			Request:   m.request(tx, o, &model.GetOrderRequest{OrderID: o.id(), IncludedData: m.cfg.IncludedData}),
		})
		m.started(tx, o)
	})
	m.drawV0(tx)
	m.drawSearches(tx)
	m.watch.draw(tx, m.nothingToNotify)
	m.buyers.expire(tx)
	m.sweep(tx)
}

// follow searches and watches the configured accounts.
func (m *Machine) follow(tx *machine.Tx) {
	directory := m.cfg.Accounts()
	if directory == m.directory {
		return
	}
	m.directory = directory
	mine := m.cfg.Mine
	if mine == nil {
		mine = func(string) bool { return true }
	}
	m.followSearches(tx, directory, mine)
	m.watch.follow(directory, mine, tx)
}

// sweep forgets orders that have been idle for long.
func (m *Machine) sweep(tx *machine.Tx) {
	for range sweepBatch {
		item := m.idle.Pop(tx.Now)
		if item == nil {
			break
		}
		delete(m.orders, item.Key)
		tx.Delete(item.Key)
	}
	if next := m.idle.Due(); !next.IsZero() {
		tx.WakeAt(next)
	}
}

// Pending is how many orders are to be fetched because of a record. No intake has
// to pause for what searches find: they are slow themselves, and notifications
// that wait in our topic would look like none. Nor for what waits at gates, which has
// a bound of its own, unless there are no searches to find what that lets go.
func (m *Machine) Pending() int {
	pending := m.lanes.Pending() + m.v0.Pending()
	if m.cfg.Reconcile.Every == 0 {
		pending += m.atGates
	}
	return pending
}

// Held is how many orders are to be fetched, whatever for.
func (m *Machine) Held() int { return m.lanes.Held() + m.v0.Held() }

// lane is where an order's next call waits for its turn, or the call that is in
// flight did.
func (m *Machine) lane(o *order) *lane.Lanes {
	if m.cfg.V0 {
		return m.v0.Of(o.fetchedV0())
	}
	return m.lanes
}

// settle puts an order that is neither in its lane nor in flight where it
// belongs: into the lane, in its turn, or among the idle.
func (m *Machine) settle(o *order, turn millis) {
	m.leaveGate(o)
	if o.pending {
		m.idle.Remove(&o.Item)
		m.queue(o, turn)
		return
	}
	m.idle.Add(&o.Item, o.forgetAt().time())
}

// queue puts an order that is pending and not in flight into its lane, in its
// turn, or moves it there.
func (m *Machine) queue(o *order, turn millis) {
	if !o.letThrough() {
		m.leaveGate(o)
		if o.unproven() {
			m.lane(o).Remove(o.account, &o.Item) // where it was as long as a notification did not ask for it
			m.hold(o)
			return
		}
	}
	m.lane(o).AddTurn(o.account, &o.Item, o.laneTurn(turn))
}

func (m *Machine) save(tx *machine.Tx, o *order) {
	o.touched = millisOf(tx.Now)
	tx.Put(o.Key, o.state())
}

func orderKey(account, orderID string) string { return orderPrefix + account + "/" + orderID }
