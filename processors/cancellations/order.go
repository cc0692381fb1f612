package cancellations

import (
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	// keepOrders is how long an order is remembered after something was last written about
	// it: as long as a cancellation can stay in its topic. keepDone is the same for one
	// that is shipped or cancelled, and not by us.
	keepOrders = 30 * 24 * time.Hour
	keepDone   = 3 * 24 * time.Hour
	// unconfigured is the wait for the account of a cancellation that has no marketplace,
	// neither its own nor its order's.
	unconfigured = 5 * time.Minute
	// maxLines bounds what is remembered of an order's lines, so that its entry fits a
	// record. What Amazon is not told to leave alone by us, it checks itself.
	maxLines = 2000
)

// Statuses of an order, as Amazon writes them.
const (
	statusPending    = "PENDING"
	statusUnreleased = "PENDING_AVAILABILITY"
	statusShipped    = "SHIPPED"
	statusCancelled  = "CANCELLED"
)

// place is where an order is queued.
type place byte

const (
	nowhere place = iota // its message is under way
	inLane               // of its account's next feed
	inHold               // Machine.holds
	inIdle               // Machine.idle
)

// order is an order's entry with its place in the queues.
type order struct {
	lane.Item
	*schemas.CancellationState
	place  place
	lane   *feedLane // with inLane
	making bool      // whether a document that is being made has the first of Waiting
}

func newOrder(state *schemas.CancellationState) *order {
	return &order{Item: lane.Item{Key: orderKey(state.Account, state.OrderID)}, CancellationState: state}
}

// next is the cancellation that has to go on; nil for none.
func (o *order) next() *schemas.PendingCancellation {
	if len(o.Waiting) == 0 {
		return nil
	}
	return &o.Waiting[0]
}

// line finds a line of the order by its id; nil for none.
func (o *order) line(id string) *schemas.CancelLine {
	if i := slices.IndexFunc(o.Lines, func(l schemas.CancelLine) bool { return l.OrderItemID == id }); i >= 0 {
		return &o.Lines[i]
	}
	return nil
}

// doneOf is what was cancelled of a line: so many units, or all of it.
func (o *order) doneOf(id string) (units int32, all bool) {
	for _, item := range o.Done {
		if item.OrderItemID == id {
			return item.Quantity, item.Quantity == 0
		}
	}
	return 0, false
}

// did notes that a feed of a time has cancelled units of a line, 0 for all.
func (o *order) did(id string, units int32, at time.Time) {
	if done, all := o.doneOf(id); units > done && !all && !o.OrderTime.After(at) {
		if line := o.line(id); line != nil {
			line.Unshown += units - done
		}
	}
	for i := range o.Done {
		if done := &o.Done[i]; done.OrderItemID == id {
			if units == 0 || done.Quantity != 0 && done.Quantity < units {
				done.Quantity = units
			}
			return
		}
	}
	o.Done = append(o.Done, schemas.CancelItem{OrderItemID: id, Quantity: units})
}

// known takes an order as Amazon has it, unless something newer is known of it. Of orders
// that Amazon fulfils only those are kept that somebody wants to cancel.
func (m *Machine) known(tx *machine.Tx, rec *machine.Record, given *schemas.Order) {
	if err := model.CheckOrderID(given.OrderID); err != nil {
		tx.Reject(rec, "invalid_order_id", err.Error())
		return
	}
	o := m.orders[orderKey(given.Account, given.OrderID)]
	switch {
	case o == nil && given.FulfilledBy == "AMAZON":
		return
	case o == nil:
		o = m.add(given.Account, given.OrderID)
	case given.LastUpdatedTime.Before(o.OrderTime):
		return
	}
	o.OrderTime, o.MarketplaceID, o.Status = given.LastUpdatedTime, given.MarketplaceID, given.Status
	o.ByAmazon = given.FulfilledBy == "AMAZON"
	before := o.Lines
	o.Lines = make([]schemas.CancelLine, 0, min(len(given.Items), maxLines))
	for i := range given.Items[:min(len(given.Items), maxLines)] {
		item := &given.Items[i]
		line := schemas.CancelLine{OrderItemID: item.OrderItemID, Ordered: item.QuantityOrdered, Cancelled: item.CancelledBy != ""}
		if item.QuantityFulfilled != nil {
			line.Shipped = *item.QuantityFulfilled
		}
		o.Lines = append(o.Lines, line)
	}
	for _, was := range before {
		if was.Unshown == 0 {
			continue
		}
		if line := o.line(was.OrderItemID); line != nil {
			line.Unshown = max(0, was.Unshown-max(0, was.Ordered-line.Ordered))
		}
	}
	o.making = o.making && slices.Equal(before, o.Lines) // else the document says what is not right any more
	m.settle(tx, o)
}

