package shipments

import (
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	// ordinary is the latest ship date, from when the shipment was taken in, of an
	// order whose own is not known, and of corrections, which no date waits for.
	ordinary = 24 * time.Hour
	// ahead puts a latest ship date into the past, where a lane orders what it may
	// draw now. No latest ship date that is believed is further off.
	ahead = 400 * 24 * time.Hour

	// unconfigured is the wait for the account of a shipment that has no
	// marketplace, neither its own nor its order's.
	unconfigured = 5 * time.Minute

	// keepPackages is how long after the last of it an order with packages is
	// remembered: as long as a shipment can stay in the input topic. One that comes
	// later still gets the same packageReferenceId, by which it is a correction.
	keepPackages = 30 * 24 * time.Hour
	// keepDone is how long an order is remembered that is shipped or cancelled,
	// and not by us.
	keepDone = 3 * 24 * time.Hour
)

// place is where an order is queued.
type place byte

const (
	nowhere place = iota // its call is in flight, or it is kept for ever
	inLane               // Machine.lanes
	inHold               // Machine.holds
	inIdle               // Machine.idle
	inFeed               // Machine.feeds
)

// order is an order's state with its place in the queues.
type order struct {
	lane.Item
	risk  lane.Item // in Machine.risks
	check lane.Item // in Machine.unshown
	*schemas.ShipmentState
	place   place
	fed     fed                   // what of it waits for a feed
	decided time.Time             // when it was looked at last; what is due since then is looked at next
	flying  *schemas.PackageState // whose shipment the call in flight carries
	doubt   time.Time             // its package's DoubtUntil before that call
}

func newOrder(state *schemas.ShipmentState) *order {
	key := orderKey(state.Account, state.OrderID)
	return &order{Item: lane.Item{Key: key}, risk: lane.Item{Key: key}, check: lane.Item{Key: key}, ShipmentState: state}
}

// find is the index of a package in an order; -1 for none.
func (o *order) find(packageID string) int {
	return slices.IndexFunc(o.Packages, func(p schemas.PackageState) bool { return p.PackageID == packageID })
}

// next is the shipment of a package that a call is to carry; nil for none. One
// that Amazon may have, because the end of its call is not known, is settled
// before a newer one goes: a repeat is harmless, and its outcome is then true.
func next(p *schemas.PackageState) *schemas.PendingShipment {
	if p.Sent != nil {
		return p.Sent
	}
	return p.Wanted
}

// first is the package whose shipment is next: that of the oldest event that is neither
// held nor waits for its ship time or for a look at the order; nil for none.
func (m *Machine) first(o *order) *schemas.PackageState {
	var first *schemas.PackageState
	for i := range o.Packages {
		p := &o.Packages[i]
		s := next(p)
		if s != nil && !m.held(o, p) && !o.aside(p) && !inQuestion(p) && (first == nil || older(s, next(first).EventTime, next(first).SourceOffset)) {
			first = p
		}
	}
	return first
}

// waits reports whether an order has a shipment without an outcome, held or not.
func (o *order) waits() bool {
	return slices.ContainsFunc(o.Packages, func(p schemas.PackageState) bool { return next(&p) != nil })
}

// replayed reports whether all that waits was processed before: it goes last.
func (o *order) replayed() bool {
	return !slices.ContainsFunc(o.Packages, func(p schemas.PackageState) bool {
		s := next(&p)
		return s != nil && s.Replay == "" && !s.Settled
	})
}

// unconfirmed reports whether a package waits that Amazon does not know yet.
func (o *order) unconfirmed() bool {
	return slices.ContainsFunc(o.Packages, func(p schemas.PackageState) bool {
		return !p.Confirmed && next(&p) != nil
	})
}

// done reports whether nothing of the order is left to ship, as Amazon has it.
func (o *order) done() bool { return o.Status == "SHIPPED" || o.cancelled() }

func (o *order) cancelled() bool { return o.Status == "CANCELLED" }

// older reports whether a shipment is older than what has that event time and offset.
func older(s *schemas.PendingShipment, than time.Time, offset int64) bool {
	if !s.EventTime.Equal(than) {
		return s.EventTime.Before(than)
	}
	return s.SourceOffset < offset
}

// settle queues an order again after something about it has changed, and rejects
// what it cannot have.
func (m *Machine) settle(tx *machine.Tx, o *order) {
	m.save(tx, o)
	if o.InFlight() || m.carried(o) != nil {
		return
	}
	m.decide(tx, o)
	m.queue(o, tx.Now)
}

