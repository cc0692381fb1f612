package orders

import (
	"fmt"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/buyerdata"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// A page of a search shows whole orders, in the same form as getOrder: with the same
// included data, both give the same event. So it settles what is pending, also where
// getOrder fails. Its answer can be old, since Amazon's index lags, or about what getOrder
// has shown later. It settles only what it shows to be newer than what was emitted, and
// not older than what was notified; the rest is left to getOrder. Three kinds of orders are
// left to it too: where a page brought the buyer and we want none, or the other way round, or
// sealed it with another key than the order's; those of Orders v0; and all of a page that could
// not be read completely.

// shownPage is an order as a page shows it, with what came of its buyer: nil where that was
// not asked for.
type shownPage struct {
	*model.Order
	sealed *buyerdata.Sealed
}

func shownIn(answer *buyerdata.PageAnswer, i int) shownPage {
	return shownPage{&answer.Page.Orders[i], answer.Of(i)}
}

// pageOf is the page that answers a search, nil for none.
func pageOf(response any) *buyerdata.PageAnswer {
	switch answer := response.(type) {
	case *buyerdata.PageAnswer:
		return answer
	case *model.SearchOrdersResponse:
		return &buyerdata.PageAnswer{Page: answer}
	}
	return nil
}

// page takes a page of what was found.
func (m *Machine) page(tx *machine.Tx, s *search, response any) {
	answer := pageOf(response)
	if answer == nil {
		m.failed(tx, s, fmt.Errorf("the answer is a %T", response))
		return
	}
	for i := range answer.Page.Orders {
		if m.recover(tx, s.Account, shownIn(answer, i), !answer.Page.Incomplete, originRecovered) {
			s.Found++
		}
	}
	cursor := s.CursorTime
	if err := s.turn(answer.Page.Next(), tx.Now); err != nil { // it would not be followed another time either
		s.leave()
		s.Attempts = max(s.Attempts, fewFails)
		m.failed(tx, s, err)
	} else if s.CursorTime.After(cursor) {
		s.endFailing(tx, "one has come to its end")
	}
}

// recover takes an order that a search or a backfill found, and reports whether that was needed:
// not where it is known as it is, or is to be fetched anyway.
func (m *Machine) recover(tx *machine.Tx, account string, found shownPage, whole bool, origin string) (needed bool) {
	if model.CheckOrderID(found.OrderID) != nil || m.unwanted(account, found.Order) {
		return false
	}
	key := orderKey(account, found.OrderID)
	updated := min(millisOf(instant(found.LastUpdatedTime)), millisOf(tx.Now))
	o := m.orders[key]
	if o == nil {
		o = newOrder(key, account)
		m.orders[key] = o
		if origin == originRecovered {
			m.missed(tx, account, instant(found.CreatedTime))
		}
		needed = true
	}
	newer := updated > max(o.emitted, o.wanted)
	switch {
	case o.pending:
	case !needed && !newer:
		return false
	default:
		needed = true
		m.idle.Remove(&o.Item)
		o.want(tx.Now, origin, 0, false)
	}
	if newer { // an answer must not be older
		o.wanted = updated
	}
	o.found = true
	if o.InFlight() && whole {
		own := *found.Order // without the page around it
		o.page = &shownPage{&own, found.sealed}
	} else if whole && m.served(tx, o, found) {
		return needed
	}
	if needed || newer {
		m.save(tx, o)
	}
	if needed {
		m.settle(o, o.pendingSince)
	} else {
		m.proven(o)
	}
	return needed
}

// served settles an order that waits, from a page, and reports whether it could.
func (m *Machine) served(tx *machine.Tx, o *order, shown shownPage) bool {
	if m.cfg.V0 || !m.sealedFor(o, shown, tx.Now) || shown.Fulfillment == nil { // the token of a search that asked for less
		return false
	}
	var s buyerdata.Sealed
	if shown.sealed != nil {
		s = *shown.sealed
	}
	buyer := m.retain(tx.Now, o, shown.Order, s)
	event := newEvent(o.account, shown.Order, m.cfg.Excluded)
	event.BuyerData = buyer.data
	if !fit(event) { // before its id is made, as of what getOrder shows
		return false
	}
	content, updated := contentID(event), millisOf(event.LastUpdatedTime)
	if o.behind(updated) || updated <= o.emitted && content != o.emittedID {
		return false
	}
	repeated := content == o.emittedID
	if repeated && o.look != 0 { // who asks for a look wants more than the index
		return false
	}
	m.answeredAtAll(tx, o)
	m.publish(tx, o, event, content, buyer)
	if o.untimed && (repeated || o.attempts+o.refusals == 0) { // who knows whether the index has that change
		m.save(tx, o)
		return false
	}
	m.leaveGate(o)
	m.lanes.Remove(o.account, &o.Item)
	m.passed(o, machine.Done{}, tx.Now)
	o.fetched(tx.Now)
	m.save(tx, o)
	m.settle(o, o.turn(tx.Now))
	return true
}

// sealedFor reports whether a page brought what getOrder would bring of an order's buyer,
// sealed with the same key.
func (m *Machine) sealedFor(o *order, shown shownPage, now time.Time) bool {
	if asks := m.asksBuyer(o, now); !asks || shown.sealed == nil {
		return !asks && shown.sealed == nil
	}
	known := m.buyers.of(o)
	return known == nil || known.deleted() || shown.sealed.Data != nil && shown.sealed.Key.KeyID == known.KeyID
}

// searchBack has the next search look once more for an order that a page without its buyer
// has shown, and that getOrder fails for: once for each fetch, and not far, since an account
// has few pages.
func (m *Machine) searchBack(tx *machine.Tx, o *order) {
	s := m.reconciler.searches[searchPrefix+o.account]
	if s == nil || !o.found || o.sought || !m.withBuyers(o.account) || o.wanted < millisOf(tx.Now.Add(-backMost)) {
		return
	}
	o.sought = true
	s.back = earliest(s.back, o.wanted)
}

// backMost is how old a change is at most that is searched for once more.
const backMost = time.Hour

// servedInstead settles an order whose call has ended without an answer, if a page has
// shown it meanwhile.
func (m *Machine) servedInstead(tx *machine.Tx, o *order, outcome machine.Outcome) bool {
	page := o.page
	o.page = nil
	_, done := outcome.(machine.Done)
	return page != nil && !done && m.served(tx, o, *page)
}
