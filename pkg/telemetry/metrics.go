package telemetry

import (
	"log/slog"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// namespace begins the name of every metric of ours.
const namespace = "sellerstream"

// Metrics are a process's metrics, in a registry of their own. It may be used
// from any goroutine.
type Metrics struct {
	registry *prometheus.Registry
	roleUp   *prometheus.GaugeVec
}

// New makes the metrics of a process that runs a version.
func New(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		roleUp:   gauges("role_up", "Whether a role of this process runs (1) or has ended (0).", "role"),
	}
	build := gauges("build_info", "Always 1: which version this process is, and of which Go.", "version", "go_version")
	build.WithLabelValues(version, runtime.Version()).Set(1)
	m.registry.MustRegister(build, m.roleUp,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
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

func gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, labels)
}
