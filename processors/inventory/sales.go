package inventory

// This file owns what is known of the merchant's recent orders, by SKU: how many units were
// sold since a time.

import (
	"fmt"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	// salePrefix begins the state keys of orders.
	salePrefix = "sale/"
	// keepSales is for how long an order is remembered, from when it was placed: a
	// warehouse's number has seen it by then.
	keepSales = 48 * time.Hour
	// recentOrders is where a unit begins that has read no orders yet.
	recentOrders = time.Hour
	// maxUnits bounds the units of a SKU in an order.
	maxUnits = 1_000_000
)

// sales are the recent orders of accounts that want to know what was sold: those with reserve,
// and all where accepted quantities are looked for. They are in the state too.
type sales struct {
	orders map[string]*sale // by state key
	of     map[listing][]*sale
	ends   lane.Queue // by when they are forgotten
	gaps   map[string]gap
}

// gap is until when sales of an account are not known. Where the state does not say so, that is
// the takeover.
type gap struct {
	until millis
	lost  millis // when the newest was placed of those that were known and are forgotten, as there were too many
}

// sale is an order. Each of its lines is of another SKU.
type sale struct {
	lane.Item
	account         string
	placed, updated millis
	lines           []schemas.SaleLine
}

func newSales() sales {
	return sales{orders: make(map[string]*sale), of: make(map[listing][]*sale), gaps: make(map[string]gap)}
}

// saleKey is the state key of an order; with the id "" that of the account's gap.
func saleKey(account, orderID string) string { return salePrefix + account + "/" + orderID }

// follows reports whether somebody wants to know what an account sells.
func (m *Machine) follows(account string) bool {
	_, configured := m.cfg.Accounts().ByID(account)
	return configured && (m.cfg.SeenWithin > 0 || m.cfg.settings(account).Reserve)
}

// order takes a version of an order in. One that cannot be used is passed over: the shipments
// processor sets it aside.
func (m *Machine) order(tx *machine.Tx, rec *machine.Record, o *schemas.Order) {
	a := &m.sales
	if o.Account != rec.Account || !m.follows(o.Account) {
		if _, known := a.gaps[rec.Account]; known {
			tx.Delete(saleKey(rec.Account, ""))
			delete(a.gaps, rec.Account)
		}
		m.passOver(tx, rec.Account, o)
		return
	}
	if p := m.account(o.Account); millisOf(o.LastUpdatedTime) > p.ordersUntil {
		p.ordersUntil = millisOf(o.LastUpdatedTime)
	}
	if _, known := a.gaps[o.Account]; !known {
		a.note(tx, o.Account, gap{until: millisOf(tx.Now)})
	}
	if o.FulfilledBy != "MERCHANT" || model.CheckOrderID(o.OrderID) != nil {
		return
	}
	key, now, updated := saleKey(o.Account, o.OrderID), millisOf(tx.Now), millisOf(o.LastUpdatedTime)
	known := a.orders[key]
	if known == nil {
		known = &sale{Item: lane.Item{Key: key}, account: strings.Clone(o.Account), placed: min(millisOf(o.CreatedTime), now)}
	}
	if updated < known.updated {
		return
	}
	m.returns(tx, o)
	if known.placed.add(keepSales) <= now { // it is forgotten, and can be cancelled still
		for _, line := range unitsOf(o) {
			if s := m.seller(o.Account, line.SKU); s != nil && line.Units == 0 {
				m.correct(tx, s, known.placed, true)
			}
		}
		return
	}
	known.updated = updated
	changed := known.take(m.unseen(tx, known, unitsOf(o)))
	if len(changed) == 0 {
		return
	}
	a.enter(known)
	known.save(tx)
	for len(a.orders) > m.cfg.MaxSales {
		first := a.orders[a.ends.Pop(tx.Now.Add(2*keepSales)).Key]
		g := a.gaps[first.account]
		a.note(tx, first.account, gap{max(g.until, first.placed), max(g.lost, first.placed)})
		a.drop(tx, first)
	}
	for _, change := range changed {
		if s := m.seller(known.account, change.id); s != nil {
			m.correct(tx, s, known.placed, change.anew)
		}
	}
}

