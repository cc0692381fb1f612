package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEveryOrderArrivesOnce(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := Run(t.Context(), Options{
		Orders: 40, Accounts: 3, Speed: 300, Exit: true, JSON: true,
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
	if o.Distinct != 40 || o.Enriched != 40 || o.Published != 40 || o.Notifications <= 40 {
		t.Errorf("got %+v", report)
	}
	if calls := report.SPAPI.Calls["getOrder"]; calls < 40 || calls > o.Notifications {
		t.Errorf("%d getOrder calls for 40 orders and %d notifications", calls, o.Notifications)
	}
	if report.DeadLetters != 0 || report.ElapsedSeconds <= 0 || report.Speed != 300 {
		t.Errorf("got %+v", report)
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
		Orders: 5, Accounts: 2, Speed: 600, Out: io.Discard, Progress: shown, Logger: slog.New(slog.DiscardHandler),
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
	if strings.Contains(out.String(), "\x1b[3A") {
		t.Error("the first drawing moves up")
	}
	out.Reset()
	report.Orders.Enriched = 10
	p.show(report)
	if text := out.String(); !strings.HasPrefix(text, "\x1b[3A") || !strings.Contains(text, strings.Repeat("█", barWidth)+" 10/10") {
		t.Errorf("drawn: %q", text)
	}
}
