package world

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/simulator/wire"
)

// World is the marketplace: the orders of every seller, and their past as far
// as Config.ReadLag lets callers see it.
type World struct {
	mu       sync.Mutex
	clock    clock.Clock
	random   *rand.Rand
	readLag  time.Duration
	sellers  []Account
	accounts map[string]*Account // the same, by id
	orders   map[string]*history
	placed   map[string][]*history // account → its orders, oldest first

	confirmed map[string][]*Shipment // order id → its confirmed packages
	shipments []*Shipment            // all of them, oldest first
	next      int64                  // makes order ids
	sell      func(*Account, Order)  // hears of each order that is placed; may be nil

	places   map[string]Marketplace
	products []product
	buyers   []string
	mark     string // see Config.BuyerMark
	carriers []string
}

// history is an order and its earlier versions, oldest first. Versions are
// never changed, only added.
type history struct {
	account  *Account
	versions []Order
}

func (h *history) latest() *Order { return &h.versions[len(h.versions)-1] }

// at is the newest version that shows at a time, or nil.
func (h *history) at(t time.Time) *Order {
	for i := len(h.versions) - 1; i >= 0; i-- {
		if !time.Time(h.versions[i].LastUpdatedTime).After(t) {
			return &h.versions[i]
		}
	}
	return nil
}

// Change is something that happened to an order, as a notification tells it.
type Change struct {
	Account *Account
	Type    string     // OrderChangeType: OrderStatusChange or BuyerRequestedChange
	Reason  string     // ChangeReason
	Time    *time.Time // TimeOfOrderChange; nil where Amazon gives none
	Order   Order      // the order after the change
}

// Config describes a marketplace.
type Config struct {
	Accounts  []Account
	Clock     clock.Clock
	Random    *rand.Rand
	ReadLag   time.Duration // how late a changed order shows
	BuyerMark string        // begins whatever is a buyer's
}

// New makes a marketplace without orders.
func New(c Config) *World {
	w := &World{
		clock:    c.Clock,
		random:   c.Random,
		readLag:  c.ReadLag,
		sellers:  c.Accounts,
		accounts: make(map[string]*Account),
		orders:   make(map[string]*history),
		placed:   make(map[string][]*history),

		confirmed: make(map[string][]*Shipment),

		places:   Marketplaces(),
		products: products(),
		buyers:   buyerNames(),
		mark:     c.BuyerMark,
		carriers: carriers(),
	}
	for i := range c.Accounts {
		w.accounts[c.Accounts[i].ID] = &c.Accounts[i]
	}
	return w
}

// OnPlaced has somebody hear of each order as it is placed. It is to be called once, and
// what it sets must not ask the marketplace anything.
func (w *World) OnPlaced(sell func(*Account, Order)) { w.sell = sell }

// Accounts lists the sellers.
func (w *World) Accounts() []Account { return w.sellers }

// Account finds a seller by our name of it.
func (w *World) Account(id string) (*Account, error) {
	a := w.accounts[id]
	if a == nil {
		return nil, fmt.Errorf("no account is named %q", id)
	}
	return a, nil
}

// Seller finds the first account of a seller, or returns nil.
func (w *World) Seller(key SellerKey) *Account {
	for i := range w.sellers {
		if w.sellers[i].Key() == key {
			return &w.sellers[i]
		}
	}
	return nil
}

// RequestCancel records that the buyer asks to cancel. Its notification has no
// time, as Amazon's can.
func (w *World) RequestCancel(orderID string) (Change, error) {
	return w.update(orderID, func(o *Order, _ time.Time) {
		for i := range o.Items {
			o.Items[i].Cancellation = &itemCancellation{
				Request: &cancellationRequest{Requester: "BUYER", Reason: "No longer needed"},
			}
		}
	}, func(h *history) Change {
		return Change{Account: h.account, Type: "BuyerRequestedChange", Reason: "Buyer Requested Cancel", Order: *h.latest()}
	})
}

func statusChange(h *history) Change {
	latest := h.latest()
	at := time.Time(latest.LastUpdatedTime)
	return Change{Account: h.account, Type: "OrderStatusChange", Reason: "Order Status Change", Time: &at, Order: *latest}
}

func (w *World) update(orderID string, change func(*Order, time.Time), tell func(*history) Change) (Change, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.orders[orderID]
	if h == nil {
		return Change{}, fmt.Errorf("no order %s", orderID)
	}
	w.amend(h, change)
	return tell(h), nil
}

// amend adds a version to an order. Its time is later than the one before, even
// if the clock has not moved.
func (w *World) amend(h *history, change func(*Order, time.Time)) {
	now := w.clock.Now().Truncate(time.Millisecond)
	if last := time.Time(h.latest().LastUpdatedTime); !now.After(last) {
		now = last.Add(time.Millisecond)
	}
	next := *h.latest()
	next.Items = slices.Clone(next.Items)
	next.LastUpdatedTime = wire.Time(now)
	change(&next, now)
	h.versions = append(h.versions, next)
	w.forget(h)
}

// forget drops the versions that nobody can be shown any more.
func (w *World) forget(h *history) {
	horizon := w.clock.Now().Add(-w.readLag)
	for len(h.versions) > 1 && !time.Time(h.versions[1].LastUpdatedTime).After(horizon) {
		h.versions = h.versions[1:]
	}
}

// Order is the present state of an order, whatever callers are shown.
func (w *World) Order(orderID string) (Order, bool) {
	_, order, ok := w.Owned(orderID)
	return order, ok
}

// Owned is like Order, and names the seller.
func (w *World) Owned(orderID string) (*Account, Order, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.orders[orderID]
	if h == nil {
		return nil, Order{}, false
	}
	return h.account, *h.latest(), true
}

// Visible is what a seller is shown of an order of its own.
func (w *World) Visible(accountID, orderID string, now time.Time) (Order, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.orders[orderID]
	if h == nil || h.account.ID != accountID {
		return Order{}, false
	}
	return w.shown(h, now)
}

// shown is the version that a caller sees. Without a lag it is the newest one,
// whose time can be a few milliseconds ahead of the clock (see update).
func (w *World) shown(h *history, now time.Time) (Order, bool) {
	if w.readLag == 0 {
		return *h.latest(), true
	}
	if o := h.at(now.Add(-w.readLag)); o != nil {
		return *o, true
	}
	return Order{}, false
}

// Shown lists what a seller is shown of its orders, as far as it is wanted,
// oldest first.
func (w *World) Shown(accountID string, now time.Time, wanted func(*Order) bool) []Order {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []Order
	for _, h := range w.placed[accountID] {
		if o, ok := w.shown(h, now); ok && wanted(&o) {
			found = append(found, o)
		}
	}
	return found
}