// decide settles the shipments of an order that is not in flight that need no call, and
// raises and resolves its alerts.
func (m *Machine) decide(tx *machine.Tx, o *order) {
	o.decided = tx.Now
	for i := range o.Packages {
		m.giveBack(tx, o, &o.Packages[i])
	}
	m.drop(tx, o)
	m.screen(tx, o)
	m.tellHeld(tx, o)
	m.endMissing(tx, o)
	m.endRisk(tx, o)
}

// giveBack queues a shipment again that certainly is not at Amazon, unless
// there is a newer one.
func (m *Machine) giveBack(tx *machine.Tx, o *order, p *schemas.PackageState) {
	switch {
	case p.Sent == nil || !p.DoubtUntil.IsZero():
		return
	case p.Wanted == nil:
		p.Wanted = p.Sent
	default:
		m.supersede(tx, o, p, p.Sent)
	}
	p.Sent = nil
}

// queue puts an order that is not in flight where it belongs.
func (m *Machine) queue(o *order, now time.Time) {
	m.unqueue(o)
	m.await(o)
	defer func() {
		if o.place != inFeed {
			m.unfeed(o)
		}
	}()
	p := m.first(o)
	if p == nil {
		if until := m.waitsUntil(o); until.IsZero() {
			m.rest(o)
		} else {
			o.place = inHold
			m.holds.Add(&o.Item, until)
		}
		m.watch(o, now, now)
		return
	}
	at := m.ready(o, p, now)
	switch {
	case at.After(now):
		o.place = inHold
		m.holds.Add(&o.Item, machine.Earliest(at, m.waitsUntil(o)))
	case untracked(next(p)):
		m.feed(o, p)
	default:
		o.place = inLane
		m.backlog[o.Account]++
		add := m.lanes.Add
		if o.replayed() {
			add = m.lanes.AddLow
		}
		add(o.Account, &o.Item, machine.Earliest(now, o.latest().Add(-ahead)))
	}
	m.watch(o, at, now)
}

func (m *Machine) unqueue(o *order) {
	switch o.place {
	case inLane:
		m.backlog[o.Account]--
		m.lanes.Remove(o.Account, &o.Item)
	case inHold:
		m.holds.Remove(&o.Item)
	case inIdle:
		m.idle.Remove(&o.Item)
	case inFeed, nowhere:
	}
	o.place = nowhere
}

// rest queues an order that has nothing to confirm. One with a package
// whose packageReferenceId was not free is remembered for ever: nothing else
// says which id it has. This happens to one in some hundred million orders.
func (m *Machine) rest(o *order) {
	keep := machine.Latest(o.TouchedTime, o.LatestShipDate).Add(keepPackages)
	switch {
	case m.collided(o):
		return
	case len(o.Packages) > 0:
		keep = o.TouchedTime.Add(keepPackages)
	case o.done():
		keep = o.TouchedTime.Add(keepDone)
	}
	o.place = inIdle
	m.idle.Add(&o.Item, keep)
}

// readyAt is ready for whatever is next of an order; now where nothing is.
func (m *Machine) readyAt(o *order, now time.Time) time.Time {
	if p := m.first(o); p != nil {
		return m.ready(o, p, now)
	}
	return now
}

// ready is when an order's next shipment may go: not before its ship time, nor while its
// order may still come from orders, nor while an older shipment of the package may still
// be carried out by Amazon.
func (m *Machine) ready(o *order, p *schemas.PackageState, now time.Time) time.Time {
	s := next(p)
	at := machine.Latest(o.NotBefore, planned(s))
	if o.OrderTime.IsZero() {
		at = machine.Latest(at, s.ReceivedTime.Add(m.cfg.WaitForOrder))
	}
	if s.SourceOffset != p.DoubtOffset {
		at = machine.Latest(at, p.DoubtUntil)
	}
	if m.marketplace(o, s) == "" {
		at = machine.Latest(at, now.Add(unconfigured))
	}
	return at
}

// latest is when the order should be confirmed: the nearest goes first.
func (o *order) latest() time.Time {
	var date time.Time
	for i := range o.Packages {
		if s := next(&o.Packages[i]); s != nil {
			date = machine.Earliest(date, s.ReceivedTime.Add(ordinary))
		}
	}
	if o.unconfirmed() && !o.LatestShipDate.IsZero() {
		return o.LatestShipDate
	}
	return date
}

// marketplace is where a shipment is confirmed: in its own marketplace, else the
// order's, else the account's home; "" where the account is not configured any
// more.
func (m *Machine) marketplace(o *order, s *schemas.PendingShipment) string {
	if s.MarketplaceID != "" {
		return s.MarketplaceID
	}
	if o.MarketplaceID != "" {
		return o.MarketplaceID
	}
	if a, ok := m.cfg.Accounts().ByID(o.Account); ok && len(a.Marketplaces) > 0 {
		return a.Marketplaces[0]
	}
	return ""
}
