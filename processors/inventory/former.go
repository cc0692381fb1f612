package inventory

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// This file owns the entries that versions before this one left: one for each
// marketplace of a SKU, with a quantity of its own, or one for all channels of it.
// Amazon has one quantity of a SKU and channel, so the newest update of all of them is
// the one that counts. Entries with work become the SKU's own at the start; those
// without are looked at when the next update of their SKU comes.

// form is what an entry is about.
type form byte

const (
	ofChannel     form = iota // the quantity of one channel
	ofAnyChannel              // a version before wrote it: its next update says which
	ofMarketplace             // likewise; and its key has a marketplace
)

func formOf(state *schemas.InventoryState) form {
	switch {
	case state.MarketplaceID != "":
		return ofMarketplace
	case state.FulfillmentChannelCode == "":
		return ofAnyChannel
	}
	return ofChannel
}

// formers are the entries of marketplaces that feeds carry beside the SKUs' own: a SKU
// that several feeds carried has one entry for each until they end. What Amazon accepts of
// the SKU meanwhile is sent once more after that.
type formers struct {
	own  map[*sku]*sku // the SKU's own entry of each of them
	left map[*sku]int  // how many there are, by own entry
}

func newFormers() formers { return formers{make(map[*sku]*sku), make(map[*sku]int)} }

// beside reports whether a feed carries an older entry of the SKU beside its own.
func (f *formers) beside(s *sku) bool { return f.left[s] > 0 }

// undoes reports whether a feed may undo u, which Amazon has accepted: one carried an older
// update of the SKU beside the call that brought u. It asks for one such call only.
func (f *formers) undoes(s *sku, u *update) bool {
	if u.stamp != s.newest {
		return false
	}
	w := s.work
	overtook := w.patch == nil && w.had().overtook
	if overtook {
		w.trials.overtook = false
	}
	return overtook || w.feed != nil || f.beside(s)
}

// formerly notes that there are entries of a marketplace.
func (a *perAccount) formerly(marketplace string) {
	if !slices.Contains(a.former, marketplace) {
		a.former = append(a.former, strings.Clone(marketplace))
	}
}

// known is the entry of a SKU's quantity in a channel, or nil. What a version before settled
// in marketplaces becomes the SKU's first entry, or a part of it.
func (m *Machine) known(tx *machine.Tx, account, channel, id string) *sku {
	for _, other := range m.others(account, id) {
		if first := m.skus[skuKey(account, "", id)]; first != nil {
			m.absorb(tx, first, other)
		} else {
			m.rename(tx, other, defaultChannel)
		}
	}
	return m.entry(account, channel, id)
}

// entry is the entry of a SKU's channel, or nil. One that may be of any is that of the first
// channel that has no other.
func (m *Machine) entry(account, channel, id string) *sku {
	first := m.skus[skuKey(account, "", id)]
	if first != nil && first.form == ofChannel && first.channel() == channel {
		return first
	}
	if s := m.skus[skuKey(account, channel, id)]; s != nil {
		return s
	}
	if first != nil && first.form == ofAnyChannel {
		return first
	}
	return nil
}

// assign gives an entry that may be of any channel to that of its update.
func (m *Machine) assign(s *sku, u *update) {
	if s.form != ofAnyChannel {
		return
	}
	s.form = ofChannel
	if channel := m.cfg.channel(s.account(), u); channel != defaultChannel {
		s.owned = channel
	}
	if s.channel() != m.cfg.settings(s.account()).Channel { // what was accepted may be of another
		s.applied = unknownQuantity
	}
}

// others are the entries of marketplaces of a SKU that have no work.
func (m *Machine) others(account, id string) (list []*sku) {
	for _, marketplace := range m.account(account).former {
		if s := m.skus[entryKey(account, marketplace, id)]; s != nil && s.form == ofMarketplace && s.work == nil {
			list = append(list, s)
		}
	}
	return list
}

// adopt makes what versions before left to do the SKUs' own, the newest first: a feed
// then carries that for the SKU itself.
func (m *Machine) adopt(tx *machine.Tx) {
	var former []*sku
	for _, i := range m.restored {
		switch s := i.sku; {
		case s.work == nil:
		case s.form == ofMarketplace:
			former = append(former, s)
		default:
			m.assign(s, s.work.first())
		}
	}
	slices.SortStableFunc(former, func(a, b *sku) int {
		return cmp.Or(cmp.Compare(b.newest.time, a.newest.time), cmp.Compare(b.newest.offset, a.newest.offset))
	})
	for _, s := range former {
		if s.work == nil { // it has become a part of another
			continue
		}
		m.unite(tx, s)
	}
	for _, i := range m.restored {
		if s := i.sku; s.work != nil && s.form != ofMarketplace {
			for _, other := range m.others(s.account(), s.id()) {
				m.absorb(tx, s, other)
			}
		}
	}
}

