package shipments

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/twmb/avro"
	"golang.org/x/time/rate"

	"github.com/sellerstream/sellerstream/pkg/account"
	"github.com/sellerstream/sellerstream/pkg/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	testAccount  = "acme-eu"
	otherAccount = "other"
	germany      = "A1PA6795UKMFR9"
	france       = "A13V1IB3VIYZZH"
	line         = "68828574383266"
)

var testStart = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func testDirectory(t testing.TB) func() *account.Directory {
	t.Helper()
	directory, err := account.NewDirectory([]account.Account{
		{ID: testAccount, SellerID: "A1", Region: model.Europe, Marketplaces: []string{germany, france}},
		{ID: otherAccount, SellerID: "A2", Region: model.Europe, Marketplaces: []string{germany}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return func() *account.Directory { return directory }
}

// runtime runs a machine as pkg/stream does, with a committed log in memory.
type runtime struct {
	t       testing.TB
	cfg     Config
	numbers uint64
	machine *Machine
	now     time.Time
	offset  int64
	wake    time.Time

	state    map[string]entry // committed
	codecs   map[string]*avro.Schema
	outcomes []*schemas.ShipmentConfirmation
	alerts   []*schemas.Alert
	letters  []machine.DeadLetter
	running  map[string]machine.Call // started and not ended, by key
	started  []machine.Call
}

func newRuntime(t testing.TB, cfg Config) *runtime {
	if cfg.Accounts == nil {
		cfg.Accounts = testDirectory(t)
	}
	return &runtime{
		t: t, cfg: cfg, numbers: referenceNumbers, machine: New(cfg), now: testStart,
		state: map[string]entry{}, codecs: map[string]*avro.Schema{}, running: map[string]machine.Call{},
	}
}

// record is a record of the value's topic, at the next offset.
func (r *runtime) record(value any) *machine.Record {
	rec := &machine.Record{Partition: 3, Offset: r.offset, Value: value}
	r.offset++
	switch v := value.(type) {
	case *schemas.Shipment:
		rec.Topic, rec.Account = schemas.Shipments, v.Account
	case *schemas.Order:
		rec.Topic, rec.Account = schemas.Orders, v.Account
	}
	return rec
}

// take applies values in one tick and returns the calls that it started.
func (r *runtime) take(values ...any) []machine.Call {
	r.t.Helper()
	var records []*machine.Record
	for _, value := range values {
		records = append(records, r.record(value))
	}
	return r.tick(records, nil)
}

// end ends a call in a tick.
func (r *runtime) end(call machine.Call, outcome machine.Outcome) []machine.Call {
	r.t.Helper()
	return r.tick(nil, []machine.Result{{Call: call, Outcome: outcome}})
}

// pass lets time pass, with the ticks that the machine asks for, and returns
// the calls that they started.
func (r *runtime) pass(d time.Duration) []machine.Call {
	r.t.Helper()
	end := r.now.Add(d)
	calls := r.tick(nil, nil)
	for !r.wake.IsZero() && !r.wake.After(end) {
		r.now = latest(r.now.Add(time.Millisecond), r.wake)
		calls = append(calls, r.tick(nil, nil)...)
	}
	r.now = end
	return append(calls, r.tick(nil, nil)...)
}

// tick applies records and results in one transaction, then starts its calls.
func (r *runtime) tick(records []*machine.Record, results []machine.Result) []machine.Call {
	r.t.Helper()
	tx := r.decide(records, results)
	r.commit(tx)
	for i := range results {
		delete(r.running, results[i].Call.Key)
	}
	for _, call := range tx.Calls {
		r.start(call)
	}
	return tx.Calls
}

func (r *runtime) decide(records []*machine.Record, results []machine.Result) *machine.Tx {
	tx := &machine.Tx{Now: r.now}
	for _, rec := range records {
		r.machine.Record(tx, rec)
	}
	for i := range results {
		r.machine.Result(tx, &results[i])
	}
	r.machine.Draw(tx)
	r.wake = tx.Wake
	return tx
}

func (r *runtime) commit(tx *machine.Tx) {
	r.t.Helper()
	for key, value := range tx.State {
		if value == nil {
			delete(r.state, key)
			continue
		}
		r.state[key] = encoded(value)
	}
	for _, out := range tx.Outputs {
		switch v := out.Value.(type) {
		case *schemas.ShipmentConfirmation:
			r.outcomes = append(r.outcomes, v)
		case *schemas.Alert:
			r.alerts = append(r.alerts, v)
		}
	}
	r.letters = append(r.letters, tx.DeadLetters...)
}

// start checks rules 1 and 2 of the package for a call.
func (r *runtime) start(call machine.Call) {
	r.t.Helper()
	if _, twice := r.running[call.Key]; twice {
		r.t.Fatalf("rule 2: two calls for %s in flight", call.Key)
	}
	r.running[call.Key] = call
	r.started = append(r.started, call)
	request := requestOf(call)
	state := r.orderState(request.OrderID)
	if state == nil || call.Operation != model.ConfirmShipment || call.Lease == 0 {
		r.t.Fatalf("rule 1: call %+v started without a committed intent", call)
	}
	for i := range state.Packages {
		p := &state.Packages[i]
		if p.Sent != nil && p.PackageReferenceID == request.Package.PackageReferenceID && p.Sent.TrackingNumber == request.Package.TrackingNumber {
			return
		}
	}
	r.t.Fatalf("rule 1: call %+v started without a committed intent: %+v", request, state)
}

// restart drops the machine and builds one from the committed state, as after
// a crash or a handover: whatever was running is lost.
func (r *runtime) restart() {
	r.t.Helper()
	r.machine = New(r.cfg)
	r.machine.numbers = r.numbers
	clear(r.running)
	for key, e := range r.state {
		if err := r.machine.Restore(key, r.decoded(e)); err != nil {
			r.t.Fatal(err)
		}
	}
}

// entry is a value as it stands in the state topic.
type entry struct {
	record string
	bytes  []byte
}

func encoded(value any) entry {
	return entry{reflect.TypeOf(value).Elem().Name(), value.(schemas.Value).AppendAvro(nil)}
}

func (r *runtime) decoded(e entry) any {
	r.t.Helper()
	record, ok := schemas.Of(e.record)
	if !ok {
		r.t.Fatalf("no record %s", e.record)
	}
	if r.codecs[e.record] == nil {
		r.codecs[e.record] = avro.MustParse(record.Schema())
	}
	value := record.New()
	if _, err := r.codecs[e.record].Decode(e.bytes, value); err != nil {
		r.t.Fatal(err)
	}
	return value
}

func (r *runtime) orderState(id string) *schemas.ShipmentState {
	e, ok := r.state[orderKey(testAccount, id)]
	if !ok {
		return nil
	}
	return r.decoded(e).(*schemas.ShipmentState)
}

// settled is the outcome of a shipment; there must be one.
func (r *runtime) settled(shipmentID string) *schemas.ShipmentConfirmation {
	r.t.Helper()
	var found *schemas.ShipmentConfirmation
	for _, c := range r.outcomes {
		if c.ShipmentID == shipmentID {
			if found != nil {
				r.t.Fatalf("shipment %s has two outcomes", shipmentID)
			}
			found = c
		}
	}
	if found == nil {
		r.t.Fatalf("shipment %s has no outcome", shipmentID)
	}
	return found
}

func orderID(n int) string { return fmt.Sprintf("202-0000000-%07d", n) }

// known is an order of so many units of one line, to ship in a day.
func known(id string, units int32, at time.Time) *schemas.Order {
	return &schemas.Order{
		EventType: "OrderChanged", Account: testAccount, OrderID: id, MarketplaceID: france, Status: "UNSHIPPED",
		LastUpdatedTime: at, ShipBy: &schemas.TimeWindow{Latest: at.Add(24 * time.Hour)},
		Items: []schemas.OrderItem{{OrderItemID: line, QuantityOrdered: units}},
	}
}

// shipped is a shipment of units of that line; its tracking number is its id.
func shipped(id, order, pack string, units int32, at time.Time) *schemas.Shipment {
	return &schemas.Shipment{
		ShipmentID: id, Account: testAccount, OrderID: order, PackageID: pack, CarrierName: "DHL Paket",
		Items:          []schemas.ShipmentItem{{OrderItemID: line, Quantity: units, TransparencyCodes: []string{}}},
		TrackingNumber: id, ShipTime: at, EventTime: at,
	}
}

func requestOf(call machine.Call) *model.ConfirmShipmentRequest {
	return call.Request.(*model.ConfirmShipmentRequest)
}

func refusal(status int, class model.Class, code, message string) machine.Reject {
	return machine.Reject{Err: &model.Error{
		Operation: model.ConfirmShipment, Class: class, Status: status, Code: code, Message: message,
	}}
}

// alreadyFulfilled is Amazon's answer about a package that it will not add.
func alreadyFulfilled() machine.Reject {
	return refusal(400, model.Invalid, "InvalidInput",
		"Failed to create package due to not finding a matching package or order already fulfilled. "+
			"ErrorMessage(errorCode=GeneralError, errorMetric=PackageToUpdateNotFound, packageIndex=null)")
}

// amazon is the marketplace that is told of shipments.
type amazon struct {
	ordered map[string]int32 // units of each order's one line
	parcels map[string]map[string][]model.ShipmentPackage
	bucket  *rate.Limiter
	denied  int // 429s that it had to give
}

func newAmazon() *amazon {
	return &amazon{
		ordered: map[string]int32{}, parcels: map[string]map[string][]model.ShipmentPackage{},
		bucket: rate.NewLimiter(2, 10),
	}
}

// apply confirms a package, or edits it.
func (a *amazon) apply(request *model.ConfirmShipmentRequest) machine.Outcome {
	ordered, ok := a.ordered[request.OrderID]
	if !ok {
		return refusal(404, model.NotFound, "NotFound", "The requested order was not found.")
	}
	packages := a.parcels[request.OrderID]
	if packages == nil {
		packages = map[string][]model.ShipmentPackage{}
		a.parcels[request.OrderID] = packages
	}
	reference, packed := request.Package.PackageReferenceID, int32(0)
	for other, versions := range packages {
		if other != reference {
			packed += versions[len(versions)-1].Items[0].Quantity
		}
	}
	if packages[reference] == nil && packed == ordered {
		return alreadyFulfilled()
	}
	for _, item := range request.Package.Items {
		if packed += item.Quantity; item.OrderItemID != line || packed > ordered {
			return refusal(400, model.Invalid, "InvalidInput", "the line or its quantity is wrong")
		}
	}
	packages[reference] = append(packages[reference], request.Package)
	return machine.Done{Response: &model.ConfirmShipmentResponse{}}
}
