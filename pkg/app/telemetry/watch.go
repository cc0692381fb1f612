package telemetry

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sellerstream/sellerstream/pkg/runtime/breaker"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
)

// Sources are asked at every scrape. Any but Now may be nil.
type Sources struct {
	// Now is the time on the pipeline's clock.
	Now func() time.Time
	// Processors are the roles that run machines, by role, such as a *stream.Processor.
	Processors map[string]Processor
	// Followed are accounts whose own numbers are shown.
	Followed []string
	// Lags are those of other roles that read topics, by role: a role's says by
	// topic how many records it has not taken, until ctx ends; nil if it cannot.
	Lags map[string]func(ctx context.Context) map[string]int64
	// Breakers counts them.
	Breakers func() breaker.Counts
	// Bridge is all bridges together.
	Bridge func() Bridge
	// Queues are what waits in SQS, by the queue's name.
	Queues func() map[string]Queue
	// Events is what waits for EventBridge; it may ask Kafka until ctx ends.
	Events func(ctx context.Context) Events
	// DeadLetters are the open ones by reason; not ok where Kafka does not tell.
	DeadLetters func() (byReason map[string]int, ok bool)
	// ExclusionsAge is how old the list of excluded SKUs is; false while there is none.
	ExclusionsAge func() (time.Duration, bool)
	// SchemaWait is the longest wait for a schema that the registry does not give
	// while it gives others; 0 for none.
	SchemaWait func() time.Duration
	// Own are the metrics that single roles have, by role.
	Own map[string][]role.Metric
}

// Processor reports how a role's units are doing.
type Processor interface {
	Stats(ctx context.Context, followed []string) stream.Stats
}

// Bridge is what became of the messages of SQS.
type Bridge struct {
	Forwarded, DeadLettered, Unwanted, Abandoned int64 // since the start
	OddFields                                    int64 // since the start

	InFlight int // received, and neither deleted nor abandoned
}

// Queue is what waits in a queue of SQS, as SQS counts it: about.
type Queue struct {
	Visible, NotVisible, Delayed int64
	Oldest                       time.Duration // of the messages that came last, in real time
}

// Events is what waits for EventBridge.
type Events struct {
	Pending int64         // of all partitions; negative where Kafka does not answer
	Oldest  time.Duration // of what this process has read, in real time
	Refused time.Duration // since when EventBridge has taken nothing that it was sent
}

// askTimeout bounds how long a scrape waits for Kafka: what it does not say by
// then is left out.
const askTimeout = time.Second

// watcher gathers what the sources say.
type watcher struct {
	sources   Sources
	labels    labels
	described []*prometheus.Desc // all that follow

	units, expected, stopped, unknown, lag, pending, oldest, paused, parked *prometheus.Desc
	tokens, waiting, shared                                                 *prometheus.Desc
	accountTokens, accountPending                                           *prometheus.Desc
	breakers                                                                *prometheus.Desc
	messages, inFlight, oddFields, queued, queuedOldest                     *prometheus.Desc
	eventsPending, eventsOldest, eventsRefused                              *prometheus.Desc
	deadLetters                                                             *prometheus.Desc
	own                                                                     map[string]*prometheus.Desc // by the name of the metric
	exclusionsAge                                                           *prometheus.Desc
	schemaWait                                                              *prometheus.Desc
}

