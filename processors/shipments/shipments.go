// Package shipments confirms shipments to Amazon. Its Machine takes each
// package that upstream services have handed to a carrier, checks it against
// the order as the topic "orders" has it, draws confirmShipment calls from that
// under each account's quota, nearest latest ship date first, and writes one
// outcome for each record to shipment-confirmations.
//
// The rules that it keeps, which the property test cites:
//
//  1. Every call was preceded by the committed intent of it (PackageState.sent).
//  2. At most one call per order is in flight, and the shipments of an order are
//     confirmed in the order of their event times, so that units can move from
//     one package to another.
//  3. A package has the same packageReferenceId for ever, and no other package of
//     its order has it: a repeat is an edit, never a second package.
//  4. Every record of shipments that is no dead letter has exactly one outcome,
//     and one more for each replay of it.
//  5. What Amazon has of a package last is the newest shipment of it that was
//     not rejected: an older one, by event time and then by offset, never
//     overwrites a newer.
//  6. Amazon never has to answer 429, as far as its quota is known.
//  7. A package that Amazon has accepted is shown by an order, or it is confirmed
//     once more, and then reported in an alert, before the latest ship date where the
//     first confirmation left 10 minutes for that.
//  8. What may pass is asked again for Config.Patience, and reported within minutes.
//  9. A merchant's order that no shipment covers has one ShipmentMissing that holds, from
//     Config.MissingLead before its latest ship date until it is covered, shipped or
//     cancelled, or has another date.
//  10. No call is begun for a package of a cancelled order, nor, where that is held, of a
//     line that somebody asked to cancel, as far as orders have told, unless its
//     shipment says SHIP.
//  11. A package without a tracking number has one message in a feed under way at most, and
//     none once a feed has confirmed it.
//  12. A shipment whose ship time is more than minutes, and at most a day, ahead of when it
//     came is not sent before that.
//
// That an order is shipped is not held against a shipment: whether it takes another
// package is for Amazon to say.
package shipments

import (
	"cmp"
	"fmt"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/commands"
	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/spapi/carriers"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/internal/feedlane"
	"github.com/sellerstream/sellerstream/schemas"
)

// Processor is the name of the role.
const Processor = "shipments"

// Operations are the operations whose quota the processor owns, or has a share of.
func Operations() []string {
	return append([]string{model.ConfirmShipment}, model.Shares(model.OrderFulfillmentFeed)...)
}

// orderPrefix begins the state's keys, except for those of the lanes.
const orderPrefix = "order/"

const (
	// sweepBatch bounds the deletions of one tick, and riskBatch the orders that it
	// reports as at risk or without a shipment.
	sweepBatch = 1000
	riskBatch  = 5000
)

// Config is what the processor needs besides its input. A zero value means the
// default where there is one. The durations are on the pipeline's clock, except for
// Lease.
type Config struct {
	// Accounts is the directory of the moment; it may be replaced while running.
	Accounts func() *account.Directory
	// Limits are the accounts' own; nil for Amazon's defaults.
	Limits quota.Limits
	// Carriers chooses the code of a carrier as producers write it. nil for Amazon's
	// list alone.
	Carriers *carriers.Table

	// WaitForOrder is how long a shipment waits for its order to come from orders,
	// before Amazon is asked without a check. Default 2 minutes.
	WaitForOrder time.Duration
	// RiskMargin is how long before its latest ship date an order that waits must be
	// expected to be confirmed; else ShipmentAtRisk is raised. Default 2 hours.
	RiskMargin time.Duration
	// MissingLead is how long before its latest ship date a merchant's order that no
	// shipment covers raises ShipmentMissing; 0 for never.
	MissingLead time.Duration

	// BuyerCancel is what is done with a shipment of a line that somebody asked to
	// cancel: "hold", "ship" or "warn". Default "warn".
	BuyerCancel string

	// Untracked is what is done with a shipment without a tracking number: "refuse" (a dead
	// letter) or "feed". Default "refuse".
	Untracked string

	// VerifyAfter is how long an order that is not read although that was asked for may
	// take to show a package that Amazon has accepted, before the package is confirmed
	// once more, and once more before an alert. Default 1 hour.
	VerifyAfter time.Duration
	// Patience is how long a shipment is asked for again that Amazon refuses in a way
	// that may pass (401, 403, 404). Default 12 hours.
	Patience time.Duration

	// Lease is within which real time after its commit a call must have started:
	// less than the runtime's session timeout. Default 8 s.
	Lease time.Duration
	// CallTime is how long after its commit the answer to a call may come: its lease
	// and the client's timeout of a request. Default 38 s.
	CallTime time.Duration
	// ApplyDelay is how late Amazon may carry out a call after the answer to it was
	// lost. Default 5 minutes.
	ApplyDelay time.Duration
	// ShowDelay is how late getFeeds may show a feed. Default 5 minutes.
	ShowDelay time.Duration
}

