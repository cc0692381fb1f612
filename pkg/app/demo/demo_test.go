package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sellerstream/sellerstream/pkg/app/simulated"
	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEveryOrderUpdateAndShipmentArrivesOnce(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := Run(t.Context(), Options{
		Orders: 150, Updates: 900, Accounts: 3, Speed: 120, Exit: true, JSON: true,
		Out: &out, Progress: io.Discard, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	var report Report
	decoder := json.NewDecoder(&out)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&report); err != nil {
		t.Fatal(err)
	}
	o := report.Orders
	if o.Distinct != 150 || o.Enriched != 150 || o.Published != 150 || o.Notifications <= 150 {
		t.Errorf("got %+v", report)
	}
	// Pages of searches bring some orders, which then need no call of their own.
	if calls := report.SPAPI.Calls["getOrder"]; calls == 0 || calls > o.Notifications || report.SPAPI.Calls["searchOrders"] == 0 {
		t.Errorf("%v calls for 150 orders and %d notifications", report.SPAPI.Calls, o.Notifications)
	}
	if report.Recovered == 0 || report.Recovered > o.Unnotified {
		t.Errorf("%d orders recovered, of %d that no notification told of", report.Recovered, o.Unnotified)
	}
	if report.DeadLetters != 0 || report.ElapsedSeconds <= 0 || report.Speed != 120 {
		t.Errorf("got %+v", report)
	}
	i := report.Inventory
	if i.Updates != 900 || i.outcomes() != 900 || i.SKUs != 180 || i.Unresolved != 0 || i.FeedsDouble != 0 {
		t.Errorf("got %+v", i)
	}
	if i.Applied == 0 || i.Rejected == 0 || i.Superseded == 0 || i.Excluded == 0 || i.AmazonFulfils == 0 || i.AmazonFulfils == i.Rejected || i.Feeds+i.Patches == 0 {
		t.Errorf("a part of the flow was not taken: %+v", i)
	}
	if i.Drifts != 1 || i.DriftsFound != 1 || i.DriftsCorrected != 1 {
		t.Errorf("a quantity that somebody changed was not found and corrected: %+v", i)
	}
	s := report.Shipments
	if s.Requested == 0 || s.Confirmed+s.Rejected+s.Superseded != s.Requested || s.Unresolved != 0 || s.ConfirmedTwice != 0 {
		t.Errorf("got %+v", s)
	}
	if s.Confirmed == 0 || s.Rejected == 0 || s.Superseded == 0 {
		t.Errorf("a part of the flow was not taken: %+v", s)
	}
	if c := report.Cancellations; c.Requested == 0 || c.Accepted != c.Requested {
		t.Errorf("got %+v", c)
	}
	if calls := report.SPAPI.Calls["confirmShipment"]; calls != s.Confirmed-s.Letters || s.Letters == 0 {
		t.Errorf("%d confirmShipment calls for %d confirmed shipments, %d of letters", calls, s.Confirmed, s.Letters)
	}
}

// TestStaysUpUntilInterrupted also shows that a stop drains: goleak would find
// what is left.
func TestStaysUpUntilInterrupted(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	shown := &watcher{until: "Ctrl-C ends the demo", found: interrupt}
	err := Run(ctx, Options{
		Orders: 5, Updates: 20, Accounts: 2, Speed: 600, Out: io.Discard, Progress: shown, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if text := shown.String(); !strings.Contains(text, "kcat -C") || !strings.HasSuffix(text, "Stopping.\n") {
		t.Errorf("shown: %s", text)
	}
}

// watcher calls found when a text has been written.
type watcher struct {
	bytes.Buffer
	until string
	found func()
}

func (w *watcher) Write(p []byte) (int, error) {
	n, err := w.Buffer.Write(p)
	if strings.Contains(w.String(), w.until) {
		w.found()
	}
	return n, err
}

func TestSimulatorMovesFromATakenPortOnly(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	var logged bytes.Buffer
	log := slog.New(slog.NewTextHandler(&logged, nil))
	sim, err := simulated.New(1, clock.Real{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	if _, err := serve(sim, "127.0.0.1:no-port", log); err == nil || logged.Len() > 0 {
		t.Errorf("an address that is none: %v, logged %q", err, logged.String())
	}
	urls, err := serve(sim, taken.Addr().String(), log)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(logged.String(), taken.Addr().String()+" is taken") || !strings.Contains(logged.String(), strings.TrimPrefix(urls.Admin, "http://")) {
		t.Errorf("logged %q", logged.String())
	}
	// The first start that failed must not have stopped what the second serves.
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, urls.Admin+"/_simulator/scenario", strings.NewReader(`{"orders": 3}`))
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil || answer.StatusCode != http.StatusAccepted {
		t.Fatalf("%+v, %v", answer, err)
	}
	answer.Body.Close()
	for {
		if _, orders := sim.Counts(); orders == 3 {
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatal("the scenario did not run")
		case <-time.After(time.Millisecond):
		}
	}
}

func TestAdminPortMovesFromATakenPort(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	var logged bytes.Buffer
	listener, err := listenAdmin(config.Admin{Listen: taken.Addr().String()}, slog.New(slog.NewTextHandler(&logged, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if want := taken.Addr().String() + " is taken; health and metrics are on " + listener.Addr().String(); !strings.Contains(logged.String(), want) {
		t.Errorf("logged %q", logged.String())
	}
}

func TestReportSaysWhichPromiseWasBroken(t *testing.T) {
	t.Parallel()
	good := Report{Orders: Orders{Distinct: 2, Enriched: 2, Published: 2}}
	for _, test := range []struct {
		name  string
		spoil func(*Report)
		want  string // "" for no error
	}{
		{"nothing", func(*Report) {}, ""},
		{"lost", func(r *Report) { r.Orders.Published, r.Orders.Lost = 1, 1 }, "1 of 2 orders were lost"},
		{"twice", func(r *Report) { r.Orders.PublishedTwice = 3 }, "3 events were published twice"},
		{"no outcome", func(r *Report) { r.Inventory.Updates, r.Inventory.Unresolved = 5, 5 }, "5 stock updates have no outcome"},
		{"two outcomes", func(r *Report) { r.Inventory.Updates, r.Inventory.Applied, r.Inventory.Failed = 2, 2, 1 }, "1 stock updates have a second outcome"},
		{"a double feed", func(r *Report) { r.Inventory.FeedsDouble = 1 }, "1 feeds were submitted twice"},
		{"a wrong quantity", func(r *Report) { r.Inventory.QuantitiesWrong = 6 }, "6 SKUs do not have"},
		{"a lost event", func(r *Report) { r.Inventory.EventsMissing = 7 }, "7 events of feeds"},
		{"a shipment that did not come", func(r *Report) { r.Shipments.unsaid = 1 }, "1 shipments did not come to be"},
		{"a shipment without an outcome", func(r *Report) { r.Shipments.Requested, r.Shipments.Unresolved = 8, 8 }, "8 shipments have no outcome"},
		{"a shipment with two", func(r *Report) { r.Shipments.Requested, r.Shipments.Confirmed = 1, 2 }, "1 shipments have a second outcome"},
		{"a wrong shipment that was taken", func(r *Report) { r.Shipments.wrong = 2 }, "2 shipments were not rejected that had to be"},
		{"a package confirmed twice", func(r *Report) { r.Shipments.ConfirmedTwice = 9 }, "9 packages were confirmed twice"},
		{"an old tracking number", func(r *Report) { r.Shipments.PackagesWrong = 3 }, "3 packages do not have their newest"},
		{"a lost event of a shipment", func(r *Report) { r.Shipments.EventsMissing = 2 }, "2 events of shipments"},
		{"throttled", func(r *Report) { r.SPAPI.Throttled = 4 }, "Amazon throttled 4 calls"},
	} {
		report := good
		test.spoil(&report)
		err := report.Err()
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
	}
}

func TestProgressIsDrawnInPlaceOnATerminal(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := progress{out: &out, terminal: true, start: time.Now()}
	report := Report{Orders: Orders{Distinct: 10, Enriched: 5}}
	p.show(report)
	if strings.Contains(out.String(), "\x1b[5A") {
		t.Error("the first drawing moves up")
	}
	out.Reset()
	report.Orders.Enriched = 10
	p.show(report)
	if text := out.String(); !strings.HasPrefix(text, "\x1b[5A") || !strings.Contains(text, strings.Repeat("█", barWidth)+" 10/10") {
		t.Errorf("drawn: %q", text)
	}
}
