// Package cancellations cancels orders at Amazon, or lines of them. Its Machine takes what
// upstream services will not fulfil, answers what needs no call by what the topics "orders"
// and "shipment-confirmations" say, sends the rest in feeds (package feedlane), and writes
// one outcome for each record to cancellation-results.
//
// The rules that it keeps, which the property test cites:
//
//  1. Every record of cancellations that is no dead letter has exactly one outcome, and one
//     more for each replay of it.
//  2. An order has one message under way at most, and a feed names it once. Its other
//     cancellations wait for the end of that.
//  3. Quantities are absolute: of a line that is cancelled in part, a later cancellation
//     sends the units that are missing. What is cancelled already is not sent.
//  4. Nothing is sent for an order that is cancelled, shipped or fulfilled by Amazon, nor
//     for lines that are, as far as it is known.
//  5. Numbers of units of a line are not sent again, nor others of it, when the end of a
//     message with them is not known.
package cancellations

import (
	"cmp"
	"fmt"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// Processor is the name of the role.
const Processor = "cancellations"

// Operations are the shares of the operations whose quota the processor has a part of.
func Operations() []string { return model.Shares(model.OrderAcknowledgementFeed) }

// orderPrefix begins the state's keys, except for those of feeds and lanes.
const orderPrefix = "order/"

// sweepBatch bounds the orders that one tick forgets.
const sweepBatch = 1000

// Config is what the processor needs besides its input. A zero value means the default
// where there is one. The durations are on the pipeline's clock, except for Lease.
type Config struct {
	// Accounts is the directory of the moment; it may be replaced while running.
	Accounts func() *account.Directory
	// Limits are the accounts' own; nil for Amazon's defaults.
	Limits quota.Limits
	// WaitForOrder is how long a cancellation waits for its order to come from orders. Then
	// one that names its items is sent without a check. Default 5 minutes.
	WaitForOrder time.Duration
	// Linger is how long a cancellation waits for others before a feed is begun, once
	// createFeed has a token. Default 1 minute.
	Linger time.Duration
	// FeedInterval is the least time from one of the account's feeds to the next. Default none.
	FeedInterval time.Duration
	// MaxMessages bounds a feed. Default 5,000.
	MaxMessages int
	// Patience is for how long a cancellation is tried whose feeds are refused, or end
	// without saying what became of it. Default 6 hours.
	Patience time.Duration

	// As in feedlane.Config.
	Lease, CallTime, ApplyDelay, ShowDelay, CommitTime time.Duration
}

func (c Config) withDefaults() Config {
	c.WaitForOrder = cmp.Or(c.WaitForOrder, 5*time.Minute)
	c.Linger = cmp.Or(c.Linger, time.Minute)
	c.MaxMessages = cmp.Or(c.MaxMessages, 5000)
	c.Patience = cmp.Or(c.Patience, 6*time.Hour)
	return c
}

// Machine is the logic of one unit.
type Machine struct {
	cfg     Config
	feeds   *feeds
	orders  map[string]*order   // by state key
	holds   lane.Queue          // those whose cancellation waits for a time
	idle    lane.Queue          // those without one, by when they are forgotten
	open    map[*order]struct{} // orders with a cancellation
	working map[string]int      // how many of them an account has
	started bool
}

// New makes the machine of one unit, without state.
func New(cfg Config) *Machine {
	m := &Machine{cfg: cfg.withDefaults(), orders: make(map[string]*order), open: make(map[*order]struct{}), working: make(map[string]int)}
	m.feeds = m.newFeeds()
	return m
}

// Restore takes an entry of the committed state.
func (m *Machine) Restore(key string, value any) error { return m.RestoreAged(key, value, 0) }

// RestoreAged takes an entry of the committed state that is of an age.
func (m *Machine) RestoreAged(key string, value any, age time.Duration) error {
	switch state := value.(type) {
	case *schemas.QuotaState, *schemas.LaneState:
		for _, calls := range m.feeds.Calls() {
			if calls.Restore(state) {
				return nil
			}
		}
		return fmt.Errorf("cancellations: state %s is of an operation that is not ours: %w", key, schemas.ErrUnknownKind)
	case *schemas.FeedLaneState:
		return m.feeds.Restore(key, state, age)
	case *schemas.CancellationState:
		if key != orderKey(state.Account, state.OrderID) {
			return fmt.Errorf("cancellations: state %s is about order %s of account %s", key, state.OrderID, state.Account)
		}
		m.orders[key] = newOrder(state)
		return nil
	}
	return fmt.Errorf("cancellations: state %s is a %T: %w", key, value, schemas.ErrUnknownKind)
}

// start puts what was restored to work, at the first moment that has a time.
func (m *Machine) start(tx *machine.Tx) {
	if m.started {
		return
	}
	m.started = true
	for _, o := range m.orders {
		m.resume(tx, o)
	}
	m.feeds.Start(tx)
}

// Record takes a cancellation, an order, a package that was confirmed, or what became of a
// feed.
func (m *Machine) Record(tx *machine.Tx, rec *machine.Record) {
	m.start(tx)
	find := m.cfg.Accounts().ByID
	switch value := rec.Value.(type) {
	case *schemas.Cancellation:
		if a, ok := machine.AccountOf(tx, rec, value.Account, find); ok {
			m.cancellation(tx, rec, a, value)
		}
	case *schemas.Order:
		if _, ok := machine.AccountOf(tx, rec, value.Account, find); ok {
			m.known(tx, rec, value)
		}
	case *schemas.ShipmentConfirmation:
		if _, ok := machine.AccountOf(tx, rec, value.Account, find); ok {
			m.confirmed(tx, value)
		}
	case *schemas.FeedIssues:
		if tx.Keyed(rec, value.Account) {
			m.feeds.Issues(tx, value)
		}
	case *schemas.FeedResult:
		if tx.Keyed(rec, value.Account) {
			m.feeds.Ended(tx, value)
		}
	default:
		tx.Unexpected(rec, "a Cancellation, an Order, a ShipmentConfirmation, a FeedIssues or a FeedResult")
	}
}

// Result takes the outcome of a call.
func (m *Machine) Result(tx *machine.Tx, res *machine.Result) {
	m.start(tx)
	m.feeds.Result(tx, res)
}

// Draw starts the calls that quota and time allow, and forgets old orders.
func (m *Machine) Draw(tx *machine.Tx) {
	m.start(tx)
	for item := m.holds.Pop(tx.Now); item != nil; item = m.holds.Pop(tx.Now) {
		m.settle(tx, m.orders[item.Key])
	}
	m.feeds.Draw(tx)
	for range sweepBatch {
		item := m.idle.Pop(tx.Now)
		if item == nil {
			break
		}
		delete(m.orders, item.Key)
		tx.Delete(item.Key)
	}
	for _, q := range []*lane.Queue{&m.holds, &m.idle} {
		if next := q.Due(); !next.IsZero() {
			tx.WakeAt(next)
		}
	}
}

// Changed takes accounts that may be mended.
func (m *Machine) Changed(tx *machine.Tx, accounts []string) {
	m.start(tx)
	changed := make(map[string]bool, len(accounts))
	for _, account := range accounts {
		changed[account] = true
		for _, calls := range m.feeds.Calls() {
			calls.Changed(tx, account)
		}
		m.feeds.Changed(tx, account)
	}
	for _, o := range m.orders {
		if changed[o.Account] && o.place == inHold { // its account may be configured again
			m.settle(tx, o)
		}
	}
}

// Pending is how many orders have a cancellation. Those of parked accounts, and those that
// wait for a time, are counted apart.
func (m *Machine) Pending() int {
	apart := m.holds.Len()
	for account, n := range m.working {
		for _, calls := range m.feeds.Calls() {
			if calls.Parked(account) {
				apart += n
				break
			}
		}
	}
	apart = min(apart, len(m.open))
	return lane.Apart(len(m.open)-apart, apart)
}

// Held is how many orders have a cancellation, whether it may go on or not.
func (m *Machine) Held() int { return len(m.open) }

func orderKey(account, orderID string) string { return orderPrefix + account + "/" + orderID }
