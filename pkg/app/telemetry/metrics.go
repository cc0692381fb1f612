package telemetry

import (
	"log/slog"
	"net/http"
	"regexp"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
)

// Metrics are a process's metrics, in a registry of their own. It may be used
// from any goroutine.
type Metrics struct {
	catalogue
	labels labels

	roleUp           *prometheus.GaugeVec
	roleExpected     *prometheus.GaugeVec
	calls            *prometheus.CounterVec
	callSeconds      *prometheus.HistogramVec
	throttled        *prometheus.CounterVec
	oddFields        *prometheus.CounterVec
	deadLetters      *prometheus.CounterVec
	alerts           *prometheus.CounterVec
	failed           *prometheus.CounterVec
	otherCarriers    prometheus.Counter
	events           *prometheus.CounterVec
	eventLatency     prometheus.Observer
	restoreSeconds   *prometheus.HistogramVec
	transactions     *prometheus.CounterVec
	transactionTimes *prometheus.HistogramVec
}

// New makes the metrics of a process that runs a version.
func New(version string, codes Codes) *Metrics {
	m := &Metrics{catalogue: catalogue{registry: prometheus.NewRegistry()}, labels: newLabels(codes)}
	build := m.gauges("build_info", "Always 1; its labels are the version of this process and of Go.", "version", "go_version")
	build.WithLabelValues(version, runtime.Version()).Set(1)
	m.roleUp = m.gauges("role_up", "Whether a role of this process runs (1) or has ended (0).", "role")
	m.roleExpected = m.gauges("role_expected", "Always 1: some process must run the role, by runtime.roles or, where that is empty, as the configuration has work for it. Each process reports all such roles, whichever it runs itself.", "role")
	m.calls = m.counters("calls_total", "Calls to Amazon by how they ended: done, retry, throttled, snoozed (also those that a breaker or a switch held back), parked, rejected or ambiguous.",
		"operation", "outcome")
	m.callSeconds = m.histograms("call_seconds", "How long calls took that were sent, in real time, with the document that some of them carry.",
		[]float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}, "operation")
	m.throttled = m.counters("throttled_total", "Calls that Amazon answered with 429.", "operation")
	m.oddFields = m.counters("answer_fields_odd_total", "Fields of Amazon's answers that were not taken over as they were, by their JSON path in Amazon's model: converted (a number where text belongs; nothing is lost), cut (too long), left_out (of a wrong type), unknown or unknown_left_out. Unknown ones are not in the model: an order's are kept in extra, as long as there is room.",
		"operation", "path", "kind")
	m.deadLetters = m.counters("dead_letters_total", "Records, messages and pieces of work that were set aside, by their reason.", "role", "reason")
	m.failed = m.counters("failed_total", "Work that was given up, by the code of its outcome: quantities that ended FAILED and shipments that ended REJECTED. Nothing is sent for it until somebody sends it again. An order that is given up is a dead letter.", "role", "cause")
	m.otherCarriers = m.counters("shipments_other_carrier_total", "Packages that Amazon has confirmed with the carrier Other: no code of their carrier is known, or shipments.carriers maps it to Other. Amazon may count their tracking as invalid. shipment-confirmations has the names, and the alert CarrierUnknown reports each new one.").WithLabelValues()
	m.alerts = m.counters("alerts_total", "Alerts raised on the topic alerts, by their type, without the records that resolve one.", "type")
	m.events = m.counters("events_total", "Events for EventBridge: published (accepted), retried (entries that failed and are tried again), redelivered (sent again although an unanswered request may have brought them) or dead_lettered.",
		"detail_type", "outcome")
	m.eventLatency = m.histograms("event_latency_seconds", "From the notification's entry into SQS to EventBridge's yes, in real time, of events that a notification led to.",
		[]float64{.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600}).WithLabelValues()
	m.restoreSeconds = m.histograms("restore_seconds", "How long it took to take a unit over and restore it, in real time.",
		[]float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}, "role")
	m.transactions = m.counters("transactions_total", "Kafka transactions of the units: committed, aborted (they failed and are done again) or fenced (another owner has the unit).",
		"role", "outcome")
	m.transactionTimes = m.histograms("transaction_seconds", "How long committed transactions took, in real time.",
		[]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}, "role")
	m.registry.MustRegister(collectors.NewGoCollector(collectors.WithGoCollectorRuntimeMetrics(collectors.GoRuntimeMetricsRule{
		Matcher: regexp.MustCompile(`^/cpu/classes/(gc/total|gc/mark/idle|idle|total):`), // which part is the garbage collector's
	})), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// scrapeTimeout bounds one answer of /metrics, and maxScrapes how many are
// under way at once: both are far above what a few Prometheus servers need.
const (
	scrapeTimeout = 10 * time.Second
	maxScrapes    = 8
)

// Handler serves the metrics. What cannot be gathered is logged and left out.
func (m *Metrics) Handler(log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError,
		MaxRequestsInFlight: maxScrapes, Timeout: scrapeTimeout,
	})
}

// RoleUp notes that a role of this process runs, or has ended.
func (m *Metrics) RoleUp(role string, up bool) {
	value := 0.0
	if up {
		value = 1
	}
	m.roleUp.WithLabelValues(role).Set(value)
}

// RoleExpected notes that some process must run a role.
func (m *Metrics) RoleExpected(role string) { m.roleExpected.WithLabelValues(role).Set(1) }

// Call notes how a call ended and, if it was sent, how long it took.
func (m *Metrics) Call(operation string, outcome machine.Outcome, took time.Duration) {
	operation = of(m.labels.operations, operation)
	label := outcomeOf(outcome)
	m.calls.WithLabelValues(operation, label).Inc()
	if left(outcome) {
		m.callSeconds.WithLabelValues(operation).Observe(took.Seconds())
	}
	if label == "throttled" {
		m.throttled.WithLabelValues(operation).Inc()
	}
}

// OddField notes a field of an answer that was not taken over as it was. path is
// one of Amazon's model, or of the few unknown ones that a client tells apart.
func (m *Metrics) OddField(operation, path, kind string) {
	m.oddFields.WithLabelValues(of(m.labels.operations, operation), path, kind).Inc()
}

// Outcomes of events.
const (
	Published    = "published"
	Retried      = "retried"
	Redelivered  = "redelivered"
	DeadLettered = "dead_lettered"
)

// Event notes what became of an event of a detail-type.
func (m *Metrics) Event(detailType, outcome string) {
	m.events.WithLabelValues(of(m.labels.details, detailType), outcome).Inc()
}

// EventLatency notes how long a published event was under way.
func (m *Metrics) EventLatency(d time.Duration) { m.eventLatency.Observe(max(0, d).Seconds()) }

// DeadLetter notes that a role has set something aside.
func (m *Metrics) DeadLetter(role, reason string) {
	m.deadLetters.WithLabelValues(role, of(m.labels.reasons, reason)).Inc()
}
