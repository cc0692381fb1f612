package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/sellerstream/sellerstream/pkg/runtime/breaker"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
	"github.com/sellerstream/sellerstream/schemas"
)

// scrape reads /metrics as Prometheus does.
func scrape(t *testing.T, m *Metrics) (text string, families map[string]*dto.MetricFamily) {
	t.Helper()
	recorder := httptest.NewRecorder()
	m.Handler(slog.New(slog.DiscardHandler)).ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	text = recorder.Body.String()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil || recorder.Code != http.StatusOK {
		t.Fatalf("status %d, %v:\n%s", recorder.Code, err, text)
	}
	return text, families
}

// value is a sample of the text, by its name and labels.
func value(text, sample string) string {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, sample+" "); ok {
			return strings.TrimSpace(rest)
		}
	}
	return "absent"
}

// fakeProcessor has the numbers of a test.
type fakeProcessor stream.Stats

func (p fakeProcessor) Stats(_ context.Context, followed []string) stream.Stats {
	for _, m := range p.Machines {
		m.Followed = followed
	}
	return stream.Stats(p)
}

var epoch = time.Date(2026, 11, 24, 7, 0, 0, 0, time.UTC)

// everything has every metric at least once.
func everything(stats ...*machine.Stats) *Metrics {
	m := New("v1.2.3", testCodes())
	m.RoleUp("orders", true)
	m.RoleExpected("feeds")
	for _, outcome := range []machine.Outcome{
		machine.Done{}, machine.Retry{}, machine.Snooze{Throttled: true}, machine.Snooze{Unspent: true}, machine.Park{}, machine.Reject{}, machine.Ambiguous{},
	} {
		m.Call("getOrder", outcome, time.Second)
	}
	m.Event("OrderChanged", Published)
	m.EventLatency(3 * time.Second)
	o := m.Stream("orders")
	o.Restored(time.Second)
	o.Committed(&machine.Tx{
		DeadLetters: []machine.DeadLetter{{Reason: "undecodable"}},
		Outputs:     []machine.Output{{Value: &schemas.Order{}}, {Value: &schemas.Alert{EventType: "FeedStuck"}}, {Value: &schemas.Alert{EventType: "FeedStuck", Resolves: "1"}}},
	}, time.Millisecond)
	o.Failed(false)
	o.Failed(true)
	m.Watch(Sources{
		Now: func() time.Time { return epoch },
		Processors: map[string]Processor{"orders": fakeProcessor{
			Expected: 12, Assigned: 4, Restored: 3, Paused: 1, Pending: 70, Lag: map[string]int64{"order-changes": 5}, Machines: stats,
		}},
		Lags:     map[string]func(context.Context) map[string]int64{"events": func(context.Context) map[string]int64 { return map[string]int64{"orders": 9} }},
		Followed: []string{"acme-eu"},
		Breakers: func() breaker.Counts {
			return breaker.Counts{Sections: map[breaker.Position]int{breaker.Closed: 2, breaker.HalfOpen: 1}, Accounts: map[breaker.Position]int{breaker.Open: 6}}
		},
		Bridge: func() Bridge {
			return Bridge{Forwarded: 8, DeadLettered: 2, Unwanted: 5, Abandoned: 1, OddFields: 4, InFlight: 3}
		},
		Queues: func() map[string]Queue {
			return map[string]Queue{"notifications": {Visible: 11, NotVisible: 12, Delayed: 13, Oldest: 2 * time.Minute}}
		},
		Events: func(context.Context) Events {
			return Events{Pending: 14, Oldest: 3 * time.Minute, Refused: 4 * time.Minute}
		},
		DeadLetters: func() (map[string]int, bool) {
			return map[string]int{"undecodable": 15, "new in a later version": 1}, true
		},
		SchemaWait:    func() time.Duration { return 61 * time.Second },
		ExclusionsAge: func() (time.Duration, bool) { return time.Minute, true },
		Own: map[string][]role.Metric{"orders": {
			{Count: "running", Name: "feeds_running", Help: "Feeds that Amazon has not ended."},
			{Count: "stuck", Name: "feeds_stuck", Help: "Running feeds past their objective (feeds.stuck_after)."},
			{Count: "urgent", Name: "orders_urgent", Help: "Orders to fetch that a merchant ships, or may have to: they are fetched before all others."},
			{Oldest: "urgent", Name: "orders_urgent_oldest_seconds", Help: "How long the oldest of them has been waiting, on the pipeline's clock."},
		}},
	})
	return m
}

