package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/test/bench/internal/stage"
	"github.com/sellerstream/sellerstream/test/process"
)

const (
	partitions = 6   // as package process configures
	neighbours = 4   // accounts that are measured
	backlog    = 300 // orders of a bad account
	pace       = 15 * time.Millisecond
	settling   = 100 // orders before those that are measured
	patience   = 2 * time.Minute
)

// The phases, by the trouble that a bad account has.
const (
	alone     = "alone"
	throttled = "throttled"
	refused   = "refused"
)

// scene is the pipeline and what is around it.
type scene struct {
	*stage.Stage
	pipeline   *process.Process
	neighbours []string
	bad        []string // each is used once
	event      int64    // up to which events have been seen
}

func newStage(ctx context.Context, rounds int) (s *scene, err error) {
	s = &scene{}
	if s.Stage, err = stage.Open("neighbours"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = s.Close() // err says more
		}
	}()
	accounts := onePartition(neighbours + 2*rounds)
	for i, a := range accounts {
		if i < neighbours {
			s.neighbours = append(s.neighbours, a.ID)
		} else {
			s.bad = append(s.bad, a.ID)
		}
	}
	s.Pipeline.Rates = map[string]simulator.Rate{"getOrder": {PerSecond: 50, Burst: 60}}
	if err := s.Simulate(simulator.Config{Accounts: accounts, Rates: s.Pipeline.Rates, CallsKept: 50_000}); err != nil {
		return nil, err
	}
	s.pipeline, err = s.Start(ctx)
	return s, err
}

// onePartition makes n accounts that share a partition.
func onePartition(n int) []simulator.Account {
	partitioner := kgo.StickyKeyPartitioner(nil).ForTopic("")
	var accounts []simulator.Account
	for _, a := range simulator.Sellers(4*partitions*n, stage.Application().Name) {
		if partitioner.Partition(&kgo.Record{Key: []byte(a.ID)}, partitions) == 0 && len(accounts) < n {
			accounts = append(accounts, a)
		}
	}
	return accounts
}

// explain adds what the pipeline said last.
func (s *scene) explain(err error) error { return fmt.Errorf("%w\n%s", err, s.pipeline.Log()) }

// measure returns how long the neighbours' orders take, one after the other at a fixed
// pace, while an account has trouble. It fails where the ledger does not show that.
func (s *scene) measure(ctx context.Context, phase string, orders int) ([]time.Duration, error) {
	ctx, cancel := s.pipeline.Watch(ctx)
	defer cancel()
	t := &trouble{scene: s, phase: phase}
	if err := t.begin(ctx); err != nil {
		return nil, err
	}
	// What arrived with the trouble is behind us when these are through: it is a
	// burst, as a healthy account's would be, and not what is measured.
	if _, err := s.deal(ctx, settling); err != nil {
		return nil, err
	}
	t.measured = time.Now()
	times, err := s.deal(ctx, orders)
	if err != nil {
		return nil, err
	}
	if err := t.prove(); err != nil {
		return nil, err
	}
	return times, t.end(ctx)
}

// deal sends orders to the neighbours in turn, at a fixed pace, and waits for
// their events.
func (s *scene) deal(ctx context.Context, orders int) ([]time.Duration, error) {
	sent := make(map[string]time.Time, orders)
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for i := range orders {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		id, err := s.order(s.neighbours[i%neighbours])
		if err != nil {
			return nil, err
		}
		sent[id] = time.Now()
	}
	return s.collect(ctx, sent)
}

// order orders something from an account, and notifies it.
func (s *scene) order(account string) (id string, err error) {
	change, err := s.Amazon.World.PlaceOrder(account)
	if err != nil {
		return "", err
	}
	s.Amazon.Notify(change)
	return change.Order.OrderID, nil
}

// collect waits for the events of the orders that were sent.
func (s *scene) collect(ctx context.Context, sent map[string]time.Time) ([]time.Duration, error) {
	times := make([]time.Duration, 0, len(sent))
	for end := time.Now().Add(patience); len(times) < len(sent); {
		events, _ := s.Amazon.Events(s.event)
		for _, e := range events {
			s.event = e.Sequence
			var detail struct {
				OrderID string `json:"orderId"`
			}
			if err := json.Unmarshal([]byte(e.Detail), &detail); err != nil {
				return nil, fmt.Errorf("event %s: %w", e.EventID, err)
			}
			if at, ok := sent[detail.OrderID]; ok {
				times = append(times, e.Arrived.Sub(at))
			}
		}
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case time.Now().After(end):
			return nil, fmt.Errorf("%d of %d orders came out", len(times), len(sent))
		}
		time.Sleep(10 * time.Millisecond) // the events carry their times
	}
	return times, nil
}
