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
//
// What an order's status says is not held against a shipment: whether a
// shipped or cancelled order takes another package is for Amazon to say.
package shipments

import (
	"fmt"
	"time"

	"github.com/sellerstream/sellerstream/pkg/account"
	"github.com/sellerstream/sellerstream/pkg/lane"
	"github.com/sellerstream/sellerstream/pkg/machine"
	"github.com/sellerstream/sellerstream/pkg/quota"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// Processor is the name of the role.
const Processor = "shipments"

// Operations are the operations whose quota the processor owns.
func Operations() []string { return []string{model.ConfirmShipment} }

// orderPrefix begins the state's keys, but for those of the lanes.
const orderPrefix = "order/"

// sweepBatch bounds the deletions, and the alerts, of one tick.
const sweepBatch = 1000

// Config is what the processor needs besides its input. A zero value means the
// default where there is one. The durations are on the pipeline's clock, but for
// Lease.
type Config struct {
	// Accounts is the directory of the moment; it may be replaced while running.
	Accounts func() *account.Directory
	// Quota overrides Amazon's default plan for an account.
	Quota quota.Overrides
	// Carriers gives the carrier code of a carrier by its name or code as producers
	// write it, before the built-in table is asked; case, spaces and punctuation do
	// not count. model.CarrierOther has the name sent as it is.
	Carriers map[string]string

	// WaitForOrder is how long a shipment waits for its order to come from orders,
	// before Amazon is asked without a check. Default 2 minutes.
	WaitForOrder time.Duration
	// RiskMargin is how long before its latest ship date an order that waits must be
	// expected to be confirmed; else ShipmentAtRisk is raised. Default 2 hours.
	RiskMargin time.Duration

	// Lease is within which real time after its commit a call must have started and
	// ended: less than the runtime's session timeout. Default 8 s.
	Lease time.Duration
	// CallTime is how long after its commit a call may go on: its lease and the
	// client's timeout of a request. Default 38 s.
	CallTime time.Duration
	// ApplyDelay is how late Amazon may carry out a call after the answer to it was
	// lost. Default 5 minutes.
	ApplyDelay time.Duration
}

func (c Config) withDefaults() Config {
	setDefault(&c.WaitForOrder, 2*time.Minute)
	setDefault(&c.RiskMargin, 2*time.Hour)
	setDefault(&c.Lease, 8*time.Second)
	setDefault(&c.CallTime, c.Lease+30*time.Second)
	setDefault(&c.ApplyDelay, 5*time.Minute)
	return c
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}

// Machine is the logic of one unit.
type Machine struct {
	cfg      Config
	carriers map[string]string
	numbers  uint64 // how many packageReferenceIds there are

	orders map[string]*order // by state key
	lanes  *lane.Lanes       // orders with a shipment to confirm
	holds  lane.Queue        // those that have to wait for a time
	idle   lane.Queue        // the others, by when they are forgotten
	risks  lane.Queue        // orders that wait, by when they will be at risk

	backlog map[string]int // orders in the lane of each account
	// answers is when Amazon last answered about an order of an account. Not in the
	// state: it tells an order that is forbidden from an account that is.
	answers map[string]time.Time
}

// New makes the machine of one unit, without state.
func New(cfg Config) *Machine {
	cfg = cfg.withDefaults()
	return &Machine{
		cfg: cfg, carriers: carrierTable(cfg.Carriers), numbers: referenceNumbers,
		orders: make(map[string]*order), lanes: lane.New(model.ConfirmShipment, cfg.Quota.Of).In(Processor),
		backlog: make(map[string]int), answers: make(map[string]time.Time),
	}
}

// Restore takes an entry of the committed state.
func (m *Machine) Restore(key string, value any) error {
	switch state := value.(type) {
	case *schemas.QuotaState, *schemas.LaneState:
		if !m.lanes.Restore(state) {
			return fmt.Errorf("shipments: state %s is of an operation that is not ours", key)
		}
	case *schemas.ShipmentState:
		if key != orderKey(state.Account, state.OrderID) {
			return fmt.Errorf("shipments: state %s is about order %s of account %s", key, state.OrderID, state.Account)
		}
		o := newOrder(state)
		m.orders[key] = o
		m.lanes.Known(o.Account)
		if o.first() != nil { // the first Draw looks at it, which knows the time
			o.place = inHold
			m.holds.Add(&o.Item, time.Unix(0, 0))
			return nil
		}
		m.rest(o)
	default:
		return fmt.Errorf("shipments: state %s has the unknown type %T", key, value)
	}
	return nil
}

// Record takes a shipment or an order.
func (m *Machine) Record(tx *machine.Tx, rec *machine.Record) {
	switch value := rec.Value.(type) {
	case *schemas.Shipment:
		if a := m.accountOf(tx, rec, value.Account); a != nil {
			m.shipment(tx, rec, a, value)
		}
	case *schemas.Order:
		if m.accountOf(tx, rec, value.Account) != nil {
			m.known(tx, rec, value)
		}
	default:
		tx.Reject(rec, "unexpected_type", fmt.Sprintf(
			"topic %s holds a %T where a Shipment or an Order belongs", rec.Topic, rec.Value))
	}
}

// accountOf is the account of a record; nil for one that is set aside.
func (m *Machine) accountOf(tx *machine.Tx, rec *machine.Record, id string) *account.Account {
	if id != rec.Account {
		tx.Reject(rec, "account_mismatch", fmt.Sprintf(
			"the record's key names account %q, its value account %q: the producer must key by account", rec.Account, id))
		return nil
	}
	a, ok := m.cfg.Accounts().ByID(id)
	if !ok {
		tx.Reject(rec, "unknown_account", fmt.Sprintf(
			"account %q is not configured: configure it, then reprocess this record", id))
		return nil
	}
	return a
}

// Draw starts the calls that quota allows, tells of orders at risk, and forgets
// old ones.
func (m *Machine) Draw(tx *machine.Tx) {
	for item := m.holds.Pop(tx.Now); item != nil; item = m.holds.Pop(tx.Now) {
		o := m.orders[item.Key]
		o.place = nowhere
		m.queue(o, tx.Now)
	}
	m.lanes.Draw(tx, func(item *lane.Item) { m.call(tx, m.orders[item.Key]) })
	m.drawRisks(tx)
	for range sweepBatch {
		item := m.idle.Pop(tx.Now)
		if item == nil {
			break
		}
		delete(m.orders, item.Key)
		tx.Delete(item.Key)
	}
	for _, q := range []*lane.Queue{&m.holds, &m.risks, &m.idle} {
		if next := q.Due(); !next.IsZero() {
			tx.WakeAt(next)
		}
	}
}

// call starts the confirmShipment of an order's next shipment. The intent of it
// is in the state that the call is committed with.
func (m *Machine) call(tx *machine.Tx, o *order) {
	o.place = nowhere
	m.backlog[o.Account]--
	m.risks.Remove(&o.risk)
	p := o.first()
	o.flying, o.doubt = p, p.DoubtUntil
	if p.Sent == nil {
		p.Sent, p.Wanted, o.doubt = p.Wanted, nil, time.Time{}
	}
	p.DoubtOffset, p.DoubtUntil = p.Sent.SourceOffset, tx.Now.Add(m.cfg.CallTime+m.cfg.ApplyDelay)
	m.save(tx, o)
	tx.Call(machine.Call{
		Account: o.Account, Operation: model.ConfirmShipment, Key: o.Key, Lease: m.cfg.Lease,
		Request: request(o.OrderID, m.marketplace(o, p.Sent), p.PackageReferenceID, p.Sent),
	})
}

// Pending is how many orders have a shipment to confirm, now or later.
func (m *Machine) Pending() int { return m.lanes.Pending() + m.holds.Len() }

func (m *Machine) save(tx *machine.Tx, o *order) {
	o.TouchedTime = tx.Now
	tx.Put(o.Key, o.ShipmentState)
}

// request is what Amazon is told.
func request(orderID, marketplace, reference string, s *schemas.PendingShipment) *model.ConfirmShipmentRequest {
	parcel := model.ShipmentPackage{
		PackageReferenceID: reference, CarrierCode: s.CarrierCode, CarrierName: s.CarrierName,
		ShippingMethod: s.ShippingMethod, TrackingNumber: s.TrackingNumber, ShipDate: s.ShipTime,
		SupplySourceID: s.ShipFromSupplySourceID,
	}
	for _, item := range s.Items {
		parcel.Items = append(parcel.Items, model.ShipmentItem{
			OrderItemID: item.OrderItemID, Quantity: item.Quantity, TransparencyCodes: item.TransparencyCodes,
		})
	}
	return &model.ConfirmShipmentRequest{OrderID: orderID, MarketplaceID: marketplace, Package: parcel}
}

func orderKey(account, orderID string) string { return orderPrefix + account + "/" + orderID }
