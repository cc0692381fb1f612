package simulator

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
)

// World is the marketplace: the orders of every seller, and their past as far
// as Config.ReadLag lets callers see it.
type World struct {
	mu       sync.Mutex
	clock    clock.Clock
	random   *rand.Rand
	readLag  time.Duration
	accounts map[string]*Account
	orders   map[string]*history
	placed   map[string][]*history // account → its orders, oldest first

	confirmed map[string][]*Shipment // order id → its confirmed packages
	shipments []*Shipment            // all of them, oldest first
	next      int64                  // makes order ids

	places   map[string]marketplace
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

func newWorld(c *Config) *World {
	w := &World{
		clock:    c.Clock,
		random:   rand.New(rand.NewPCG(c.Seed, worldStream)),
		readLag:  c.ReadLag,
		accounts: make(map[string]*Account),
		orders:   make(map[string]*history),
		placed:   make(map[string][]*history),

		confirmed: make(map[string][]*Shipment),

		places:   marketplaces(),
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

// PlaceOrder makes a buyer order something from a seller. Most new orders are
// UNSHIPPED, some still PENDING.
func (w *World) PlaceOrder(accountID string) (Change, error) { return w.placeOrder(accountID, false) }

func (w *World) placeOrder(accountID string, sellerShips bool) (Change, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.accounts[accountID]
	if a == nil {
		return Change{}, fmt.Errorf("no account is named %q", accountID)
	}
	w.next++
	order := w.newOrder(a, w.clock.Now())
	order.SellerShips = sellerShips
	h := &history{account: a, versions: []Order{order}}
	w.orders[order.OrderID] = h
	w.placed[accountID] = append(w.placed[accountID], h)
	return statusChange(h), nil
}

// Change takes an order one step on: PENDING becomes UNSHIPPED, UNSHIPPED
// becomes PARTIALLY_SHIPPED, SHIPPED or CANCELLED, PARTIALLY_SHIPPED becomes
// SHIPPED. A SHIPPED or CANCELLED order only gets a new time, and so does an
// UNSHIPPED or PARTIALLY_SHIPPED one that its seller ships.
func (w *World) Change(orderID string) (Change, error) {
	return w.update(orderID, func(o *Order, now time.Time) {
		status := w.nextStatus(o)
		if status != o.Status() {
			w.setStatus(o, status, now)
		}
	}, statusChange)
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
	next.LastUpdatedTime = timestamp(now)
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
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.orders[orderID]
	if h == nil {
		return Order{}, false
	}
	return *h.latest(), true
}

// visible is what a seller is shown of an order of its own.
func (w *World) visible(accountID, orderID string, now time.Time) (Order, bool) {
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

// search lists a seller's orders that match and come after the place of the
// page before, by the time searched for.
func (w *World) search(accountID string, wanted *search, after place, now time.Time) []Order {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []Order
	for _, h := range w.placed[accountID] {
		if o, ok := w.shown(h, now); ok && wanted.match(&o) && wanted.place(&o).compare(after) > 0 {
			found = append(found, o)
		}
	}
	slices.SortStableFunc(found, func(a, b Order) int {
		return wanted.place(&a).compare(wanted.place(&b))
	})
	return found
}

// place is where an order stands in a search: by time, then by id. An order that
// changes meanwhile moves, and moves no other one.
type place struct {
	time time.Time
	id   string
}

func (p place) compare(q place) int { return cmp.Or(p.time.Compare(q.time), cmp.Compare(p.id, q.id)) }

func (w *search) place(o *Order) place { return place{w.timeOf(o), o.OrderID} }

func (w *search) timeOf(o *Order) time.Time {
	if w.byCreation {
		return time.Time(o.CreatedTime)
	}
	return time.Time(o.LastUpdatedTime)
}

func (w *search) match(o *Order) bool {
	t := w.timeOf(o)
	return !t.Before(w.after) && !t.After(w.before) &&
		among(w.statuses, string(o.Status())) &&
		among(w.marketplaces, o.SalesChannel.MarketplaceID) &&
		among(w.fulfilledBy, o.Fulfillment.FulfilledBy)
}

// among reports whether a filter lets a value through; an empty filter lets all.
func among(filter map[string]bool, value string) bool {
	return len(filter) == 0 || filter[value]
}
