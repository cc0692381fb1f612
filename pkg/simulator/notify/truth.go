package notify

import (
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/world"
)

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