func (c Config) withDefaults() Config {
	c.WaitForOrder = cmp.Or(c.WaitForOrder, 2*time.Minute)
	c.RiskMargin = cmp.Or(c.RiskMargin, 2*time.Hour)
	c.BuyerCancel = cmp.Or(c.BuyerCancel, cancelWarn)
	c.Untracked = cmp.Or(c.Untracked, untrackedRefuse)
	c.VerifyAfter = cmp.Or(c.VerifyAfter, time.Hour)
	c.Patience = cmp.Or(c.Patience, 12*time.Hour)
	c.Lease = cmp.Or(c.Lease, 8*time.Second)
	c.CallTime = cmp.Or(c.CallTime, c.Lease+30*time.Second)
	c.ApplyDelay = cmp.Or(c.ApplyDelay, 5*time.Minute)
	if c.Carriers == nil {
		c.Carriers = carriers.New(nil)
	}
	return c
}

// Machine is the logic of one unit.
type Machine struct {
	cfg     Config
	numbers uint64 // how many packageReferenceIds there are

	orders map[string]*order // by state key
	lanes  *lane.Lanes       // orders with a shipment to confirm
	feeds  *feedlane.Lanes   // packages without a tracking number
	holds  lane.Queue        // those that have to wait for a time
	idle   lane.Queue        // the others, by when they are forgotten
	risks  lane.Queue        // orders that wait, by when they will be at risk or miss a shipment

	unshown lane.Queue      // orders with packages that none has shown, by when it must have
	shown   map[string]bool // accounts whose orders come

	backlog   map[string]int      // orders in the lane of each account
	missing   map[string]*missing // the alerts about orders without a shipment, by account
	strangers strangers
}

// New makes the machine of one unit, without state.
func New(cfg Config) *Machine {
	cfg = cfg.withDefaults()
	m := &Machine{
		cfg: cfg, numbers: referenceNumbers,
		orders: make(map[string]*order), lanes: lane.New(model.ConfirmShipment, cfg.Limits.Of).In(Processor, commands.Doctor),
		backlog: make(map[string]int), shown: make(map[string]bool),
		missing:   make(map[string]*missing),
		strangers: strangers{names: make(map[string]struct{}), accounts: make(map[string]int)},
	}
	m.feeds = m.newFeeds()
	return m
}

// Restore takes an entry of the committed state.
func (m *Machine) Restore(key string, value any) error { return m.RestoreAged(key, value, 0) }

// RestoreAged takes an entry of the committed state that is of an age.
func (m *Machine) RestoreAged(key string, value any, age time.Duration) error {
	switch state := value.(type) {
	case *schemas.QuotaState, *schemas.LaneState, *schemas.FeedLaneState:
		if m.lanes.Restore(state) {
			return nil
		}
		if mine, err := m.feeds.Restore(key, state, age); mine || err != nil {
			return err
		}
		return fmt.Errorf("shipments: state %s is of an operation or a feed that is not ours: %w", key, schemas.ErrUnknownKind)
	case *schemas.ShipmentState:
		if key != orderKey(state.Account, state.OrderID) {
			return fmt.Errorf("shipments: state %s is about order %s of account %s", key, state.OrderID, state.Account)
		}
		o := newOrder(state)
		m.orders[key] = o
		m.lanes.Known(o.Account)
		m.shown[o.Account] = m.shown[o.Account] || !o.OrderTime.IsZero()
		if o.Missing != nil {
			m.hold(o)
		}
		m.await(o)
		if o.waits() { // the first Draw looks at it, which knows the time
			if p := m.first(o); p != nil && untracked(next(p)) {
				m.feed(o, p) // the lanes are to know it before they begin
			}
			o.place = inHold
			m.holds.Add(&o.Item, time.Unix(0, 0))
			return nil
		}
		m.rest(o)
		m.watch(o, time.Time{}, time.Time{})
	default:
		return fmt.Errorf("shipments: state %s is a %T: %w", key, value, schemas.ErrUnknownKind)
	}
	return nil
}

// Record takes a shipment or an order.
func (m *Machine) Record(tx *machine.Tx, rec *machine.Record) {
	switch value := rec.Value.(type) {
	case *schemas.Shipment:
		if a, ok := machine.AccountOf(tx, rec, value.Account, m.cfg.Accounts().ByID); ok {
			m.shipment(tx, rec, a, value)
		}
	case *schemas.Order:
		if _, ok := machine.AccountOf(tx, rec, value.Account, m.cfg.Accounts().ByID); ok {
			m.known(tx, rec, value)
		}
	case *schemas.OrderLooked:
		if tx.Keyed(rec, value.Account) {
			m.looked(tx, value)
		}
	case *schemas.FeedIssues:
		if tx.Keyed(rec, value.Account) {
			m.feeds.Record(tx, value)
		}
	case *schemas.FeedResult:
		if tx.Keyed(rec, value.Account) {
			m.feeds.Record(tx, value)
		}
	default:
		tx.Unexpected(rec, "a Shipment, an Order, an OrderLooked, a FeedIssues or a FeedResult")
	}
}