// returns notes the units of cancelled lines: Amazon may offer them again. One that comes more than
// once counts more than once, which only makes more numbers plausible.
func (m *Machine) returns(tx *machine.Tx, o *schemas.Order) {
	for i := range o.Items {
		item := &o.Items[i]
		if o.Status != "CANCELLED" && item.CancelledBy == "" {
			continue
		}
		if s := m.seller(o.Account, item.SellerSKU); s != nil && millisOf(o.LastUpdatedTime) > s.appliedAt {
			s.returned = min(s.returned+believed(item.QuantityOrdered), maxUnits)
			s.save(tx)
		}
	}
}

// passOver lets an order that is not followed end the corrections of its SKUs.
func (m *Machine) passOver(tx *machine.Tx, account string, o *schemas.Order) {
	for i := range o.Items {
		if s := m.seller(account, o.Items[i].SellerSKU); s != nil && s.basis != nil {
			s.basis, s.until = nil, 0
			s.save(tx)
		}
	}
}

// note notes until when sales of an account are not known.
func (a *sales) note(tx *machine.Tx, account string, g gap) {
	a.gaps[strings.Clone(account)] = g
	tx.Put(saleKey(account, ""), &schemas.SaleState{Account: account, PlacedTime: g.until.time(), ForgottenTime: g.lost.time(), Lines: []schemas.SaleLine{}})
}

// unitsOf are the units of an order that are not cancelled, by SKU. What was shipped before the
// rest was cancelled is gone all the same.
func unitsOf(o *schemas.Order) []schemas.SaleLine {
	var lines []schemas.SaleLine
	for i := range o.Items {
		item := &o.Items[i]
		if item.SellerSKU == "" || item.ManagedElsewhere {
			continue
		}
		units := believed(item.QuantityOrdered)
		if o.Status == "CANCELLED" || item.CancelledBy != "" {
			units = 0
			if item.QuantityFulfilled != nil {
				units = believed(*item.QuantityFulfilled)
			}
		}
		lines = add(lines, item.SellerSKU, units)
	}
	return lines
}

// believed is a number of units that can be believed.
func believed(units int32) int32 { return min(max(0, units), maxUnits) }

// add counts units of a SKU.
func add(lines []schemas.SaleLine, id string, units int32) []schemas.SaleLine {
	for i := range lines {
		if lines[i].SKU == id {
			lines[i].Units = min(lines[i].Units+units, maxUnits)
			return lines
		}
	}
	return append(lines, schemas.SaleLine{SKU: strings.Clone(id), Units: units})
}

// seller is the entry whose quantity an account's sales lower; nil for none. Orders do not say
// the channel, so it is that of the account's own.
func (m *Machine) seller(account, id string) *sku {
	return m.entry(account, m.cfg.settings(account).Channel, id)
}

// sells reports whether sales of its SKU lower the entry's quantity.
func (m *Machine) sells(s *sku) bool {
	return s.form != ofMarketplace && s.channel() == m.cfg.settings(s.account()).Channel
}

// unseen are the lines of an order that are known, or that a number of their SKU which
// Amazon has, or may get, has not seen.
func (m *Machine) unseen(tx *machine.Tx, o *sale, lines []schemas.SaleLine) []schemas.SaleLine {
	kept := lines[:0]
	for _, line := range lines {
		s := m.seller(o.account, line.SKU)
		switch {
		case s == nil || o.placed > s.seen() || o.line(line.SKU) != nil:
			kept = append(kept, line)
		case line.Units == 0:
			m.correct(tx, s, o.placed, true)
		}
	}
	return kept
}

// line is what the order has of a SKU; nil for nothing.
func (o *sale) line(id string) *schemas.SaleLine {
	for i := range o.lines {
		if o.lines[i].SKU == id {
			return &o.lines[i]
		}
	}
	return nil
}

// change is a SKU whose units have changed.
type change struct {
	id string
	// anew reports whether Amazon need not have the change: it takes off what is ordered, and
	// may not offer again what is cancelled.
	anew bool
}

// take gives an order the lines of its newest version, and returns what has changed. A line that
// is missing now is one without units.
func (o *sale) take(lines []schemas.SaleLine) (changed []change) {
	before := sale{lines: o.lines}
	o.lines = lines
	for i := range before.lines {
		if o.line(before.lines[i].SKU) == nil {
			o.lines = append(o.lines, schemas.SaleLine{SKU: before.lines[i].SKU})
		}
	}
	for i := range o.lines {
		line := &o.lines[i]
		if had := before.line(line.SKU); had == nil || had.Units != line.Units {
			changed = append(changed, change{line.SKU, had != nil || line.Units == 0})
		}
	}
	return changed
}

