package notify

import (
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/world"
)

// Notify sends a change's notification to its seller's queue and remembers that
// the order was notified.
func (n *Notifier) Notify(c world.Change) { n.Deliver(c, n.Notification(c)) }

// Deliver puts a notification into the queues that it belongs to. What goes
// nowhere was not notified.
func (n *Notifier) Deliver(c world.Change, body []byte) {
	wanted := func(sub *Subscription) bool { return sub.wants(c, body) }
	if n.send(c.Account, OrderChange, wanted, body) {
		n.truth.notified(c.Account, c.Order.OrderID, time.Time(c.Order.LastUpdatedTime))
	}
}

// send puts a seller's notification of one type into the queues that it
// belongs to, and reports whether there is any.
func (n *Notifier) send(a *world.Account, kind string, wanted func(*Subscription) bool, body []byte) bool {
	names := []string{a.Queue}
	if n.config.SubscribedOnly {
		names = n.queuesOf(a, kind, wanted)
	}
	sent := false
	for _, name := range names {
		if n.queues.Send(name, string(body)) == nil { // a queue may be gone
			sent = true
		}
	}
	return sent
}
