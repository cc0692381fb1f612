package notify

import (
	"sync"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/simulator/chance"
	"github.com/sellerstream/sellerstream/pkg/simulator/sqs"
	"github.com/sellerstream/sellerstream/pkg/simulator/world"
)

// Notifier sends notifications into queues.
type Notifier struct {
	world          *world.World
	queues         *sqs.Queues
	clock          clock.Clock
	ids            *chance.IDs
	subscribedOnly bool
	truth          truthLog

	mu            sync.Mutex
	destinations  []*Destination  // oldest first
	subscriptions []*Subscription // oldest first
}

// New makes a notifier that has sent nothing. subscribedOnly sends where
// subscriptions say, and otherwise to the account's queue.
func New(w *world.World, queues *sqs.Queues, c clock.Clock, ids *chance.IDs, subscribedOnly bool) *Notifier {
	return &Notifier{
		world: w, queues: queues, clock: c, ids: ids, subscribedOnly: subscribedOnly,
		truth: truthLog{newest: make(map[string]orderSends)},
	}
}

// Notify sends a change's notification to its seller's queue and remembers that
// the order was notified.
func (n *Notifier) Notify(c world.Change) { n.Deliver(c, n.Notification(c)) }

// Deliver puts a notification into the queues that it belongs to. What goes
// nowhere was not notified.
func (n *Notifier) Deliver(c world.Change, body []byte) {
	wanted := func(sub *Subscription) bool { return sub.wants(c) }
	if n.send(c.Account, OrderChange, wanted, body) {
		n.truth.notified(c.Account, c.Order.OrderID, time.Time(c.Order.LastUpdatedTime))
	}
}

// send puts a seller's notification of one type into the queues that it
// belongs to, and reports whether there is any.
func (n *Notifier) send(a *world.Account, kind string, wanted func(*Subscription) bool, body []byte) bool {
	names := []string{a.Queue}
	if n.subscribedOnly {
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