// enter makes an order, or more lines of it, known.
func (a *sales) enter(o *sale) {
	a.orders[o.Key] = o
	for i := range o.lines {
		l := listing{o.account, o.lines[i].SKU}
		if !contains(a.of[l], o) {
			a.of[l] = append(a.of[l], o)
		}
	}
	if !o.Queued() {
		a.ends.Add(&o.Item, o.placed.add(keepSales).time())
	}
}

func contains(list []*sale, o *sale) bool {
	for i := len(list) - 1; i >= 0; i-- { // mostly the last
		if list[i] == o {
			return true
		}
	}
	return false
}

// drop forgets an order.
func (a *sales) drop(tx *machine.Tx, o *sale) {
	for i := range o.lines {
		a.leave(listing{o.account, o.lines[i].SKU}, func(other *sale) bool { return other == o })
	}
	a.ends.Remove(&o.Item)
	delete(a.orders, o.Key)
	tx.Delete(o.Key)
}

// leave takes the sales that match from a listing, and returns them.
func (a *sales) leave(l listing, matches func(*sale) bool) (gone []*sale) {
	kept := a.of[l][:0]
	for _, o := range a.of[l] {
		if matches(o) {
			gone = append(gone, o)
		} else {
			kept = append(kept, o)
		}
	}
	clear(a.of[l][len(kept):])
	if len(kept) == 0 {
		delete(a.of, l)
	} else {
		a.of[l] = kept
	}
	return gone
}

// seen forgets what was sold of a listing until a time: the number that Amazon has accepted has seen it.
func (a *sales) seen(tx *machine.Tx, l listing, until millis) {
	for _, o := range a.leave(l, func(o *sale) bool { return o.placed <= until }) {
		if !a.counts(o) {
			a.drop(tx, o)
		}
	}
}

// counts reports whether an order counts for a listing still.
func (a *sales) counts(o *sale) bool {
	for i := range o.lines {
		if contains(a.of[listing{o.account, o.lines[i].SKU}], o) {
			return true
		}
	}
	return false
}

// expire forgets the orders that are too old to matter.
func (m *Machine) expire(tx *machine.Tx) {
	for range sweepBatch {
		item := m.sales.ends.Pop(tx.Now)
		if item == nil {
			break
		}
		m.sales.drop(tx, m.sales.orders[item.Key])
	}
}

// sold is how many units of a listing are in orders placed after a time, as far as orders are
// known by now: one that was placed minutes ago may still come. It is whole where no earlier one
// was missed, as those before the account was followed are, and where the number that Amazon
// has accepted last has seen none of them.
func (m *Machine) sold(l listing, since time.Time) (units int64, whole bool) {
	for _, o := range m.sales.of[l] {
		if o.placed > millisOf(since) {
			units += int64(o.line(l.sku).Units)
		}
	}
	until := millisOf(m.since)
	if g, known := m.sales.gaps[l.account]; known {
		until = g.until
	}
	return units, millisOf(since) >= until
}

func (o *sale) save(tx *machine.Tx) {
	tx.Put(o.Key, &schemas.SaleState{
		Account: o.account, OrderID: o.Key[len(salePrefix)+len(o.account)+1:],
		PlacedTime: o.placed.time(), UpdatedTime: o.updated.time(), Lines: o.lines,
	})
}

// restoreSale takes an order of the committed state.
func (m *Machine) restoreSale(key string, state *schemas.SaleState) error {
	if key != saleKey(state.Account, state.OrderID) {
		return fmt.Errorf("inventory: state %s is about order %s of account %s", key, state.OrderID, state.Account)
	}
	if state.OrderID == "" {
		m.sales.gaps[state.Account] = gap{millisOf(state.PlacedTime), millisOf(state.ForgottenTime)}
		return nil
	}
	m.sales.enter(&sale{
		Item: lane.Item{Key: key}, account: state.Account, lines: state.Lines,
		placed: millisOf(state.PlacedTime), updated: millisOf(state.UpdatedTime),
	})
	return nil
}
