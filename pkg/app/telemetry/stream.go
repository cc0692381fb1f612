package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
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

// Outcomes that are counted; see schemas.InventoryResult, schemas.ShipmentConfirmation and
// schemas.CancellationResult. A quantity that Amazon rejects is the listing's fault,
// and is not counted here; an order whose shipment is rejected stays unconfirmed. A
// cancellation that is rejected is mostly one of what is shipped.
const (
	outcomeFailed    = "FAILED"
	outcomeUnseen    = "UNSEEN"
	outcomeRejected  = "REJECTED"
	outcomeConfirmed = "CONFIRMED"
)

func (o *observer) Restored(took time.Duration) { o.restore.Observe(took.Seconds()) }

func (o *observer) Committed(tx *machine.Tx, took time.Duration) {
	o.committed.Inc()
	o.transaction.Observe(took.Seconds())
	for i := range tx.DeadLetters {
		o.metrics.DeadLetter(o.role, tx.DeadLetters[i].Reason)
	}
	for i := range tx.Outputs {
		switch value := tx.Outputs[i].Value.(type) {
		case *schemas.Alert:
			if value.Resolves == "" {
				o.metrics.alerts.WithLabelValues(of(o.metrics.labels.alerts, value.EventType)).Inc()
			}
		case *schemas.InventoryResult:
			if value.Outcome == outcomeFailed || value.Outcome == outcomeUnseen {
				o.gaveUp(value.Code)
			}
		case *schemas.ShipmentConfirmation:
			o.shipment(value)
		case *schemas.CancellationResult:
			if value.Outcome == outcomeFailed {
				o.gaveUp(value.Code)
			}
		}
	}
}

// shipment counts what became of a package. No carrier's name becomes a label: producers
// write what they like.
func (o *observer) shipment(c *schemas.ShipmentConfirmation) {
	switch {
	case c.Outcome == outcomeRejected:
		o.gaveUp(c.Code)
	case c.Outcome == outcomeConfirmed && c.CarrierCode == model.CarrierOther:
		o.metrics.otherCarriers.Inc()
	}
}

func (o *observer) gaveUp(cause string) {
	o.metrics.failed.WithLabelValues(o.role, of(o.metrics.labels.causes, cause)).Inc()
}

func (o *observer) Failed(fenced bool) {
	if fenced {
		o.fenced.Inc()
		return
	}
	o.aborted.Inc()
}
