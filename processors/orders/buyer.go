package orders

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/buyerdata"
	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// Buyer data comes to the machine encrypted (package buyerdata). What it decides
// is how long it can be read: it keeps each order's wrapped key, and deletes it
// Config.Retention after the order's delivery. The data is then neither asked
// for nor emitted any more: it must not come back by an old order that is
// fetched once more.

// BuyerKeyPrefix begins the state's keys of wrapped keys, which stand apart.
const BuyerKeyPrefix = "buyer-key/"

const (
	// keepDeleted is how long the entry of a deleted key stays. Its end is a
	// second write to the partition, later than schemas' segment time, which
	// closes the segment with the first: only then does compaction remove the key
	// from the disk.
	keepDeleted = 25 * time.Hour
	// undated is when an order is taken for delivered that has no dates, after it
	// was placed.
	undated = 30 * 24 * time.Hour

	// lateShipping is how much later than its latest ship date an order may be
	// shipped: then Amazon cancels what was not confirmed.
	lateShipping = 30 * 24 * time.Hour

	packageDelivered = "DELIVERED"
)

// buyerKey is an order's wrapped key, with its place in the queue: of its
// deletion, and then of its entry's.
type buyerKey struct {
	lane.Item
	schemas.BuyerKey
}

// deleted reports whether the key itself is gone.
func (k *buyerKey) deleted() bool { return len(k.Wrapped) == 0 }

func (k *buyerKey) due() time.Time {
	if k.deleted() {
		return k.DeleteTime.Add(keepDeleted)
	}
	return k.DeleteTime
}

// buyerKeys are the wrapped keys of the unit's orders.
type buyerKeys struct {
	byKey map[string]*buyerKey // by state key
	queue lane.Queue
}

func newBuyerKeys() buyerKeys { return buyerKeys{byKey: make(map[string]*buyerKey)} }

func buyerStateKey(account, orderID string) string { return BuyerKeyPrefix + account + "/" + orderID }

// of is an order's key, a deleted one included; nil for none.
func (b *buyerKeys) of(o *order) *buyerKey {
	return b.byKey[BuyerKeyPrefix+strings.TrimPrefix(o.Key, orderPrefix)]
}

func (b *buyerKeys) restore(key string, state *schemas.BuyerKey) error {
	if key != buyerStateKey(state.Account, state.OrderID) {
		return fmt.Errorf("orders: state %s is the key of order %s of account %s", key, state.OrderID, state.Account)
	}
	b.keep(&buyerKey{Item: lane.Item{Key: key}, BuyerKey: *state})
	return nil
}

func (b *buyerKeys) keep(k *buyerKey) {
	b.byKey[k.Key] = k
	b.queue.Add(&k.Item, k.due())
}

// put keeps a key, and writes it.
func (b *buyerKeys) put(tx *machine.Tx, state schemas.BuyerKey) {
	key := buyerStateKey(state.Account, state.OrderID)
	k := b.byKey[key]
	if k == nil {
		k = &buyerKey{Item: lane.Item{Key: key}}
	}
	k.BuyerKey = state
	b.keep(k)
	written := state // a copy: the request of a call in flight may show this one
	tx.Put(key, &written)
}

// expire deletes the keys whose time has come, and later their entries.
func (b *buyerKeys) expire(tx *machine.Tx) {
	for range sweepBatch {
		item := b.queue.Pop(tx.Now)
		if item == nil {
			break
		}
		k := b.byKey[item.Key]
		if k.deleted() {
			delete(b.byKey, k.Key)
			tx.Delete(k.Key)
			continue
		}
		state := k.BuyerKey
		state.Wrapped, state.DeleteTime = nil, tx.Now
		b.put(tx, state)
	}
	if next := b.queue.Due(); !next.IsZero() {
		tx.WakeAt(next)
	}
}

// asksBuyer reports whether an order's buyer data is wanted.
func (m *Machine) asksBuyer(o *order, now time.Time) bool {
	owner, ok := m.cfg.Accounts().ByID(o.account)
	return ok && owner.BuyerData && (o.buyerEnd == 0 || o.buyerEnd > millisOf(now))
}

// request is what is asked for an order: read, or read with buyer data.
func (m *Machine) request(tx *machine.Tx, o *order, read any) any {
	if !m.asksBuyer(o, tx.Now) {
		return read
	}
	switch r := read.(type) {
	case *model.GetOrderRequest:
		r.IncludedData = append(slices.Clone(r.IncludedData), model.IncludeBuyer, model.IncludeRecipient)
	case *model.GetOrderV0Request:
		r.DataElements = []string{model.DataBuyerInfo, model.DataShippingAddress}
	}
	req := &buyerdata.Request{Read: read, Order: buyerdata.Owner{Account: o.account, OrderID: o.id()}}
	if k := m.buyers.of(o); k != nil && !k.deleted() {
		key := k.BuyerKey
		req.Key = &key
	}
	return req
}

// searchRequest is a search of an account, or such a search that brings buyer data.
func (m *Machine) searchRequest(account string, withBuyers bool, search *model.SearchOrdersRequest) any {
	if !withBuyers {
		return search
	}
	search.IncludedData = append(slices.Clone(search.IncludedData), model.IncludeBuyer, model.IncludeRecipient)
	req := &buyerdata.PageRequest{Account: account, Search: search, Keys: make(map[string]*schemas.BuyerKey)}
	add := func(k *buyerKey) {
		if k != nil && !k.deleted() {
			key := k.BuyerKey
			req.Keys[key.OrderID] = &key
		}
	}
	if search.CreatedAfter.IsZero() {
		from, to := millisOf(search.LastUpdatedAfter), millisOf(search.LastUpdatedBefore)
		for o := range m.waitingOf(account) {
			if from <= o.wanted && o.wanted <= to {
				add(m.buyers.of(o))
			}
		}
		return req
	}
	until := search.CreatedBefore.Add(keyMade)
	for _, k := range m.buyers.byKey { // an order's key lives longer than what is known of the order
		if k.Account == account && !k.CreatedTime.Before(search.CreatedAfter) && k.CreatedTime.Before(until) {
			add(k)
		}
	}
	return req
}

