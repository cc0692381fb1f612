package demo

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/processors/orders"
	"github.com/sellerstream/sellerstream/schemas"
)

// Waits are how long notified orders took by who ships them: those of a merchant are
// fetched first. What was notified before the first order came out is left out, since it
// waited for the pipeline to start.
type Waits struct {
	Merchant Wait `json:"merchant"`
	Amazon   Wait `json:"amazon"`
}

// Wait is how long orders took from the oldest notification in the queue to the topic, in
// seconds of the pipeline's clock.
type Wait struct {
	Records int     `json:"records"`
	Median  float64 `json:"median_seconds"`
	P95     float64 `json:"p95_seconds"`
}

// waits are of the records that were seen, by who ships their orders.
type waits struct {
	began time.Time // when the first record was written
	took  map[string][]time.Duration
}

// take notes how long an order took, if a notification led to it. The queue and Kafka have
// the real time, also where the pipeline's clock is faster.
func (w *waits) take(c clock.Clock, rec *kgo.Record, order *schemas.Order) {
	for _, h := range rec.Headers {
		if h.Key != orders.ReceivedAt {
			continue
		}
		millis, err := strconv.ParseInt(string(h.Value), 10, 64)
		if err != nil {
			continue
		}
		if w.began.IsZero() {
			w.began = rec.Timestamp
		}
		if received := time.UnixMilli(millis); received.After(w.began) {
			w.took[order.FulfilledBy] = append(w.took[order.FulfilledBy], clock.Passes(c, rec.Timestamp.Sub(received)))
		}
	}
}

// of sums up the waits for orders that somebody ships.
func (w *waits) of(fulfilledBy string) Wait {
	took := w.took[fulfilledBy]
	if len(took) == 0 {
		return Wait{}
	}
	slices.Sort(took)
	at := func(share float64) float64 {
		return took[int(share*float64(len(took)-1))].Round(100 * time.Millisecond).Seconds()
	}
	return Wait{Records: len(took), Median: at(0.5), P95: at(0.95)}
}

// String is the wait for a person.
func (w Wait) String() string {
	span := func(seconds float64) time.Duration {
		return time.Duration(seconds * float64(time.Second)).Round(time.Second)
	}
	return fmt.Sprintf("%6d   half of them within %s of the notification, 95 of 100 within %s", w.Records, span(w.Median), span(w.P95))
}
