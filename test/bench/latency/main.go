// Command latency measures how long one order takes through an idle pipeline on a real
// Kafka, from the SQS message to the event at EventBridge: as users wait for it, and less
// what the simulated Amazon took to answer. Amazon answers in 30 ms, each call. One order
// at a time; the built binary, as a process of its own, with every default.
//
//	KAFKA_BROKERS=… SCHEMA_REGISTRY_URL=… go run ./test/bench/latency
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/test/bench/internal/report"
	"github.com/sellerstream/sellerstream/test/bench/internal/stage"
	"github.com/sellerstream/sellerstream/test/process"
)

const (
	// warmUp orders are not counted: tokens, connections and groups come first.
	warmUp = 50
	// answer is how long Amazon takes for getOrder and for PutEvents.
	answer = 30 * time.Millisecond
)

// The targets, in ms: of the pipeline's own time, and of what users wait for, which has
// the answers to two calls in it and the way of the message out of SQS.
const (
	ownMedian, ownP99   = 25, 60
	userMedian, userP99 = ownMedian + 65, ownP99 + 65
)

func main() {
	orders := flag.Int("orders", 500, "how many orders to measure")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *orders); err != nil {
		fmt.Fprintln(os.Stderr, "latency:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, orders int) (err error) {
	s, err := stage.OpenReal("latency")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	r, err := report.Open(ctx, "latency", s.Brokers...)
	if err != nil {
		return err
	}
	floor, err := bareRecords(ctx, s, orders)
	if err != nil {
		return fmt.Errorf("baseline: %w", err)
	}
	rates := map[string]simulator.Rate{"getOrder": {PerSecond: 1000, Burst: 1000}} // the wait for a quota is not what is measured
	s.Pipeline.Rates = rates
	err = s.Simulate(simulator.Config{
		Accounts: simulator.Sellers(3, stage.Application().Name), Rates: rates, EventBridgeLatency: answer,
	})
	if err != nil {
		return err
	}
	if _, err := s.Amazon.Faults.Add(simulator.Rule{Part: simulator.SPAPI, Action: simulator.Action{Delay: answer}}); err != nil {
		return err
	}
	p, err := s.Start(ctx)
	if err != nil {
		return err
	}
	all, own, err := measure(ctx, s.Amazon, p, orders)
	if err != nil {
		return errors.Join(err, errors.New(p.Log()))
	}
	fmt.Printf("%-58s %9s %9s %9s %9s\n", "one at a time, ms", "p50", "p90", "p99", "max")
	row("baseline: one bare record through Kafka", floor)
	row("one order, SQS message to EventBridge event", all)
	row("the same, less what the simulated services took to answer", own)
	r.Value("bare record p50 ms", report.Percentile(floor, 50))
	r.AtMost("order p50 ms", report.Percentile(all, 50), userMedian)
	r.AtMost("order p99 ms", report.Percentile(all, 99), userP99)
	r.AtMost("order p50 ms without Amazon's answers", report.Percentile(own, 50), ownMedian)
	r.AtMost("order p99 ms without Amazon's answers", report.Percentile(own, 99), ownP99)
	return r.Close()
}

func row(name string, times []time.Duration) {
	fmt.Printf("%-58s %9.1f %9.1f %9.1f %9.1f\n", name, report.Percentile(times, 50), report.Percentile(times, 90),
		report.Percentile(times, 99), float64(slices.Max(times).Microseconds())/1000)
}

// measure sends one order after another and waits for the answer to its event each time.
// own is without what Amazon took to answer.
func measure(ctx context.Context, amazon *simulator.Simulator, p *process.Process, orders int) (all, own []time.Duration, err error) {
	ctx, cancel := p.Watch(ctx)
	defer cancel()
	accounts := amazon.Accounts()
	var call int64
	for i := range warmUp + orders {
		change, err := amazon.World.PlaceOrder(accounts[i%len(accounts)].ID)
		if err != nil {
			return nil, nil, err
		}
		sent := time.Now()
		amazon.Notify(change)
		took, answers, err := follow(ctx, amazon, sent, change.Order.OrderID, &call)
		if err != nil {
			return nil, nil, fmt.Errorf("order %d: %w", i, err)
		}
		if i >= warmUp {
			all, own = append(all, took), append(own, took-answers)
		}
	}
	return all, own, nil
}

// follow waits until PutEvents has been answered for an order. It returns how long that
// took, and which part of it the answers to the order's calls were. call is the sequence
// number up to which calls have been seen.
func follow(ctx context.Context, amazon *simulator.Simulator, sent time.Time, order string, call *int64) (took, answers time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	puts, err := amazon.Ledger.Await(ctx, simulator.Filter{Part: simulator.EventBridge, Operation: "PutEvents", After: *call}, 1)
	if err != nil {
		return 0, 0, err
	}
	gets := amazon.Ledger.Calls(simulator.Filter{Part: simulator.SPAPI, Operation: "getOrder", After: *call})
	if len(puts) != 1 || len(gets) != 1 || gets[0].Parameters["orderId"] != order {
		return 0, 0, fmt.Errorf("one order made other calls than one getOrder and one PutEvents: %+v, %+v", gets, puts)
	}
	*call = puts[0].Sequence
	return puts[0].Time.Add(puts[0].Duration).Sub(sent), gets[0].Duration + puts[0].Duration, nil
}
