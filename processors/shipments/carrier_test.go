package shipments

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/spapi/carriers"
	"github.com/sellerstream/sellerstream/schemas"
)

// strange are the alerts about carriers.
func (r *runtime) strange() (alerts []*schemas.Alert) {
	for _, a := range r.alerts {
		if a.EventType == alertCarrier {
			alerts = append(alerts, a)
		}
	}
	return alerts
}

// TestUnknownCarriersAreReportedOnce, with the nearest codes, and their packages go as
// Other. What is configured, and what is a code, is not reported.
func TestUnknownCarriersAreReportedOnce(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{Carriers: carriers.New(map[string]string{"Rad": "Other", "Haus": "DPD"})})
	n := 0
	ship := func(code, name string) {
		n++
		s := shipped(fmt.Sprint("s", n), orderID(n), "p", 1, testStart)
		s.CarrierCode, s.CarrierName = code, name
		r.Take(known(orderID(n), 1, testStart), s)
	}
	for _, name := range []string{"Geodis", "geodis!", "GeOdIs", "geodis", "Rad", "Haus", "DHL Paket", "DHL"} {
		ship("", name)
	}
	ship("geo-dis", "Rad")
	if len(r.strange()) != 1 {
		t.Fatalf("%d alerts, want 1: %+v", len(r.strange()), r.strange())
	}
	a := r.strange()[0]
	if a.EventType != "CarrierUnknown" || a.Account != testAccount || a.Severity != "WARNING" || a.Subject != "Geodis" ||
		a.Attributes["nearestCodes"] != "GEODIS, geodis, Geodis Calberson" || a.Attributes["carrierName"] != "Geodis" || !strings.Contains(a.Message, "GEODIS, geodis, Geodis Calberson") {
		t.Errorf("%+v", a)
	}
	for i, want := range []string{"Other Geodis", "Other geodis!", "Other GeOdIs", "geodis ", "Other Rad", "DPD ", "DHL-Paket ", "DHL ", "Other Rad"} {
		if s := r.orderState(orderID(i + 1)).Packages[0]; s.Wanted != nil && s.Wanted.CarrierCode+" "+s.Wanted.CarrierName != want ||
			s.Sent != nil && s.Sent.CarrierCode+" "+s.Sent.CarrierName != want {
			t.Errorf("shipment %d: %+v, want %s", i+1, s, want)
		}
	}
	r.Restart()
	ship("", "GEODIS?")
	ship("", "Velo")
	alerts := r.strange()
	if len(alerts) != 3 || alerts[1].EventID == a.EventID || alerts[2].EventID == alerts[1].EventID {
		t.Fatalf("after a restart: %+v", alerts[1:])
	}
	if velo := alerts[2]; velo.Attributes["nearestCodes"] != "" || !strings.Contains(velo.Message, "No code resembles it.") {
		t.Errorf("%+v", velo)
	}
}

// TestStrangeCarriersAreBounded: an account whose producer writes anything into the name
// is reported, and takes no more memory and alerts for it. Another account's are reported.
func TestStrangeCarriersAreBounded(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	for n := range 3 * mostCarriers {
		s := shipped(fmt.Sprint("s", n), orderID(n), "p", 1, testStart)
		s.CarrierName = fmt.Sprintf("%d%s\x1b[2J", n, strings.Repeat("x", 8000))
		r.Take(s)
	}
	if len(r.alerts) != mostCarriers+1 || len(r.Machine.strangers.names) != mostCarriers {
		t.Fatalf("%d alerts, and %d names are remembered", len(r.alerts), len(r.Machine.strangers.names))
	}
	for i, a := range r.alerts {
		if len(a.Message) > maxWords || strings.Contains(a.Message+a.Subject+a.Attributes["carrierName"], "\x1b") || (a.Subject == "") != (i == mostCarriers) {
			t.Errorf("alert %d: %+v", i, a)
		}
	}
	for name := range r.Machine.strangers.names {
		if len(name) > 200 {
			t.Errorf("a name of %d bytes is remembered", len(name))
		}
	}
	s := shipped("o", orderID(1), "p", 1, testStart)
	s.Account, s.CarrierName = otherAccount, "Velo"
	rec := r.Records(s)[0]
	rec.Account = otherAccount
	tx := r.Decide(append(r.Records()[:0], rec))
	alerts := 0
	for _, out := range tx.Outputs {
		if a, ok := out.Value.(*schemas.Alert); ok && a.Account == otherAccount && a.Subject == "Velo" {
			alerts++
		}
	}
	if alerts != 1 {
		t.Errorf("%d alerts about the other account's carrier; dead letters %+v", alerts, tx.DeadLetters)
	}
}

// What is set aside or too old changes nothing at Amazon: its carrier is not reported.
func TestCarriersOfRefusedShipmentsAreNotReported(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	r.Take(known(orderID(1), 3, testStart), shipped("s1", orderID(1), "p", 1, testStart.Add(time.Second)))
	late, bad := shipped("s2", orderID(1), "p", 1, testStart), shipped("s3", orderID(1), "q", 1, testStart)
	late.CarrierName, bad.CarrierName, bad.TrackingNumber = "Velo", "Rad", ""
	r.Take(late, bad)
	if len(r.alerts) != 0 {
		t.Errorf("%+v", r.alerts)
	}
}
