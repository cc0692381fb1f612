package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sellerstream/sellerstream/pkg/machine"
	"github.com/sellerstream/sellerstream/pkg/stream"
	"github.com/sellerstream/sellerstream/schemas"
)

// Stream is what a role's units tell.
func (m *Metrics) Stream(role string) stream.Observer {
	return &observer{
		metrics: m, role: role,
		restore: m.restoreSeconds.WithLabelValues(role), transaction: m.transactionTimes.WithLabelValues(role),
		committed: m.transactions.WithLabelValues(role, "committed"),
		aborted:   m.transactions.WithLabelValues(role, "aborted"),
		fenced:    m.transactions.WithLabelValues(role, "fenced"),
	}
}

// observer is a stream.Observer.
type observer struct {
	metrics                    *Metrics
	role                       string
	restore, transaction       prometheus.Observer
	committed, aborted, fenced prometheus.Counter
}

func (o *observer) Restored(took time.Duration) { o.restore.Observe(took.Seconds()) }

func (o *observer) Committed(tx *machine.Tx, took time.Duration) {
	o.committed.Inc()
	o.transaction.Observe(took.Seconds())
	for i := range tx.DeadLetters {
		o.metrics.DeadLetter(o.role, tx.DeadLetters[i].Reason)
	}
	for i := range tx.Outputs {
		if alert, ok := tx.Outputs[i].Value.(*schemas.Alert); ok {
			o.metrics.alerts.WithLabelValues(of(o.metrics.labels.alerts, alert.EventType)).Inc()
		}
	}
}

func (o *observer) Failed(fenced bool) {
	if fenced {
		o.fenced.Inc()
		return
	}
	o.aborted.Inc()
}