// confirmed takes a package that Amazon has accepted. Its order shows it later.
func (m *Machine) confirmed(tx *machine.Tx, c *schemas.ShipmentConfirmation) {
	if c.Outcome != "CONFIRMED" || model.CheckOrderID(c.OrderID) != nil {
		return
	}
	o := m.orders[orderKey(c.Account, c.OrderID)]
	if o == nil {
		o = m.add(c.Account, c.OrderID)
	}
	o.ConfirmedTime = machine.Latest(o.ConfirmedTime, c.DecidedTime)
	m.settle(tx, o)
}

func (m *Machine) add(account, orderID string) *order {
	o := newOrder(&schemas.CancellationState{
		Account: account, OrderID: orderID, Lines: []schemas.CancelLine{}, Done: []schemas.CancelItem{}, Doubtful: []string{}, Waiting: []schemas.PendingCancellation{}, SentItems: []schemas.CancelItem{},
	})
	m.orders[o.Key] = o
	return o
}

// resume queues an order that was restored.
func (m *Machine) resume(tx *machine.Tx, o *order) {
	if o.Sent != nil && !m.feeds.Lane(o.Account, o.FeedMarketplaceID).Carry(o.MessageID, o) {
		m.giveBack(o) // a feed that is not known: nothing was submitted
	}
	m.queue(tx, o)
}

// settle writes an order's entry, answers those of its cancellations that need no call, and
// queues it where it belongs.
func (m *Machine) settle(tx *machine.Tx, o *order) {
	o.TouchedTime = tx.Now
	tx.Put(o.Key, o.CancellationState)
	m.queue(tx, o)
}

// queue is settle without the write, for an entry that stands in the state: it writes what
// it answers.
func (m *Machine) queue(tx *machine.Tx, o *order) {
	m.unqueue(o)
	for o.Sent == nil && len(o.Waiting) > 0 {
		v := m.screen(o, o.next(), tx.Now)
		if v.outcome == "" {
			m.wait(tx, o, v.until)
			break
		}
		o.making = false // a document that names it is given up
		m.answer(tx, o, o.take(), v)
		if len(o.Waiting) == 0 {
			o.works()
		}
		tx.Put(o.Key, o.CancellationState)
	}
	if _, open := m.open[o]; open != o.open() {
		m.count(o)
	}
	if !o.open() {
		m.rest(o)
	}
}

// open reports whether the order has a cancellation without an outcome.
func (o *order) open() bool { return o.Sent != nil || len(o.Waiting) > 0 }

// count notes that an order has a cancellation now, or has none any more.
func (m *Machine) count(o *order) {
	if o.open() {
		m.open[o] = struct{}{}
		m.working[o.Account]++
		return
	}
	delete(m.open, o)
	if m.working[o.Account]--; m.working[o.Account] == 0 {
		delete(m.working, o.Account)
	}
}

// take removes the first of the waiting cancellations.
func (o *order) take() *schemas.PendingCancellation {
	c := o.Waiting[0]
	o.Waiting = slices.Delete(slices.Clone(o.Waiting), 0, 1)
	return &c
}

// wait queues an order whose cancellation has to wait until a time, or for a feed.
func (m *Machine) wait(tx *machine.Tx, o *order, until time.Time) {
	marketplace := m.marketplace(o)
	if marketplace == "" {
		until = machine.Latest(until, tx.Now.Add(unconfigured))
	}
	switch {
	case until.After(tx.Now):
		o.making = false
		o.place = inHold
		m.holds.Add(&o.Item, until)
	case !o.making:
		o.place, o.lane = inLane, m.feeds.Lane(o.Account, marketplace)
		o.lane.Own.Add(&o.Item, o.next().ReceivedTime)
		m.feeds.WakeNow(tx, o.lane)
	}
}

func (m *Machine) unqueue(o *order) {
	switch o.place {
	case inLane:
		o.lane.Own.Remove(&o.Item)
	case inHold:
		m.holds.Remove(&o.Item)
	case inIdle:
		m.idle.Remove(&o.Item)
	case nowhere:
	}
	o.place, o.lane = nowhere, nil
}

func (m *Machine) rest(o *order) {
	keep := keepOrders
	if len(o.Done) == 0 && (o.Status == statusShipped || o.Status == statusCancelled) {
		keep = keepDone
	}
	o.place = inIdle
	m.idle.Add(&o.Item, o.TouchedTime.Add(keep))
}

// marketplace is where the order's next cancellation is sent: its own, else the order's,
// else the account's home; "" where the account is not configured any more.
func (m *Machine) marketplace(o *order) string {
	if c := o.next(); c != nil && c.MarketplaceID != "" {
		return c.MarketplaceID
	}
	if o.MarketplaceID != "" {
		return o.MarketplaceID
	}
	if a, ok := m.cfg.Accounts().ByID(o.Account); ok && len(a.Marketplaces) > 0 {
		return a.Marketplaces[0]
	}
	return ""
}
