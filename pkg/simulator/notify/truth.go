package notify

import (
	"sync"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/world"
)

// Truth is what really happened: the state in which the orders of scenarios are
// now, and how many messages said so.
type Truth struct {
	Notifications int                   `json:"notifications"` // messages sent, of every kind
	Duplicates    int                   `json:"duplicates"`    // of those, copies of an earlier one
	Reordered     int                   `json:"reordered"`     // of those, sent after a newer one of the same order
	Dropped       int                   `json:"dropped"`       // not of those: changes whose notification was never sent
	Forged        int                   `json:"forged"`        // of those, about orders that do not exist
	Poison        int                   `json:"poison"`        // of those, unreadable or of an unknown seller
	Orders        map[string]OrderTruth `json:"orders"`        // the orders that were notified, or should have been, by order id
}

// OrderTruth is the present state of an order.
type OrderTruth struct {
	Account         string       `json:"account"`
	SellerID        string       `json:"sellerId"`
	Status          world.Status `json:"status"`
	LastUpdatedTime time.Time    `json:"lastUpdatedTime"`
	NotifiedTime    time.Time    `json:"notifiedTime"`          // LastUpdatedTime of the newest state that was notified; zero if none was
	SellerShips     bool         `json:"sellerShips,omitempty"` // the marketplace leaves it to the seller to ship it
}

// truthLog counts what was sent.
type truthLog struct {
	mu     sync.Mutex
	counts Truth                 // without its orders
	newest map[string]orderSends // by order id
}

type orderSends struct {
	account *world.Account
	newest  time.Time // the newest state that was notified; zero if none was
}

func (t *truthLog) notified(a *world.Account, orderID string, updated time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Notifications++
	last := t.newest[orderID].newest
	if updated.After(last) {
		t.newest[orderID] = orderSends{a, updated}
	} else if updated.Before(last) {
		t.counts.Reordered++
	}
}

// Count changes what is counted.
func (n *Notifier) Count(count func(*Truth)) {
	n.truth.mu.Lock()
	defer n.truth.mu.Unlock()
	count(&n.truth.counts)
}

// Drop takes note of a change that no notification reports.
func (n *Notifier) Drop(c world.Change) {
	n.truth.mu.Lock()
	defer n.truth.mu.Unlock()
	n.truth.counts.Dropped++
	if _, known := n.truth.newest[c.Order.OrderID]; !known {
		n.truth.newest[c.Order.OrderID] = orderSends{account: c.Account}
	}
}

// Counts is the truth without its orders, which is cheap to ask for.
func (n *Notifier) Counts() (counts Truth, distinct int) {
	n.truth.mu.Lock()
	defer n.truth.mu.Unlock()
	return n.truth.counts, len(n.truth.newest)
}

// Truth is the state of everything notified so far, or dropped.
func (n *Notifier) Truth() Truth {
	n.truth.mu.Lock()
	truth := n.truth.counts
	truth.Orders = make(map[string]OrderTruth, len(n.truth.newest))
	for id, sent := range n.truth.newest {
		truth.Orders[id] = OrderTruth{Account: sent.account.ID, SellerID: sent.account.SellerID, NotifiedTime: sent.newest}
	}
	n.truth.mu.Unlock()
	for id, o := range truth.Orders {
		if order, ok := n.world.Order(id); ok {
			o.Status, o.LastUpdatedTime = order.Status(), time.Time(order.LastUpdatedTime)
			o.SellerShips = order.SellerShips
			truth.Orders[id] = o
		}
	}
	return truth
}
