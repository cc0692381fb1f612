// Command latency measures how long one order takes through an idle pipeline on
// a real Kafka: from the SQS message to the event at EventBridge, less what the
// simulated Amazon itself takes. One order at a time; the built binary, as a
// process of its own, with every default.
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
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/test/process"
)

// warmUp orders are not counted: tokens, connections and groups come first.
const warmUp = 50

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
	brokers, registry := os.Getenv("KAFKA_BROKERS"), os.Getenv("SCHEMA_REGISTRY_URL")
	if brokers == "" || registry == "" {
		return errors.New("KAFKA_BROKERS and SCHEMA_REGISTRY_URL must name real parts; `make bench` starts some")
	}
	dir, err := os.MkdirTemp("", "latency")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	s := stage{brokers: strings.Split(brokers, ","), prefix: fmt.Sprintf("latency-%d.", time.Now().UnixNano())}
	defer func() { err = errors.Join(err, s.removeTopics()) }()
	floor, err := s.bareRecords(ctx, orders)
	if err != nil {
		return fmt.Errorf("baseline: %w", err)
	}
	if err := s.start(ctx, registry, dir); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	times, err := s.measure(ctx, orders)
	if err != nil {
		return errors.Join(err, errors.New(s.pipeline.Log()))
	}
	fmt.Printf("%-42s %9s %9s %9s %9s\n", "one at a time, ms", "p50", "p90", "p99", "max")
	row("baseline: one bare record through Kafka", floor)
	row("one order, SQS message to EventBridge event", times)
	fmt.Printf("ratio of the medians: %.1f; targets for the order: p50 ≤ 25, p99 ≤ 60\n",
		float64(percentile(times, 50))/float64(percentile(floor, 50)))
	return nil
}

func row(name string, times []time.Duration) {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	fmt.Printf("%-42s %9.1f %9.1f %9.1f %9.1f\n", name,
		ms(percentile(times, 50)), ms(percentile(times, 90)), ms(percentile(times, 99)), ms(slices.Max(times)))
}

// percentile is the smallest time that p percent of the times do not exceed.
func percentile(times []time.Duration, p int) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[max(0, (len(sorted)*p+99)/100-1)]
}

// stage is the pipeline and the simulated Amazon around it.
type stage struct {
	brokers  []string
	prefix   string
	amazon   *simulator.Simulator
	pipeline *process.Process
}

func (s *stage) start(ctx context.Context, registry, dir string) error {
	application := simulator.Application{Name: "main", ClientID: "amzn1.application-oa2-client.latency", ClientSecrets: []string{"latency"}}
	plenty := simulator.Rate{PerSecond: 1000, Burst: 1000} // the wait for a quota is not what is measured
	var err error
	s.amazon, err = simulator.New(simulator.Config{
		Applications: []simulator.Application{application},
		Accounts:     simulator.Sellers(3, application.Name),
		EventBuses:   []string{"latency"},
		Rates:        map[string]simulator.Rate{"getOrder": plenty},
	})
	if err != nil {
		return err
	}
	urls, err := s.amazon.Start(simulator.Addresses{})
	if err != nil {
		return err
	}
	config, err := process.Config{
		Prefix: s.prefix, Brokers: s.brokers, Registry: registry,
		SQS: urls.SQS, Queue: urls.QueueURL(simulator.DefaultQueue), EventBridge: urls.EventBridge, Bus: "latency",
		Amazon: urls, Accounts: s.amazon.Accounts(), Application: application, GetOrderRate: plenty,
	}.Write(dir)
	if err != nil {
		return err
	}
	binary, err := process.Build(ctx, dir)
	if err != nil {
		return err
	}
	s.pipeline, err = process.Start(binary, config, dir)
	return err
}

func (s *stage) stop() error {
	var faults []error
	if s.pipeline != nil {
		faults = append(faults, s.pipeline.Stop(time.Minute))
		s.pipeline.Kill()
	}
	return errors.Join(append(faults, s.amazon.Close())...)
}

// measure sends one order after another and waits for its event each time.
func (s *stage) measure(ctx context.Context, orders int) ([]time.Duration, error) {
	ctx, cancel := s.pipeline.Watch(ctx)
	defer cancel()
	accounts := s.amazon.Accounts()
	times := make([]time.Duration, 0, orders)
	var event, call int64
	for i := range warmUp + orders {
		change, err := s.amazon.World.PlaceOrder(accounts[i%len(accounts)].ID)
		if err != nil {
			return nil, err
		}
		sent := time.Now()
		s.amazon.Notify(change)
		arrived, err := s.event(ctx, &event, &call)
		if err != nil {
			return nil, fmt.Errorf("order %d: %w", i, err)
		}
		own, err := s.ownDelay(change.Order.OrderID)
		if err != nil {
			return nil, err
		}
		if i >= warmUp {
			times = append(times, arrived.Sub(sent)-own)
		}
	}
	return times, nil
}

// event waits for the next event and returns when it arrived. event and call
// are the sequence numbers up to which events and calls have been seen.
func (s *stage) event(ctx context.Context, event, call *int64) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	calls, err := s.amazon.Ledger.Await(ctx, simulator.Filter{Part: simulator.EventBridge, Operation: "PutEvents", After: *call}, 1)
	if err != nil {
		return time.Time{}, err
	}
	*call = calls[len(calls)-1].Sequence
	events, _ := s.amazon.Events(*event)
	if len(events) != 1 {
		return time.Time{}, fmt.Errorf("one order made %d events", len(events))
	}
	*event = events[0].Sequence
	return events[0].Arrived, nil
}

// ownDelay is how long the simulated Amazon took to answer for an order.
func (s *stage) ownDelay(orderID string) (time.Duration, error) {
	calls := s.amazon.Ledger.Calls(simulator.Filter{Part: simulator.SPAPI, Operation: "getOrder"})
	if len(calls) == 0 || calls[len(calls)-1].Parameters["orderId"] != orderID {
		return 0, fmt.Errorf("the last call was not for order %s: %+v", orderID, calls)
	}
	return calls[len(calls)-1].Duration, nil
}
