package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/embedded"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/test/process"
)

const (
	partitions = 6   // as package process configures
	neighbours = 4   // accounts that are measured
	backlog    = 300 // orders of a bad account
	pace       = 15 * time.Millisecond
	settling   = 100 // orders before those that are measured
	patience   = time.Minute
)

// stage is the pipeline and what is around it.
type stage struct {
	dir        string
	cluster    *embedded.Cluster
	amazon     *simulator.Simulator
	pipeline   *process.Process
	neighbours []string
	bad        []string // each is used once: what it leaves pending stays its own
	event      int64    // up to which events have been seen
}

func newStage(ctx context.Context, rounds int) (s *stage, err error) {
	s = &stage{}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.dir, err = os.MkdirTemp("", "neighbours-"); err != nil {
		return nil, err
	}
	if s.cluster, err = embedded.Start(embedded.Config{Dir: s.dir, Logger: slog.New(slog.DiscardHandler)}); err != nil {
		return nil, err
	}
	application := simulator.Application{Name: "main", ClientID: "amzn1.application-oa2-client.neighbours", ClientSecrets: []string{"neighbours"}}
	accounts := onePartition(neighbours+2*rounds, application.Name)
	for i, a := range accounts {
		if i < neighbours {
			s.neighbours = append(s.neighbours, a.ID)
		} else {
			s.bad = append(s.bad, a.ID)
		}
	}
	rate := simulator.Rate{PerSecond: 50, Burst: 60}
	s.amazon, err = simulator.New(simulator.Config{
		Applications: []simulator.Application{application}, Accounts: accounts,
		EventBuses: []string{"neighbours"}, Rates: map[string]simulator.Rate{"getOrder": rate},
	})
	if err != nil {
		return nil, err
	}
	urls, err := s.amazon.Start(simulator.Addresses{})
	if err != nil {
		return nil, err
	}
	config, err := process.Config{
		Prefix: "neighbours.", Brokers: s.cluster.Brokers(), Registry: s.cluster.RegistryURL(),
		SQS: urls.SQS, Queue: urls.QueueURL(simulator.DefaultQueue), EventBridge: urls.EventBridge, Bus: "neighbours",
		Amazon: urls, Accounts: accounts, Application: application, GetOrderRate: rate,
	}.Write(s.dir)
	if err != nil {
		return nil, err
	}
	binary, err := process.Build(ctx, s.dir)
	if err != nil {
		return nil, err
	}
	s.pipeline, err = process.Start(binary, config, s.dir)
	return s, err
}

// onePartition makes n accounts that share a partition.
func onePartition(n int, application string) []simulator.Account {
	partitioner := kgo.StickyKeyPartitioner(nil).ForTopic("")
	var accounts []simulator.Account
	for _, a := range simulator.Sellers(4*partitions*n, application) {
		if partitioner.Partition(&kgo.Record{Key: []byte(a.ID)}, partitions) == 0 && len(accounts) < n {
			accounts = append(accounts, a)
		}
	}
	return accounts
}

func (s *stage) close() {
	var faults []error
	if s.pipeline != nil {
		faults = append(faults, s.pipeline.Stop(patience))
		s.pipeline.Kill()
	}
	if s.amazon != nil {
		faults = append(faults, s.amazon.Close())
	}
	if s.cluster != nil {
		faults = append(faults, s.cluster.Close())
	}
	if err := errors.Join(append(faults, os.RemoveAll(s.dir))...); err != nil {
		fmt.Fprintln(os.Stderr, "closing:", err)
	}
}

// explain adds what the pipeline said last.
func (s *stage) explain(err error) error { return fmt.Errorf("%w\n%s", err, s.pipeline.Log()) }

// measure returns how long the neighbours' orders take, one after the other at
// a fixed pace, while an account has trouble.
func (s *stage) measure(ctx context.Context, t trouble, orders int) ([]time.Duration, error) {
	ctx, cancel := s.pipeline.Watch(ctx)
	defer cancel()
	if t.name != alone {
		remove, err := s.inflict(ctx, t.rule)
		if err != nil {
			return nil, err
		}
		defer remove()
	}
	// What arrived with the trouble is behind us when these are through: it is a
	// burst, as a healthy account's would be, and not what is measured.
	if _, err := s.deal(ctx, settling); err != nil {
		return nil, err
	}
	return s.deal(ctx, orders)
}

// deal sends orders to the neighbours in turn, at a fixed pace, and waits for
// their events.
func (s *stage) deal(ctx context.Context, orders int) ([]time.Duration, error) {
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

// inflict gives the next bad account its trouble and a backlog of orders.
func (s *stage) inflict(ctx context.Context, rule simulator.Rule) (remove func(), err error) {
	rule.Account, s.bad = s.bad[0], s.bad[1:]
	id, err := s.amazon.Faults.Add(rule)
	if err != nil {
		return nil, err
	}
	for range backlog {
		if _, err := s.order(rule.Account); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := s.amazon.Ledger.Await(ctx, simulator.Filter{Part: rule.Part, Account: rule.Account}, 1); err != nil {
		return nil, fmt.Errorf("no call of the bad account %s: %w", rule.Account, err)
	}
	return func() { s.amazon.Faults.Remove(id) }, nil
}

// order orders something from an account, and notifies it.
func (s *stage) order(account string) (id string, err error) {
	change, err := s.amazon.World.PlaceOrder(account)
	if err != nil {
		return "", err
	}
	s.amazon.Notify(change)
	return change.Order.OrderID, nil
}

// collect waits for the events of the orders that were sent.
func (s *stage) collect(ctx context.Context, sent map[string]time.Time) ([]time.Duration, error) {
	times := make([]time.Duration, 0, len(sent))
	for end := time.Now().Add(patience); len(times) < len(sent); {
		events, _ := s.amazon.Events(s.event)
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
