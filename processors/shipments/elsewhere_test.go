package shipments

import (
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// shownPackage is a package that an order shows, with so many units of its line.
func shownPackage(reference, tracking, status string, units int32) schemas.OrderPackage {
	return schemas.OrderPackage{
		PackageReferenceID: reference, TrackingNumber: tracking, Status: status,
		Items: []schemas.PackageItem{{OrderItemID: line, Quantity: units}},
	}
}

// What Amazon's label, or somebody else, has put on an order is not confirmed a second time,
// unless the producer insists. No call is spent on it.
func TestWhatIsConfirmedElsewhereCostsNoCall(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		programs []string
		packages []schemas.OrderPackage
		units    int32 // of the two that were ordered
		code     string
		words    string
	}{
		"ordinary":                     {[]string{"PRIME"}, nil, 2, "", ""},
		"Ship+":                        {[]string{"PRIME", "FBM_SHIP_PLUS"}, nil, 2, codeLabel, "FBM_SHIP_PLUS"},
		"Easy Ship":                    {[]string{"AMAZON_EASY_SHIP"}, nil, 1, codeLabel, "AMAZON_EASY_SHIP"},
		"all units in a package":       {nil, []schemas.OrderPackage{shownPackage("9", "T9", "SHIPPED", 2)}, 1, codeElsewhere, "package 9 with the tracking number T9"},
		"its own number":               {nil, []schemas.OrderPackage{shownPackage("9", "S 1", "SHIPPED", 2)}, 2, codeElsewhere, "as this shipment has"},
		"a label that is not used yet": {nil, []schemas.OrderPackage{shownPackage("9", "", "PENDING", 1)}, 2, codeElsewhere, "no tracking number"},
		"units are left":               {nil, []schemas.OrderPackage{shownPackage("9", "T9", "SHIPPED", 1)}, 1, "", ""},
		"a cancelled label":            {nil, []schemas.OrderPackage{shownPackage("9", "T9", "CANCELLED", 2)}, 2, "", ""},
		"more than was ordered":        {nil, []schemas.OrderPackage{shownPackage("9", "T9", "SHIPPED", 2)}, 3, codeTooLarge, ""},
	} {
		for _, insists := range []bool{false, true} {
			r := newRuntime(t, Config{})
			order := known(orderID(1), 2, testStart)
			order.Programs, order.Packages = test.programs, test.packages
			r.Take(order)
			r.Restart()
			s := shipped("s1", orderID(1), "p1", test.units, testStart)
			s.ConfirmAnyway = insists
			calls := append(r.Take(s), r.Pass(5*time.Second)...) // the restart has cost the burst
			if test.code == "" || insists && test.code != codeTooLarge {
				if len(calls) != 1 || len(r.outcomes) > 0 {
					t.Errorf("%s, insists %v: %d calls, outcomes %+v", name, insists, len(calls), r.outcomes)
				}
				continue
			}
			c := r.settled("s1")
			if len(calls) > 0 || c.Outcome != rejected || c.Code != test.code || !strings.Contains(c.Message, test.words) || c.Code != codeTooLarge && !strings.Contains(c.Message, "confirmAnyway true") {
				t.Errorf("%s: %d calls, outcome %s %s %q", name, len(calls), c.Outcome, c.Code, c.Message)
			}
		}
	}
}

// Our own packages are not somebody else's, also where Amazon has given them other ids; and
// what Amazon has from us is corrected in any order.
func TestOwnPackagesAreNotConfirmedElsewhere(t *testing.T) {
	t.Parallel()
	for _, reference := range []string{"", "1"} {
		r := newRuntime(t, Config{})
		r.End(r.Take(known(orderID(1), 2, testStart), shipped("s1", orderID(1), "p1", 1, testStart))[0], done())
		order := known(orderID(1), 2, testStart.Add(time.Minute))
		if reference == "" {
			reference = r.outcomes[0].PackageReferenceID
		}
		order.Packages = []schemas.OrderPackage{shownPackage(reference, "S1", "SHIPPED", 1)}
		r.Take(order)
		if calls := r.Take(shipped("s2", orderID(1), "p2", 1, r.Now)); len(calls) != 1 {
			t.Fatalf("package %s: %d calls, outcomes %+v", reference, len(calls), r.outcomes)
		} else {
			r.End(calls[0], done())
		}
		order.Programs, order.LastUpdatedTime = []string{model.ProgramShipPlus}, r.Now.Add(time.Minute)
		r.Take(order)
		if calls := r.Take(shipped("s3", orderID(1), "p1", 1, r.Now.Add(time.Second))); len(calls) != 1 {
			t.Errorf("package %s: a correction has %d calls", reference, len(calls))
		}
	}
}

// How cash on delivery is collected is told to the Japanese marketplace, and to no other.
func TestCashOnDeliveryIsToldInJapanAlone(t *testing.T) {
	t.Parallel()
	for marketplace, code := range map[string]string{model.Japan: "", france: codeCOD} {
		r := newRuntime(t, Config{})
		order := known(orderID(1), 2, testStart)
		order.MarketplaceID = marketplace
		s := shipped("s1", orderID(1), "p1", 2, testStart)
		s.CodCollectionMethod = model.CODDirectPayment
		calls := r.Take(order, s)
		if code != "" {
			if c := r.settled("s1"); len(calls) > 0 || c.Outcome != rejected || c.Code != code {
				t.Errorf("%s: %d calls, %+v", marketplace, len(calls), c)
			}
			continue
		}
		if len(calls) != 1 || requestOf(calls[0]).CODCollectionMethod != "DirectPayment" {
			t.Errorf("%s: calls %+v", marketplace, calls)
		}
	}
	r := newRuntime(t, Config{})
	s := shipped("s1", orderID(1), "p1", 2, testStart)
	s.CodCollectionMethod = "Cash"
	if r.Take(s); len(r.Letters) != 1 || r.Letters[0].Reason != "invalid_cod_collection_method" {
		t.Errorf("dead letters %+v", r.Letters)
	}
}

// A package that we have confirmed and forgotten is ours by its reference: it is corrected,
// and no label's.
func TestAForgottenPackageIsNoLabels(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	r.End(r.Take(known(orderID(1), 2, testStart), shipped("s1", orderID(1), "p1", 2, testStart))[0], done())
	order := known(orderID(1), 2, testStart)
	order.Programs = []string{model.ProgramShipPlus}
	order.Packages = []schemas.OrderPackage{shownPackage(r.outcomes[0].PackageReferenceID, "S1", "SHIPPED", 2)}
	r = newRuntime(t, Config{})
	if calls := r.Take(order, shipped("s2", orderID(1), "p1", 2, testStart.Add(time.Second))); len(calls) != 1 {
		t.Errorf("%d calls, outcomes %+v", len(calls), r.outcomes)
	}
}
