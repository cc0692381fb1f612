package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"
)

// namespace begins the name of every metric of ours.
const namespace = "sellerstream"

// catalogue makes metrics, registers them, and remembers what they are, so that
// the table of them in README.md can be held against it.
type catalogue struct {
	registry *prometheus.Registry
	entries  []entry
	gathered []*prometheus.Desc // see desc
}

type entry struct {
	name, kind, help string
	labels           []string
}

func (c *catalogue) enter(name, kind, help string, labels []string) {
	c.entries = append(c.entries, entry{namespace + "_" + name, kind, help, labels})
}

func (c *catalogue) gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	c.enter(name, "gauge", help, labels)
	vec := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, labels)
	c.registry.MustRegister(vec)
	return vec
}

func (c *catalogue) counters(name, help string, labels ...string) *prometheus.CounterVec {
	c.enter(name, "counter", help, labels)
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	c.registry.MustRegister(vec)
	return vec
}

func (c *catalogue) histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	c.enter(name, "histogram", help, labels)
	vec := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
	c.registry.MustRegister(vec)
	return vec
}

// desc is of a metric whose values a collector gathers.
func (c *catalogue) desc(name, kind, help string, labels ...string) *prometheus.Desc {
	c.enter(name, kind, help, labels)
	desc := prometheus.NewDesc(namespace+"_"+name, help, labels, nil)
	c.gathered = append(c.gathered, desc)
	return desc
}
