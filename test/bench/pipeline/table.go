package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/test/process"
)

// printOrders prints what the stages of an order did, and where they waited.
func (w *work) printOrders() {
	getOrders := w.rate(metric("calls_total", `operation="getOrder"`))
	put := w.line.amazonCalls(w, "PutEvents")
	published := w.rate(metric("events_total", `outcome="published"`))
	fmt.Printf("  %-8s %8.0f/s; before it %6.0f in SQS; in flight %.0f messages\n", "bridge",
		w.rate(metric("bridge_messages_total", `outcome="forwarded"`)),
		w.mean(func(s sample) float64 { return float64(s.counts.Queue.Visible) }), w.mean(metric("bridge_in_flight")))
	fmt.Printf("  %-8s %8.0f/s; before it %6.0f on the topic; pending %.0f; in flight %.1f getOrder; %s\n", "orders", getOrders,
		w.mean(metric("consumer_lag_records", `role="orders"`)), w.mean(metric("pending", `role="orders"`)), w.inFlight("getOrder"), w.transactions("orders"))
	fmt.Printf("  %-8s %8.0f/s; before it %6.0f on the topic; in flight %.1f PutEvents, each of %.1f entries\n", "events", published,
		w.mean(metric("consumer_lag_records", `role="events"`)), w.inFlight("PutEvents"), published/max(put, 1e-9))
	w.printCosts("order", w.grown(func(s sample) float64 { return float64(s.counts.Arrived) }))
}

// amazonCalls is how often an operation was called, in a second.
func (l *line) amazonCalls(w *work, operation string) float64 {
	return w.rate(func(s sample) float64 { return float64(s.counts.Calls[operation].N) })
}

// transactions describes those of a role.
func (w *work) transactions(role string) string {
	label := fmt.Sprintf("role=%q", role)
	n := w.grown(metric("transactions_total", label, `outcome="committed"`))
	took := w.grown(metric("transaction_seconds_sum", label))
	return fmt.Sprintf("%.0f transactions/s of %.1f ms", n/w.seconds(), 1000*took/max(n, 1))
}

// printCosts prints what each process cost for each of n pieces of work.
func (w *work) printCosts(piece string, n float64) {
	known := time.Duration(0)
	row := func(name string, before, after process.Usage) {
		cpu := after.CPU - before.CPU
		known += cpu
		fmt.Printf("  %-28s %5.2f cores, %7.3f ms of CPU for each %s, RSS %d MiB, at most %d\n",
			name, cpu.Seconds()/w.seconds(), float64(cpu.Microseconds())/1000/n, piece, after.RSS>>20, after.MaxRSS>>20)
	}
	for i, p := range w.line.roles {
		row("process "+strings.Join(p.roles, ","), w.first().usage[i], w.last().usage[i])
	}
	row("simulated Amazon", w.first().amazon, w.last().amazon)
	if w.first().kafka != (process.Usage{}) {
		row("Kafka broker", w.first().kafka, w.last().kafka)
	}
	row("this benchmark", w.first().own, w.last().own)
	rest := w.last().used - w.first().used - known
	fmt.Printf("  %-28s %5.2f cores, %7.3f ms of CPU for each %s\n", "all else", rest.Seconds()/w.seconds(),
		float64(rest.Microseconds())/1000/n, piece)
	fmt.Printf("  %-28s %5.2f cores\n", "idle", (w.last().had-w.first().had).Seconds()/w.seconds()*(1-w.busy()))
}