// keyMade is within what time after an order was placed its key is looked for. An order whose
// key is younger, as one that an earlier backfill found, is left to getOrder.
const keyMade = 48 * time.Hour

// withBuyers reports whether pages with an account's orders can bring their buyer data.
func (m *Machine) withBuyers(account string) bool {
	owner, ok := m.cfg.Accounts().ByID(account)
	return ok && owner.BuyerData && !m.cfg.V0
}

// wantsBuyers reports whether the pages of a search are to bring buyer data: where
// they help, as getOrder is behind or fails. Each order of a page costs a key.
func (m *Machine) wantsBuyers(s *search, now time.Time) bool {
	if !m.withBuyers(s.Account) {
		return false
	}
	if s.back != 0 || m.backlogged(s.Account) {
		return true
	}
	for o := range m.waitingOf(s.Account) {
		if !o.pendingSince.time().After(now.Add(-backlogOf)) {
			return true
		}
	}
	return false
}

// retained is what of it may be emitted with a state of the order, and what
// becomes of the order's key if that is emitted: nil for nothing.
type retained struct {
	data *schemas.BuyerData
	key  *schemas.BuyerKey
	end  time.Time // of asking for it
}

// retain decides on buyer data. An order that is finished when its key would be
// made, or again, gets none: nobody needs it for a label.
func (m *Machine) retain(now time.Time, o *order, shown *model.Order, s buyerdata.Sealed) retained {
	known := m.buyers.of(o)
	if known != nil && known.deleted() {
		return retained{end: known.DeleteTime}
	}
	at, finished := deliveryOf(shown)
	if finished && known == nil {
		return retained{end: at}
	}
	var key *schemas.BuyerKey
	if known != nil {
		state := known.BuyerKey
		key = &state
	}
	if s.Data != nil && (known == nil || known.KeyID != s.Key.KeyID) {
		state := *s.Key
		state.CreatedTime = now
		key = &state
	}
	if known != nil && finished && !known.FinishedTime.IsZero() {
		at = known.FinishedTime
	}
	end := at.Add(m.cfg.Retention)
	if key != nil {
		key.FinishedTime, key.DeleteTime = time.Time{}, end
		if finished {
			key.FinishedTime = at
		}
	}
	if !end.After(now) {
		return retained{key: knownOnly(known, key), end: end}
	}
	return retained{data: s.Data, key: key, end: end}
}

// knownOnly is key where there was one before: it is late, and its deletion due.
func knownOnly(known *buyerKey, key *schemas.BuyerKey) *schemas.BuyerKey {
	if known == nil {
		return nil
	}
	return key
}

// deliveryOf is when an order was delivered, or cancelled, or when it should be
// by what is known, and whether it is over. Each time but that of an order's end
// stays the same however often it is fetched, so that an old order is known as one.
func deliveryOf(shown *model.Order) (at time.Time, finished bool) {
	f := shown.Fulfillment
	open := f != nil && toBeShipped(f.Status)
	if f != nil && f.Status == model.StatusCancelled || !open && delivered(shown.Packages) {
		return shown.LastUpdatedTime, true
	}
	at = shown.CreatedTime.Add(undated)
	if f != nil && f.DeliverByWindow != nil && !f.DeliverByWindow.Latest.IsZero() {
		at = f.DeliverByWindow.Latest
	} else if f != nil && f.ShipByWindow != nil && !f.ShipByWindow.Latest.IsZero() {
		at = f.ShipByWindow.Latest.Add(undated)
	}
	for _, p := range shown.Packages {
		if p.ShipTime.After(at) {
			at = p.ShipTime
		}
	}
	if open && f.ShipByWindow != nil && !f.ShipByWindow.Latest.IsZero() {
		if late := f.ShipByWindow.Latest.Add(lateShipping); late.After(at) {
			at = late
		}
	}
	return at, false
}

// toBeShipped reports whether units of an order have no package yet: its label needs the
// address.
func toBeShipped(status string) bool {
	switch status {
	case "PENDING_AVAILABILITY", "PENDING", "UNSHIPPED", "PARTIALLY_SHIPPED":
		return true
	}
	return false
}

func delivered(packages []model.OrderPackage) bool {
	for _, p := range packages {
		if p.PackageStatus == nil || p.PackageStatus.Status != packageDelivered {
			return false
		}
	}
	return len(packages) > 0
}

// keepBuyer takes over what was decided with a state of the order; emitted reports
// whether that state was emitted, with its data.
func (m *Machine) keepBuyer(tx *machine.Tx, o *order, r retained, emitted bool) {
	o.buyerEnd = millisOf(r.end)
	known := m.buyers.of(o)
	switch {
	case r.key == nil:
	case known == nil || known.KeyID != r.key.KeyID:
		if emitted && r.data != nil {
			m.buyers.put(tx, *r.key)
		}
	case !known.DeleteTime.Equal(r.key.DeleteTime) || !known.FinishedTime.Equal(r.key.FinishedTime):
		m.buyers.put(tx, *r.key)
	}
}