func twoUnits() []*machine.Stats {
	first, second := &machine.Stats{Now: epoch, Followed: []string{"acme-eu"}}, &machine.Stats{Now: epoch}
	first.Bucket("acme-eu", "getOrder", 7, false)
	first.Bucket("other", "getOrder", 2.5, true)
	first.Pending("acme-eu", 12)
	first.Since(epoch.Add(-time.Minute))
	first.Park("other")
	second.Bucket("third", "getOrder", 0, true)
	second.Since(epoch.Add(-time.Hour))
	second.Count("running", 4)
	second.Count("stuck", 1)
	first.Count("urgent", 3)
	second.Count("urgent", 2)
	first.SinceOf("urgent", epoch.Add(-40*time.Second))
	first.SinceOf("urgent", epoch.Add(-20*time.Second))
	second.SinceOf("urgent", epoch.Add(-30*time.Second))
	return []*machine.Stats{first, second}
}

func TestMetricsSayWhatIs(t *testing.T) {
	t.Parallel()
	text, families := scrape(t, everything(twoUnits()...))
	for sample, want := range map[string]string{
		`sellerstream_role_up{role="orders"}`:                                                "1",
		`sellerstream_role_expected{role="feeds"}`:                                           "1",
		`sellerstream_units_expected{role="orders"}`:                                         "12",
		`sellerstream_queue_messages{queue="notifications",state="visible"}`:                 "11",
		`sellerstream_queue_messages{queue="notifications",state="not_visible"}`:             "12",
		`sellerstream_queue_messages{queue="notifications",state="delayed"}`:                 "13",
		`sellerstream_queue_oldest_seconds{queue="notifications"}`:                           "120",
		`sellerstream_dead_letters_open{reason="undecodable"}`:                               "15",
		`sellerstream_dead_letters_open{reason="other"}`:                                     "1",
		`sellerstream_events_pending`:                                                        "14",
		`sellerstream_events_oldest_seconds`:                                                 "180",
		`sellerstream_events_refused_seconds`:                                                "240",
		`sellerstream_calls_total{operation="getOrder",outcome="throttled"}`:                 "1",
		`sellerstream_calls_total{operation="getOrder",outcome="snoozed"}`:                   "1",
		`sellerstream_call_seconds_count{operation="getOrder"}`:                              "6", // the snoozed one was not sent
		`sellerstream_throttled_total{operation="getOrder"}`:                                 "1",
		`sellerstream_dead_letters_total{reason="undecodable",role="orders"}`:                "1",
		`sellerstream_alerts_total{type="FeedStuck"}`:                                        "1",
		`sellerstream_events_total{detail_type="OrderChanged",outcome="published"}`:          "1",
		`sellerstream_event_latency_seconds_bucket{le="2.5"}`:                                "0",
		`sellerstream_event_latency_seconds_bucket{le="5"}`:                                  "1",
		`sellerstream_transactions_total{outcome="fenced",role="orders"}`:                    "1",
		`sellerstream_restore_seconds_count{role="orders"}`:                                  "1",
		`sellerstream_units{role="orders",state="assigned"}`:                                 "4",
		`sellerstream_units{role="orders",state="restored"}`:                                 "3",
		`sellerstream_consumer_lag_records{role="orders",topic="order-changes"}`:             "5",
		`sellerstream_consumer_lag_records{role="events",topic="orders"}`:                    "9",
		`sellerstream_pending{role="orders"}`:                                                "70",
		`sellerstream_pending_oldest_seconds{role="orders"}`:                                 "3600",
		`sellerstream_intake_paused{role="orders"}`:                                          "1",
		`sellerstream_accounts_parked{role="orders"}`:                                        "1",
		`sellerstream_quota_tokens_min{operation="getOrder"}`:                                "0",
		`sellerstream_quota_accounts_waiting{operation="getOrder"}`:                          "2",
		`sellerstream_account_quota_tokens{account="acme-eu",operation="getOrder"}`:          "7",
		`sellerstream_account_quota_tokens{account="other",operation="getOrder"}`:            "absent",
		`sellerstream_account_pending{account="acme-eu",role="orders"}`:                      "12",
		`sellerstream_breakers{scope="section",state="half_open"}`:                           "1",
		`sellerstream_breakers{scope="account",state="open"}`:                                "6",
		`sellerstream_bridge_messages_total{outcome="forwarded"}`:                            "8",
		`sellerstream_bridge_messages_total{outcome="unwanted"}`:                             "5",
		`sellerstream_bridge_odd_fields_total`:                                               "4",
		`sellerstream_bridge_in_flight`:                                                      "3",
		`sellerstream_feeds_running`:                                                         "4",
		`sellerstream_feeds_stuck`:                                                           "1",
		`sellerstream_orders_urgent`:                                                         "5",
		`sellerstream_orders_urgent_oldest_seconds`:                                          "40",
		`sellerstream_exclusions_age_seconds`:                                                "60",
		`sellerstream_schema_wait_seconds`:                                                   "61",
		`sellerstream_build_info{go_version="` + goVersion(families) + `",version="v1.2.3"}`: "1",
	} {
		if got := value(text, sample); got != want {
			t.Errorf("%s is %s, want %s", sample, got, want)
		}
	}
	if families["go_goroutines"] == nil || families["process_resident_memory_bytes"] == nil {
		t.Error("Go's and the process's own metrics are missing")
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, namespace) {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	if err != nil {
		t.Error(err)
	}
}

func goVersion(families map[string]*dto.MetricFamily) string {
	for _, label := range families["sellerstream_build_info"].GetMetric()[0].GetLabel() {
		if label.GetName() == "go_version" {
			return label.GetValue()
		}
	}
	return ""
}

// TestWhatKafkaDoesNotSayIsLeftOut: a lag of 0 would be a lie.
func TestWhatKafkaDoesNotSayIsLeftOut(t *testing.T) {
	t.Parallel()
	m := New("v", testCodes())
	m.Watch(Sources{
		Now: time.Now, Processors: map[string]Processor{"orders": fakeProcessor{Assigned: 1}},
		Lags:          map[string]func(context.Context) map[string]int64{"events": func(context.Context) map[string]int64 { return nil }},
		ExclusionsAge: func() (time.Duration, bool) { return 0, false },
		Events:        func(context.Context) Events { return Events{Pending: -1} },
		DeadLetters:   func() (map[string]int, bool) { return nil, false },
	})
	text, families := scrape(t, m)
	if families["sellerstream_dead_letters_open"] != nil || families["sellerstream_consumer_lag_records"] != nil || families["sellerstream_units_expected"] != nil || families["sellerstream_events_pending"] != nil || families["sellerstream_exclusions_age_seconds"] != nil {
		t.Error(text)
	}
}

// TestNoInputMakesSeries: 10,000 accounts, and values that nobody knows, cost as
// many series as one account and one such value.
func TestNoInputMakesSeries(t *testing.T) {
	t.Parallel()
	flood := func(n int) int {
		stats := &machine.Stats{Now: epoch, Followed: []string{"acme-eu"}}
		m := everything(stats)
		for i := range n {
			strange := fmt.Sprintf("strange-%d\n\"{}", i)
			stats.Bucket(strange, "getOrder", 1, true)
			stats.Bucket(strange, strange, 1, true)
			stats.Pending("acme-eu", 1)
			stats.Park(strange)
			stats.Count(strange, 1)
			m.Call(strange, machine.Reject{Err: errors.New(strange)}, time.Second)
			m.Event(strange, Published)
			m.DeadLetter("bridge", strange)
			m.Stream("feeds").Committed(&machine.Tx{
				DeadLetters: []machine.DeadLetter{{Reason: strange}}, Outputs: []machine.Output{{Value: &schemas.Alert{EventType: strange}}},
			}, time.Second)
		}
		text, families := scrape(t, m)
		if strings.Contains(text, "strange") {
			t.Error("an unknown value is a label")
		}
		series := 0
		for name, family := range families {
			if strings.HasPrefix(name, namespace) {
				series += len(family.GetMetric())
			}
		}
		return series
	}
	if one, many := flood(1), flood(10_000); one != many {
		t.Errorf("%d series for one, %d for 10,000", one, many)
	}
}

// TestReadmeListsEveryMetric holds the table of README.md against the metrics.
func TestReadmeListsEveryMetric(t *testing.T) {
	t.Parallel()
	var table strings.Builder
	table.WriteString("| metric | kind | labels | what |\n|---|---|---|---|\n")
	for _, e := range everything().entries {
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", e.name, e.kind, strings.Join(e.labels, ", "), e.help)
	}
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), table.String()) {
		t.Errorf("README.md's table is not\n%s", table.String())
	}
}

// BenchmarkCommitted measures a full tick with its metrics.
func BenchmarkCommitted(b *testing.B) {
	tx := &machine.Tx{Outputs: make([]machine.Output, 5_000)}
	for i := range tx.Outputs {
		tx.Outputs[i].Value = &schemas.Order{}
	}
	o := New("v", testCodes()).Stream("orders")
	for b.Loop() {
		o.Committed(tx, time.Millisecond)
	}
}
