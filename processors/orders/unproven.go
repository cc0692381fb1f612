package orders

import (
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// An order is unproven until Amazon has shown it, by getOrder or in a search: its id
// may be forged. Unproven orders wait at a gate for each account before they enter
// the account's lane. As long as Amazon shows what is asked for, the gate is wide: it
// lets those through whose turn is next by urgency or by age, so that the lane chooses as
// if all were there, but only a number of calls for them is under way at once. The
// number grows with each answer.
//
// When several in a row do not exist, the gate lets one through at a time, for unprovenShare of the
// quota, so that a thousand forged ids cost the account's real orders little. Those that are
// known pass by the gate, and what a search finds leaves it. A new one is drawn before older
// ones every other time, and the one that claims to be most urgent every eighth: a
// forged notification can claim what it likes.

const (
	// gateWidth is how many calls for unproven orders are under way at once, to begin with,
	// and maxGateWidth after many answers: more than the burst of the quota.
	gateWidth    = 8
	maxGateWidth = 64
	// gateNarrows is how many unproven orders that Amazon does not know, or refuses to
	// show, narrow the gate, less two for each that it knows; maxMisses bounds what is remembered,
	// and missesFor how long.
	gateNarrows = 4
	maxMisses   = 12
	missesFor   = time.Hour
	// maxAtGate is how many orders of an account wait at its gate, where searches find
	// those that are real: then they leave it within minutes. maxShed bounds how many
	// are let go in a tick; it is more than the records of one.
	maxAtGate = 10_000
	maxShed   = 10_000
	// unprovenShare is the part of the quota's rate that a narrow gate lets through.
	unprovenShare = 0.2
)

// gate holds the unproven orders of an account.
type gate struct {
	fresh  lane.Ranked // that were never asked for
	again  lane.Ranked // the others, by when they may be tried again
	came   []*order    // those of fresh and let in the order in which they came, and some that have left
	let    []*order    // that are in the lane and wait for their turn
	flying int         // whose calls are under way
	moved  bool        // whether others may be next than those in let
	width  int
	misses int
	missed time.Time // when there was the last one
	next   time.Time // when a narrow gate lets the next one through
	passed int
}

// place is where an unproven order is.
type place byte

const (
	elsewhere place = iota // in the lane after its turn at the gate, or not to be fetched
	amongFresh
	amongAgain
	throughGate // in gate.let
	ahead       // in gate.let of a narrow gate, whose calls are so few that they come first
	underWay    // in flight, and counted by the gate
)

func (o *order) atGate() bool { return o.place == amongFresh || o.place == amongAgain }

func (o *order) letThrough() bool { return o.place == throughGate || o.place == ahead }

// unproven reports whether the order's id may be forged.
func (o *order) unproven() bool {
	return o.emitted == 0 && !o.found && o.part == nil && o.origin == originNotification
}

func (m *Machine) gateOf(account string) *gate {
	g := m.gates[account]
	if g == nil {
		g = &gate{width: gateWidth}
		m.gates[account] = g
	}
	return g
}

// hold makes an unproven order wait at its gate.
func (m *Machine) hold(o *order) {
	g := m.gateOf(o.account)
	g.moved = true
	m.atGates++
	if o.notBefore != 0 {
		o.place = amongAgain
		g.again.Add(&o.Item, o.laneTurn(0))
		return
	}
	o.place = amongFresh
	g.fresh.Add(&o.Item, o.laneTurn(0))
	if o.listed {
		return
	}
	if len(g.came) > 2*g.fresh.Len()+maxGateWidth { // most of it has left
		g.came = slices.DeleteFunc(g.came, func(o *order) bool { return !o.stays() })
	}
	o.listed = true
	g.came = append(g.came, o)
}

// stays reports whether an order's place in gate.came is still true.
func (o *order) stays() bool {
	o.listed = o.place == amongFresh || o.letThrough()
	return o.listed
}

// leaveGate takes an order that waits at its gate, or was let through and not drawn, away
// from it.
func (m *Machine) leaveGate(o *order) {
	if o.place == elsewhere {
		return // most have no gate
	}
	g := m.gateOf(o.account)
	switch o.place {
	case amongAgain:
		g.again.Remove(&o.Item)
		m.atGates--
	case amongFresh: // what is left of it in came is passed over
		g.fresh.Remove(&o.Item)
		m.atGates--
	case throughGate, ahead:
		g.drop(o)
	default:
		return
	}
	o.place = elsewhere
	g.moved = true
}

func (g *gate) drop(o *order) {
	g.let = slices.DeleteFunc(g.let, func(other *order) bool { return other == o })
}

// narrow reports whether so many ids were unknown to Amazon that the rest may be
// forged too.
func (g *gate) narrow(now time.Time) bool {
	if now.Sub(g.missed) > missesFor {
		g.misses = 0
	}
	return g.misses >= gateNarrows
}

// admit lets unproven orders into the lanes.
func (m *Machine) admit(tx *machine.Tx) {
	for account, g := range m.gates {
		m.shed(tx, g)
		m.letThrough(tx, account, g)
		m.wakeGate(tx, g)
		if g.waiting() == 0 && len(g.let) == 0 && g.flying == 0 && !g.narrow(tx.Now) && g.width == gateWidth {
			delete(m.gates, account)
		}
	}
}

// waiting is how many orders wait at the gate.
func (g *gate) waiting() int { return g.fresh.Len() + g.again.Len() }

// letThrough lets those into the account's lane that the next call may be for.
func (m *Machine) letThrough(tx *machine.Tx, account string, g *gate) {
	if g.narrow(tx.Now) {
		if g.flying > 0 || len(g.let) > 0 || tx.Now.Before(g.next) {
			return
		}
		if o := m.pick(g, tx.Now); o != nil {
			g.next = tx.Now.Add(m.unprovenEvery(account))
			m.let(g, o, ahead, tx.Now)
		}
		return
	}
	if due := g.again.Due(); !g.moved && (due.IsZero() || due.After(tx.Now)) {
		return
	}
	m.takeBack(g)
	g.trim()
	g.moved = false
	if g.flying >= g.width {
		return
	}
	for _, waiting := range []*lane.Ranked{&g.fresh, &g.again} {
		for _, next := range []func(time.Time) *lane.Item{waiting.First, waiting.Earliest} {
			if item := next(tx.Now); item != nil {
				m.let(g, m.orders[item.Key], throughGate, tx.Now)
			}
		}
	}
}

// let lets an order that waits at its gate through.
func (m *Machine) let(g *gate, o *order, place place, now time.Time) {
	m.leaveGate(o)
	o.place = place
	g.let = append(g.let, o)
	m.queue(o, min(o.pendingSince, millisOf(now)))
}

// takeBack has those that were let through and not drawn wait at the gate again, or in
// the lane for good if they are proven.
func (m *Machine) takeBack(g *gate) {
	let := g.let
	g.let = nil
	for _, o := range let {
		o.place = elsewhere
		m.lane(o).Remove(o.account, &o.Item)
		m.queue(o, o.pendingSince)
	}
}

// started notes that a call for an order has started, which has the gate let the next one
// through.
func (m *Machine) started(tx *machine.Tx, o *order) {
	if !o.letThrough() {
		return
	}
	g := m.gateOf(o.account)
	g.drop(o)
	o.place = underWay
	g.flying++
	g.moved = true
	m.letThrough(tx, o.account, g)
}

// pick is the order whose turn it is at a narrow gate; nil for none. The newest has every
// other turn: it came after the forged ones.
func (m *Machine) pick(g *gate, now time.Time) *order {
	g.passed++
	if item := g.again.Earliest(now); item != nil && (g.passed%4 == 0 || g.fresh.Len() == 0) {
		return m.orders[item.Key]
	}
	if g.fresh.Len() == 0 {
		return nil
	}
	switch {
	case g.passed%2 == 1:
		for last := len(g.came) - 1; !g.came[last].stays(); last-- {
			g.came[last] = nil
			g.came = g.came[:last]
		}
		return g.came[len(g.came)-1]
	case g.passed%8 == 2:
		return m.orders[g.fresh.First(now).Key]
	}
	return g.first()
}

// first is the first that came of those in fresh, which is not empty. None must be in let.
func (g *gate) first() *order {
	g.trim()
	return g.came[0]
}

// trim has came begin with an order that has not left.
func (g *gate) trim() {
	for len(g.came) > 0 && !g.came[0].stays() {
		g.came[0] = nil
		g.came = g.came[1:]
	}
}

// shed lets go of the oldest orders of a gate that holds too many, where searches
// bring back those that are real.
func (m *Machine) shed(tx *machine.Tx, g *gate) {
	if m.cfg.Reconcile.Every == 0 || g.waiting() <= maxAtGate {
		return
	}
	m.takeBack(g)
	for range min(maxShed, g.waiting()-maxAtGate) {
		o := m.oldest(g)
		m.leaveGate(o)
		m.forgive(o)
		delete(m.orders, o.Key)
		tx.Delete(o.Key)
	}
}

// oldest is the order that has waited longest at a gate that is not empty: one that was
// asked for before, or the first that was not.
func (m *Machine) oldest(g *gate) *order {
	for item := range g.again.Next(1) {
		return m.orders[item.Key]
	}
	return g.first()
}

// wakeGate asks for the tick in which the gate may let the next one through.
func (m *Machine) wakeGate(tx *machine.Tx, g *gate) {
	due := g.again.Due()
	if g.fresh.Len() > 0 {
		due = tx.Now
	}
	switch {
	case due.IsZero():
	case g.narrow(tx.Now):
		if g.flying == 0 && len(g.let) == 0 {
			tx.WakeAt(machine.Latest(due, g.next))
		}
	case due.After(tx.Now):
		tx.WakeAt(due)
	}
}

// unprovenEvery is the time between two orders that a narrow gate lets through.
func (m *Machine) unprovenEvery(account string) time.Duration {
	operation := model.GetOrder
	if m.cfg.V0 {
		operation = model.GetOrderV0
	}
	return time.Duration(float64(time.Second) / (unprovenShare * max(m.cfg.Limits.Of(account, operation).Rate, 1e-4)))
}

// passed takes the end of an unproven order's call: whether Amazon knows it, if that
// tells.
func (m *Machine) passed(o *order, outcome machine.Outcome, now time.Time) {
	if o.place != underWay {
		return
	}
	g := m.gateOf(o.account)
	o.place = elsewhere
	g.flying--
	g.moved = true
	switch outcome := outcome.(type) {
	case machine.Done:
		g.misses = max(0, g.misses-2)
		g.width = min(2*g.width, maxGateWidth)
	case machine.Reject:
		if o.missed || isMalformed(outcome.Err) { // it has been counted, or Amazon has shown something
			return
		}
		o.missed = true
		g.misses, g.missed = min(g.misses+1, maxMisses), now
		g.width = max(g.width/2, gateWidth)
		if g.misses == gateNarrows {
			m.takeBack(g)
			g.next = now.Add(m.unprovenEvery(o.account))
		}
	}
}

// proven lets an order that a search has found leave the gate.
func (m *Machine) proven(o *order) {
	o.found = true
	if o.atGate() {
		m.queue(o, o.pendingSince)
	}
}