// Watch asks the sources at every scrape. It may be called once.
func (m *Metrics) Watch(s Sources) {
	w := &watcher{sources: s, labels: m.labels, own: make(map[string]*prometheus.Desc)}
	w.units = m.desc("units", "gauge", "Partitions that Kafka has given to this process (assigned), and those of them that work (restored).", "role", "state")
	w.expected = m.desc("units_expected", "gauge", "Partitions that the processes of the role must have together. Each reports all of them: what is expected less what is assigned has no owner.", "role")
	w.stopped = m.desc("units_stopped", "gauge", "Units that stand still until something outside of them is mended, and partitions that no unit reads; /readyz, doctor and accounts name them. Others go on.", "role", "reason")
	w.unknown = m.desc("state_unknown_entries", "gauge", "Entries of the units' state that a later version has written and this one does not know. They stay as they are.", "role")
	w.lag = m.desc("consumer_lag_records", "gauge", "Records that this process's units have not taken yet; left out while Kafka does not answer.", "role", "topic")
	w.pending = m.desc("pending", "gauge", "Pieces of work that are not done: orders to fetch (without those that searches found), SKUs without an outcome, feeds that run, shipments to confirm.", "role")
	w.oldest = m.desc("pending_oldest_seconds", "gauge", "How long the oldest of them has been waiting, on the pipeline's clock.", "role")
	w.paused = m.desc("intake_paused", "gauge", "Units whose intake rests because too much is pending.", "role")
	w.parked = m.desc("accounts_parked", "gauge", "Accounts whose calls wait because Amazon has refused one of this role for its credentials. Where another role met that first, they show in breakers with scope account.", "role")
	w.tokens = m.desc("quota_tokens_min", "gauge", "Tokens left, of the account that has least.", "operation")
	w.waiting = m.desc("quota_accounts_waiting", "gauge", "Accounts whose next call waits for a token.", "operation")
	w.shared = m.desc("application_rate", "gauge", "Calls per second that this process may make within the limits of applications, where those can bind.", "operation")
	w.accountTokens = m.desc("account_quota_tokens", "gauge", "Tokens left of an account under admin.account_metrics.", "account", "operation")
	w.accountPending = m.desc("account_pending", "gauge", "Pending work of an account under admin.account_metrics.", "account", "role")
	w.breakers = m.desc("breakers", "gauge", "Circuit breakers by position: of sections of Amazon's API (scope section), and of accounts' authentication that are not closed (scope account).", "state", "scope")
	w.oddFields = m.desc("bridge_odd_fields_total", "counter", "Fields of notifications that are not as Amazon documents them and were left out, or read from another type; the log names them.")
	w.messages = m.desc("bridge_messages_total", "counter", "Messages of SQS: forwarded to Kafka, dead_lettered, unwanted (of orders that their account leaves out), or abandoned (they come again).", "outcome")
	w.inFlight = m.desc("bridge_in_flight", "gauge", "Messages received and neither deleted nor abandoned.")
	w.queued = m.desc("queue_messages", "gauge", "Messages in a queue of SQS, about, as SQS counted them within the last minute: visible, not_visible (received and not deleted) and delayed. Each process with the role bridge reports all; left out while SQS does not tell.", "queue", "state")
	w.queuedOldest = m.desc("queue_oldest_seconds", "gauge", "How long the oldest message that this process received within the last minute had been in SQS by then, in real time; 0 where none came.", "queue")
	w.eventsPending = m.desc("events_pending", "gauge", "Records that wait for EventBridge, of all partitions, read or not, whoever has them, be it nobody: from what the group has committed to the topics' ends. Each process with the role events reports all; left out while Kafka does not answer.")
	w.eventsOldest = m.desc("events_oldest_seconds", "gauge", "How long the oldest record that this process has read waits for EventBridge, since it was written, in real time; 0 for none.")
	w.eventsRefused = m.desc("events_refused_seconds", "gauge", "How long EventBridge has taken no event of this process, although it was sent some; 0 while it takes them. /readyz names the cause.")
	w.deadLetters = m.desc("dead_letters_open", "gauge", "Dead letters that are neither retried nor discarded and that Kafka still has, by their reason; the least, where they are more than 100,000. Each process with the role events reports all; left out while Kafka does not tell.", "reason")
	for _, name := range slices.Sorted(maps.Keys(s.Own)) {
		for _, metric := range s.Own[name] {
			w.own[metric.Name] = m.desc(metric.Name, "gauge", metric.Help)
		}
	}
	w.exclusionsAge = m.desc("exclusions_age_seconds", "gauge", "How old the list of excluded SKUs is, on the pipeline's clock; left out where there is none.")
	w.schemaWait = m.desc("schema_wait_seconds", "gauge", "How long records have waited for a schema that the registry does not give while it gives others; 0 for none. When registry.schema_patience ends they become dead letters.")
	w.described = m.gathered
	m.registry.MustRegister(w)
}

