package orders

import (
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// An order is unproven until Amazon has shown it, by getOrder or in a search: its id
// may be forged. Unproven orders wait at a gate for each account before they enter
// the account's lane. As long as Amazon shows what is asked for, the gate is wide
// and grows with each answer. When several in a row do not exist, it lets one
// through at a time, for unprovenShare of the quota, so that a thousand forged ids
// cost the account's real orders little: those that are known pass by the gate, a
// new one is drawn before older ones every other time, and what a search finds
// leaves the gate.

const (
	// gateWidth is how many unproven orders are in the lane at once, to begin with,
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
	fresh  []*order   // that were never asked for, in the order in which they came
	again  lane.Queue // the others, by when they may be tried again
	inGate int        // in fresh and again
	inLane int
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
	throughGate // in the lane, or in flight, counted by the gate
)

func (o *order) atGate() bool { return o.place == amongFresh || o.place == amongAgain }

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
	g.inGate++
	m.atGates++
	if o.notBefore == 0 {
		o.place = amongFresh
		g.fresh = append(g.fresh, o)
		return
	}
	o.place = amongAgain
	g.again.Add(&o.Item, o.notBefore.time())
}

// leaveGate takes an order that waits at its gate away from it.
func (m *Machine) leaveGate(o *order) {
	switch o.place {
	case amongAgain:
		m.gateOf(o.account).again.Remove(&o.Item)
	case amongFresh: // what is left of it in fresh is passed over
	default:
		return
	}
	o.place = elsewhere
	m.gateOf(o.account).inGate--
	m.atGates--
}

// narrow reports whether so many ids were unknown to Amazon that the rest may be
// forged too.
func (g *gate) narrow(now time.Time) bool {
	if now.Sub(g.missed) > missesFor {
		g.misses = 0
	}
	return g.misses >= gateNarrows
}

// open reports whether one more may pass.
func (g *gate) open(now time.Time) bool {
	if g.narrow(now) {
		return g.inLane == 0 && !now.Before(g.next)
	}
	return g.inLane < g.width
}

// pop takes out the order whose turn it is; nil for none. A narrow gate gives the
// newest every other turn: it came after the forged ones.
func (m *Machine) pop(g *gate, now time.Time) *order {
	g.passed++
	if item := g.again.Pop(now); item != nil && (g.passed%4 == 0 || len(g.fresh) == 0) {
		return m.orders[item.Key]
	} else if item != nil {
		g.again.Add(item, now)
	}
	newest := g.narrow(now) && g.passed%2 == 1
	for len(g.fresh) > 0 {
		var o *order
		if last := len(g.fresh) - 1; newest {
			o, g.fresh[last] = g.fresh[last], nil
			g.fresh = g.fresh[:last]
		} else {
			o, g.fresh[0] = g.fresh[0], nil
			g.fresh = g.fresh[1:]
		}
		if o.place == amongFresh {
			return o
		}
	}
	return nil
}

// admit lets unproven orders into the lanes.
func (m *Machine) admit(tx *machine.Tx) {
	for account, g := range m.gates {
		m.shed(tx, g)
		for g.open(tx.Now) {
			o := m.pop(g, tx.Now)
			if o == nil {
				break
			}
			g.inGate--
			m.atGates--
			o.place = throughGate
			g.inLane++
			if g.narrow(tx.Now) {
				g.next = tx.Now.Add(m.unprovenEvery(account))
			}
			m.queue(o, min(o.pendingSince, millisOf(tx.Now)))
		}
		m.wakeGate(tx, g)
		if len(g.fresh) == 0 && g.again.Len() == 0 && g.inLane == 0 && !g.narrow(tx.Now) && g.width == gateWidth {
			delete(m.gates, account)
		}
	}
}

// shed lets go of the oldest orders of a gate that holds too many, where searches
// bring back those that are real.
func (m *Machine) shed(tx *machine.Tx, g *gate) {
	for range min(maxShed, g.inGate-maxAtGate) {
		if m.cfg.Reconcile.Every == 0 {
			return
		}
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
	for item := range g.again.All() {
		return m.orders[item.Key]
	}
	for g.fresh[0].place != amongFresh {
		g.fresh[0] = nil
		g.fresh = g.fresh[1:]
	}
	return g.fresh[0]
}

// wakeGate asks for the tick in which the gate may let the next one through.
func (m *Machine) wakeGate(tx *machine.Tx, g *gate) {
	due := g.again.Due()
	if len(g.fresh) > 0 {
		due = tx.Now
	}
	switch {
	case due.IsZero():
	case g.narrow(tx.Now) && g.inLane == 0:
		tx.WakeAt(machine.Latest(due, g.next))
	case g.inLane < g.width && due.After(tx.Now):
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
	if o.place != throughGate {
		return
	}
	g := m.gateOf(o.account)
	o.place = elsewhere
	g.inLane--
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
