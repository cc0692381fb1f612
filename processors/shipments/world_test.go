package shipments

import (
	"fmt"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
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

type runtime struct {
	*machinetest.Runtime[*Machine]
	numbers  uint64 // of package references
	outcomes []*schemas.ShipmentConfirmation
	alerts   []*schemas.Alert
	looks    []*schemas.OrderLook

	submitted map[string]bool // feed ids
}

func newRuntime(t testing.TB, cfg Config) *runtime {
	if cfg.Accounts == nil {
		cfg.Accounts = machinetest.Sellers(t)
	}
	r := &runtime{numbers: referenceNumbers, submitted: map[string]bool{}}
	r.Runtime = machinetest.New(t, machinetest.Config[*Machine]{
		Processor: Processor, Operations: Operations(), Now: testStart, Committed: r.committed, Check: r.check,
		Build: func() *Machine {
			m := New(cfg)
			m.numbers = r.numbers
			return m
		},
	})
	return r
}

func (r *runtime) committed(tx *machine.Tx) {
	for _, out := range tx.Outputs {
		switch v := out.Value.(type) {
		case *schemas.ShipmentConfirmation:
			r.outcomes = append(r.outcomes, v)
		case *schemas.Alert:
			if v.EventType != "AccountParked" && v.EventType != "AccountRecovered" { // the lane raises those
				r.alerts = append(r.alerts, v)
			}
		case *schemas.FeedSubmission:
			r.submitted[v.FeedID] = true
		case *schemas.OrderLook:
			r.looks = append(r.looks, v)
		}
	}
}

// check holds a call to rules 1 and 11 of the package.
func (r *runtime) check(call machine.Call) {
	r.T.Helper()
	if call.Operation != model.ConfirmShipment { // feedlane's tests hold its calls to that
		return
	}
	request := requestOf(call)
	state := r.orderState(request.OrderID)
	if ahead := request.Package.ShipDate.Sub(r.Now); ahead > timeSlack {
		r.T.Fatalf("rule 11: call %+v started %v before its ship time", request, ahead)
	}
	if state == nil || call.Operation != model.ConfirmShipment || call.Lease == 0 {
		r.T.Fatalf("rule 1: call %+v started without a committed intent", call)
	}
	for i := range state.Packages {
		p := &state.Packages[i]
		if p.Sent != nil && p.PackageReferenceID == request.Package.PackageReferenceID && p.Sent.TrackingNumber == request.Package.TrackingNumber {
			return
		}
	}
	r.T.Fatalf("rule 1: call %+v started without a committed intent: %+v", request, state)
}

func (r *runtime) orderState(id string) *schemas.ShipmentState {
	state, _ := r.State(orderKey(testAccount, id)).(*schemas.ShipmentState)
	return state
}

// answered is the answer to the last look: an order with these packages, each a reference and
// a tracking number.
func (r *runtime) answered(status string, packages ...string) *schemas.OrderLooked {
	r.T.Helper()
	if len(r.looks) == 0 {
		r.T.Fatal("no look was asked for")
	}
	look := r.looks[len(r.looks)-1]
	looked := &schemas.OrderLooked{
		Account: look.Account, OrderID: look.OrderID, AskedTime: look.AskedTime, LastUpdatedTime: r.Now, Status: status,
	}
	for i := 0; i < len(packages); i += 2 {
		looked.Packages = append(looked.Packages, schemas.SeenPackage{PackageReferenceID: packages[i], TrackingNumber: packages[i+1]})
	}
	return looked
}

// settled is the outcome of a shipment; there must be one.
func (r *runtime) settled(shipmentID string) *schemas.ShipmentConfirmation {
	r.T.Helper()
	var found *schemas.ShipmentConfirmation
	for _, c := range r.outcomes {
		if c.ShipmentID == shipmentID {
			if found != nil {
				r.T.Fatalf("shipment %s has two outcomes", shipmentID)
			}
			found = c
		}
	}
	if found == nil {
		r.T.Fatalf("shipment %s has no outcome", shipmentID)
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

// amazon is the marketplace that receives the shipments.
type amazon struct {
	*machinetest.Door
	ordered map[string]int32 // units of each order's one line
	parcels map[string]map[string][]model.ShipmentPackage
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

// fresh reports whether a call that Amazon would take is for a package that it does not have.
func (a *amazon) fresh(request *model.ConfirmShipmentRequest) bool {
	item := request.Package.Items[0]
	return a.parcels[request.OrderID][request.Package.PackageReferenceID] == nil && item.OrderItemID == line && item.Quantity <= a.ordered[request.OrderID]
}

// looked is what an order shows.
func (a *amazon) looked(id string) *schemas.OrderLooked {
	looked, units := &schemas.OrderLooked{Status: "UNSHIPPED"}, int32(0)
	for reference, versions := range a.parcels[id] {
		p := versions[len(versions)-1]
		units += p.Items[0].Quantity
		looked.Status = "PARTIALLY_SHIPPED"
		looked.Packages = append(looked.Packages, schemas.SeenPackage{PackageReferenceID: reference, TrackingNumber: p.TrackingNumber})
	}
	if units > 0 {
		looked.Fulfilled = []schemas.LineUnits{{OrderItemID: line, Quantity: units}}
	}
	return looked
}