// Describe implements prometheus.Collector.
func (w *watcher) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range w.described {
		ch <- desc
	}
}

// Collect implements prometheus.Collector.
func (w *watcher) Collect(ch chan<- prometheus.Metric) {
	out := output{ch}
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	w.askKafka(ctx, out)
	s := w.sources
	if s.Breakers != nil {
		counts := s.Breakers()
		for scope, positions := range map[string]map[breaker.Position]int{"section": counts.Sections, "account": counts.Accounts} {
			for position, n := range positions {
				out.gauge(w.breakers, float64(n), strings.ReplaceAll(string(position), "-", "_"), scope)
			}
		}
	}
	if s.Bridge != nil {
		b := s.Bridge()
		for outcome, n := range map[string]int64{"forwarded": b.Forwarded, "dead_lettered": b.DeadLettered, "unwanted": b.Unwanted, "abandoned": b.Abandoned} {
			out.counter(w.messages, float64(n), outcome)
		}
		out.counter(w.oddFields, float64(b.OddFields))
		out.gauge(w.inFlight, float64(b.InFlight))
	}
	w.collectQueues(out)
	w.collectDeadLetters(out)
	if s.ExclusionsAge != nil {
		if age, known := s.ExclusionsAge(); known {
			out.gauge(w.exclusionsAge, age.Seconds())
		}
	}
	if s.SchemaWait != nil {
		out.gauge(w.schemaWait, s.SchemaWait().Seconds())
	}
}

func (w *watcher) collectQueues(out output) {
	if w.sources.Queues == nil {
		return
	}
	for name, q := range w.sources.Queues() {
		out.gauge(w.queued, float64(q.Visible), name, "visible")
		out.gauge(w.queued, float64(q.NotVisible), name, "not_visible")
		out.gauge(w.queued, float64(q.Delayed), name, "delayed")
		out.gauge(w.queuedOldest, q.Oldest.Seconds(), name)
	}
}

func (w *watcher) collectEvents(ctx context.Context, out output) {
	if w.sources.Events == nil {
		return
	}
	e := w.sources.Events(ctx)
	if e.Pending >= 0 {
		out.gauge(w.eventsPending, float64(e.Pending))
	}
	out.gauge(w.eventsOldest, e.Oldest.Seconds())
	out.gauge(w.eventsRefused, e.Refused.Seconds())
}

// collectDeadLetters gives out every reason, so that none open is told from nothing known.
func (w *watcher) collectDeadLetters(out output) {
	if w.sources.DeadLetters == nil {
		return
	}
	open, ok := w.sources.DeadLetters()
	if !ok {
		return
	}
	counts := map[string]int{other: 0}
	for _, reason := range w.labels.reasons {
		counts[reason] = 0
	}
	for reason, n := range open {
		counts[of(w.labels.reasons, reason)] += n
	}
	for reason, n := range counts {
		out.gauge(w.deadLetters, float64(n), reason)
	}
}

// askKafka asks all at once: each may wait for Kafka.
func (w *watcher) askKafka(ctx context.Context, out output) {
	var asking sync.WaitGroup
	asking.Go(func() { w.collectProcessors(ctx, out) })
	asking.Go(func() { w.collectEvents(ctx, out) })
	for role, lag := range w.sources.Lags {
		asking.Go(func() { out.lag(w.lag, role, lag(ctx)) })
	}
	asking.Wait()
}