// unite makes an entry of a marketplace that has work the SKU's own one of its channel, or a
// part of that.
func (m *Machine) unite(tx *machine.Tx, s *sku) {
	u := s.work.first()
	channel := m.cfg.channel(s.account(), u)
	if own := m.entry(s.account(), channel, s.id()); own != nil {
		m.assign(own, u)
		m.absorb(tx, own, s)
	} else {
		m.rename(tx, s, channel)
	}
}

// first is the update that an entry of a version before is about: that of the feed which
// carries it, or the one that is wanted, as after a call whose end is not known.
func (w *work) first() *update { return cmp.Or(w.sent, w.wanted) }

// rename makes an entry of a marketplace the SKU's own. One without work may be of any
// channel.
func (m *Machine) rename(tx *machine.Tx, s *sku, channel string) {
	m.unplace(s)
	tx.Delete(s.Key)
	m.leave(s)
	m.name(s, s.account(), channel, s.id())
	m.enter(s)
	s.applied = unknownQuantity
	if s.work == nil {
		s.form = ofAnyChannel
		m.rest(s)
	}
	s.save(tx)
}

// absorb makes an entry of a marketplace a part of the SKU's own. What a feed carries of it
// stays beside that until the feed's end.
func (m *Machine) absorb(tx *machine.Tx, own, s *sku) {
	m.unplace(s)
	if own.newest.before(s.newest) {
		own.newest, own.failure = s.newest, s.failure
	}
	own.applied, own.doubt, s.doubt = unknownQuantity, own.doubt.and(s.doubt), nil
	own.fulfiller = max(own.fulfiller, s.fulfiller)
	m.claim(tx, own, s)
	if s.work != nil && s.work.message > 0 {
		m.former.own[s] = own
		m.former.left[own]++
		s.save(tx)
	} else {
		m.drop(tx, s)
	}
	if own.work != nil {
		m.route(tx, own)
	}
	own.save(tx)
}

// claim leaves the newest of what both entries want to the SKU's own.
func (m *Machine) claim(tx *machine.Tx, own, s *sku) {
	var by *update
	if w := s.work; w != nil {
		if newest := w.newestUpdate(); newest != nil && newest.stamp == s.newest {
			by = newest
		}
		if w.wanted != nil && !w.carries(w.wanted) {
			m.takeWish(tx, own, w)
		}
		w.wanted, w.patched, w.resend, w.since = nil, false, false, 0
	}
	if o := own.work; o != nil && o.wanted != nil && o.wanted.before(s.newest) {
		o.outdo(tx, own, by)
	}
}

// takeWish makes what an entry of a marketplace wants, and no feed carries, the SKU's own wish,
// unless that has a newer one.
func (m *Machine) takeWish(tx *machine.Tx, own *sku, w *work) {
	o, u := m.work(own), w.wanted
	if newer := o.newer(u); newer != nil || u.before(own.newest) {
		supersede(tx, own, u, newer)
		return
	}
	o.outdo(tx, own, u)
	o.wanted, o.since, o.resend = u, w.since, w.patched || w.resend
	o.calm()
}

// outdo gives up the wanted update for the newer by, which may be nil where that is settled.
func (w *work) outdo(tx *machine.Tx, s *sku, by *update) {
	if w.wanted != nil && !w.carries(w.wanted) {
		supersede(tx, s, w.wanted, by)
	}
	w.wanted, w.patched, w.resend, w.since = nil, false, false, 0
}

// work is the SKU's, begun and counted when it has none.
func (m *Machine) work(s *sku) *work {
	if s.work == nil {
		m.works(s, +1)
	}
	return s.begin()
}

// drop forgets an entry of a marketplace, which is in no queue.
func (m *Machine) drop(tx *machine.Tx, s *sku) {
	tx.Delete(s.Key)
	m.leave(s)
	if s.work != nil {
		s.work = nil
		m.works(s, -1)
	}
}

// own is the SKU's own entry of one that was just taken out of its feed: mostly itself.
// After the last feed, what was accepted meanwhile is sent once more.
func (m *Machine) own(tx *machine.Tx, s *sku) *sku {
	own := m.former.own[s]
	if own == nil {
		return s
	}
	delete(m.former.own, s)
	if m.former.left[own]--; m.former.left[own] == 0 {
		delete(m.former.left, own)
	}
	m.drop(tx, s)
	if m.skus[own.Key] == nil { // it was forgotten meanwhile
		m.enter(own)
	}
	w := m.work(own)
	if w.message > 0 { // that feed may have been carried out before this one
		w.try().overtook = true
	}
	if w.patched && !m.former.beside(own) && w.feed == nil && w.had().notBefore == 0 {
		w.patched, w.resend = false, true
	}
	return own
}
