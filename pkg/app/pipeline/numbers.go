package pipeline

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/bridge/eventbridge"
	"github.com/sellerstream/sellerstream/bridge/sqs"
	"github.com/sellerstream/sellerstream/pkg/app/telemetry"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/roles"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
	"github.com/sellerstream/sellerstream/processors/orders"
)

// newSources are what every pipeline has; the roles add what they know.
func (p *pipeline) newSources() telemetry.Sources {
	own := map[string][]role.Metric{}
	for _, r := range roles.Processors() {
		own[r.Name] = r.Metrics
	}
	return telemetry.Sources{
		Now: p.Clock.Now, Followed: p.Config.Admin.AccountMetrics, Processors: map[string]telemetry.Processor{},
		Own: own,
	}
}

// counted counts a machine's calls.
func (p *pipeline) counted(next execute) execute {
	return func(ctx context.Context, call machine.Call) machine.Result {
		began := time.Now()
		res := next(ctx, call)
		p.metrics.Call(call.Operation, res.Outcome, time.Since(began))
		return res
	}
}

// bridgeNumbers are those of all bridges together.
func bridgeNumbers(bridges []*sqs.Bridge) telemetry.Bridge {
	var sum telemetry.Bridge
	for _, bridge := range bridges {
		stats := bridge.Stats()
		sum.Forwarded += stats.Forwarded
		sum.Unwanted += stats.Unwanted
		sum.Abandoned += stats.Abandoned
		sum.OddFields += stats.OddFields
		sum.InFlight += stats.InFlight
		for _, n := range stats.DeadLetters {
			sum.DeadLettered += n
		}
	}
	return sum
}

// queueNumbers are what waits in the queues, by their names, where SQS tells.
func queueNumbers(queues []config.Queue, bridges []*sqs.Bridge) map[string]telemetry.Queue {
	numbers := make(map[string]telemetry.Queue, len(queues))
	for i, bridge := range bridges {
		if d, ok := bridge.Depth(); ok {
			name := queues[i].URL[strings.LastIndexByte(queues[i].URL, '/')+1:]
			numbers[name] = telemetry.Queue{Visible: d.Visible, NotVisible: d.NotVisible, Delayed: d.Delayed, Oldest: d.Oldest}
		}
	}
	return numbers
}

// observeEvent counts what became of an event.
func (p *pipeline) observeEvent(o eventbridge.Observation) {
	switch o.Outcome {
	case eventbridge.Accepted:
		p.metrics.Event(o.DetailType, telemetry.Published)
		if received, ok := receivedAt(o.Record); ok {
			p.metrics.EventLatency(time.Since(received))
		}
	case eventbridge.Failed:
		p.metrics.Event(o.DetailType, telemetry.Retried)
	case eventbridge.Resent:
		p.metrics.Event(o.DetailType, telemetry.Redelivered)
	case eventbridge.DeadLetters:
		p.metrics.Event(o.DetailType, telemetry.DeadLettered)
		p.metrics.DeadLetter(string(Events), o.Reason)
	}
}

// receivedAt is when the notification that led to an order entered SQS, in real
// time.
func receivedAt(rec *kgo.Record) (time.Time, bool) {
	for _, h := range rec.Headers {
		if h.Key == orders.ReceivedAt {
			millis, err := strconv.ParseInt(string(h.Value), 10, 64)
			return time.UnixMilli(millis), err == nil && millis > 0
		}
	}
	return time.Time{}, false
}

// schemaWait is the longest wait for a schema that the registry does not give.
func (p *pipeline) schemaWait() time.Duration {
	if p.codec == nil {
		return 0
	}
	waits := p.codec.Waits()
	if len(waits) == 0 {
		return 0
	}
	return time.Since(waits[0].Since)
}