// collectProcessors asks all at once too.
func (w *watcher) collectProcessors(ctx context.Context, out output) {
	var asking sync.WaitGroup
	var mu sync.Mutex
	quotas, shared := map[string]machine.Quota{}, map[string]float64{}
	for role, processor := range w.sources.Processors {
		asking.Go(func() {
			stats := processor.Stats(ctx, w.sources.Followed)
			w.collectProcessor(out, role, stats)
			mu.Lock()
			defer mu.Unlock()
			for _, m := range stats.Machines {
				mergeQuotas(quotas, m.Operations, w.labels.operations)
				for operation, rate := range m.Shared {
					shared[operation] += rate
				}
			}
		})
	}
	asking.Wait()
	for operation, q := range quotas {
		out.gauge(w.tokens, q.Tokens, operation)
		out.gauge(w.waiting, float64(q.Waiting), operation)
	}
	for operation, rate := range shared {
		out.gauge(w.shared, rate, operation)
	}
}

// mergeQuotas adds what another unit says of the operations that are known.
func mergeQuotas(into, from map[string]machine.Quota, known []string) {
	for operation, q := range from {
		if !slices.Contains(known, operation) {
			continue
		}
		if before, ok := into[operation]; ok {
			q.Tokens, q.Waiting = min(q.Tokens, before.Tokens), q.Waiting+before.Waiting
		}
		into[operation] = q
	}
}

// collectProcessor gives out the numbers of one role, its units together.
func (w *watcher) collectProcessor(out output, role string, stats stream.Stats) {
	out.gauge(w.units, float64(stats.Assigned), role, "assigned")
	out.gauge(w.units, float64(stats.Restored), role, "restored")
	if stats.Expected > 0 {
		out.gauge(w.expected, float64(stats.Expected), role)
	}
	stopped := map[stream.StopCode]int{}
	for _, unit := range stats.Stopped {
		stopped[unit.Reason]++
	}
	for _, reason := range stream.StopCodes() {
		out.gauge(w.stopped, float64(stopped[reason]), role, string(reason))
	}
	out.gauge(w.unknown, float64(stats.Unknown), role)
	out.gauge(w.paused, float64(stats.Paused), role)
	out.gauge(w.pending, float64(stats.Pending), role)
	out.lag(w.lag, role, stats.Lag)
	now, parked, oldest := w.sources.Now(), 0, time.Duration(0)
	counts, oldests := map[string]int{}, map[string]time.Time{}
	accounts := map[string]int{}
	for _, m := range stats.Machines {
		parked += len(m.Parked)
		oldest = max(oldest, age(m.Oldest, now))
		for name, n := range m.Counts {
			counts[name] += n
		}
		for name, at := range m.Oldests {
			oldests[name] = machine.Earliest(oldests[name], at)
		}
		for account, a := range m.Accounts {
			accounts[account] += a.Pending
			for operation, tokens := range a.Tokens {
				out.gauge(w.accountTokens, tokens, account, operation)
			}
		}
	}
	out.gauge(w.parked, float64(parked), role)
	out.gauge(w.oldest, oldest.Seconds(), role)
	for account, pending := range accounts {
		out.gauge(w.accountPending, float64(pending), account, role)
	}
	for _, metric := range w.sources.Own[role] {
		if n, ok := counts[metric.Count]; ok {
			out.gauge(w.own[metric.Name], float64(n))
		}
		if metric.Oldest != "" {
			out.gauge(w.own[metric.Name], age(oldests[metric.Oldest], now).Seconds())
		}
	}
}

// age is how long ago a time was; 0 for the zero time.
func age(at, now time.Time) time.Duration {
	if at.IsZero() {
		return 0
	}
	return max(0, now.Sub(at))
}

// output is where a scrape's metrics go.
type output struct{ ch chan<- prometheus.Metric }

func (o output) gauge(desc *prometheus.Desc, value float64, labels ...string) {
	o.ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
}

func (o output) counter(desc *prometheus.Desc, value float64, labels ...string) {
	o.ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, value, labels...)
}

func (o output) lag(desc *prometheus.Desc, role string, byTopic map[string]int64) {
	for topic, n := range byTopic {
		o.gauge(desc, float64(n), role, topic)
	}
}