// Draw starts the calls that quota allows, reports orders at risk or without a shipment
// and packages that are not shown, and forgets old orders.
func (m *Machine) Draw(tx *machine.Tx) {
	m.drawUnshown(tx)
	for item := m.holds.Pop(tx.Now); item != nil; item = m.holds.Pop(tx.Now) {
		o := m.orders[item.Key]
		o.place = nowhere
		if p := m.carried(o); p != nil { // the end of its feed goes on with it
			m.claim(o, p)
			continue
		}
		outputs := len(tx.Outputs)
		m.decide(tx, o) // of one that was in flight before a restart nothing is decided yet
		if len(tx.Outputs) > outputs {
			m.save(tx, o)
		}
		m.queue(o, tx.Now)
	}
	m.lanes.Draw(tx, func(item *lane.Item) { m.call(tx, m.orders[item.Key]) })
	m.feeds.Draw(tx)
	m.drawRisks(tx)
	for range sweepBatch {
		item := m.idle.Pop(tx.Now)
		if item == nil {
			break
		}
		m.forget(tx, m.orders[item.Key])
	}
	for _, q := range []*lane.Queue{&m.holds, &m.risks, &m.idle, &m.unshown} {
		if next := q.Due(); !next.IsZero() {
			tx.WakeAt(next)
		}
	}
}

// forget drops an order that has nothing to come any more.
func (m *Machine) forget(tx *machine.Tx, o *order) {
	m.unshown.Remove(&o.check)
	m.risks.Remove(&o.risk)
	if o.Missing != nil {
		m.resolveMissing(tx, o, "it has not come from Amazon for so long that it is forgotten")
	}
	delete(m.orders, o.Key)
	tx.Delete(o.Key)
}

// call starts the confirmShipment of an order's next shipment. The intent of it
// is in the state that the call is committed with.
func (m *Machine) call(tx *machine.Tx, o *order) {
	o.place = nowhere
	m.backlog[o.Account]--
	m.risks.Remove(&o.risk)
	p := m.first(o)
	o.flying, o.doubt = p, p.DoubtUntil
	if p.Sent == nil {
		p.Sent, p.Wanted, o.doubt = p.Wanted, nil, time.Time{}
	}
	p.DoubtOffset, p.DoubtUntil = p.Sent.SourceOffset, tx.Now.Add(m.cfg.CallTime+m.cfg.ApplyDelay)
	m.save(tx, o)
	tx.Call(machine.Call{
		Account: o.Account, Operation: model.ConfirmShipment, Key: o.Key, Lease: m.cfg.Lease,
		Request: request(o, m.marketplace(o, p.Sent), p.PackageReferenceID, p.Sent),
	})
}

// Pending is how many orders have a shipment to confirm. Those that wait for their
// order, or for a time, are counted apart.
func (m *Machine) Pending() int {
	return lane.Apart(m.lanes.Pending()+m.feeds.Pending(), m.holds.Len())
}

// Held is all that is to be done, whether it may go on or not.
func (m *Machine) Held() int { return m.lanes.Held() + m.feeds.Held() + m.holds.Len() }

func (m *Machine) save(tx *machine.Tx, o *order) {
	o.TouchedTime = tx.Now
	tx.Put(o.Key, o.ShipmentState)
}

// request is what Amazon is told.
func request(o *order, marketplace, reference string, s *schemas.PendingShipment) *model.ConfirmShipmentRequest {
	parcel := model.ShipmentPackage{
		PackageReferenceID: reference, CarrierCode: s.CarrierCode, CarrierName: s.CarrierName,
		ShippingMethod: s.ShippingMethod, TrackingNumber: s.TrackingNumber, ShipDate: o.shipDate(s),
		SupplySourceID: s.ShipFromSupplySourceID,
	}
	for _, item := range s.Items {
		parcel.Items = append(parcel.Items, model.ShipmentItem{
			OrderItemID: item.OrderItemID, Quantity: item.Quantity, TransparencyCodes: item.TransparencyCodes,
		})
	}
	return &model.ConfirmShipmentRequest{
		OrderID: o.OrderID, MarketplaceID: marketplace, Package: parcel, CODCollectionMethod: s.CodCollectionMethod,
	}
}

func orderKey(account, orderID string) string { return orderPrefix + account + "/" + orderID }
