package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/test/bench/internal/stage"
)

// task is what the process is told that simulates Amazon.
type task struct {
	Accounts int
	SKUs     int           // of each account
	Answer   time.Duration // how long SP-API and EventBridge take to answer
}

// fast is a quota that nobody waits for. The configuration takes no higher ones.
func fast() simulator.Rate { return simulator.Rate{PerSecond: 5000, Burst: 5000} }

// paced are the operations that the pipeline may call so often.
func paced() map[string]simulator.Rate {
	rates := map[string]simulator.Rate{}
	for _, name := range []string{"getOrder", "createFeedDocument", "createFeed", "getFeed", "getFeeds", "getFeedDocument", "patchListingsItem", "getListingsItem", "searchListingsItems"} {
		rates[name] = fast()
	}
	return rates
}

// Amazon is the simulated one, with buyers who order as long as fewer than so many orders
// are on their way through the pipeline: what has not come out when it is full waits in
// the queue of the slowest stage. Its methods are called by net/rpc.
type Amazon struct {
	sim    *simulator.Simulator
	urls   simulator.URLs
	failed chan error

	mu     sync.Mutex
	counts Counts
	open   map[string]bool // orders that have not come out
	most   int             // orders that may be open
	next   int             // the account that is ordered from next
	event  int64           // up to which events have been seen
	call   int64           // and calls
}

// Counts are what Amazon has seen so far.
type Counts struct {
	Placed, Arrived int // orders, and those whose event has arrived
	Repeated        int // events of orders that had arrived
	Other           int // events that are not about orders
	Queue           simulator.QueueStats
	Calls           map[string]Calls // by operation
}

// Calls are those of one operation.
type Calls struct {
	N    int
	Busy time.Duration // until they were answered, all together
}

// simulate runs in a process of its own.
func simulate(t task) error {
	sim, urls, err := stage.NewAmazon(simulator.Config{
		Accounts: simulator.Sellers(t.Accounts, stage.Application().Name), SKUs: t.SKUs, Rates: paced(),
		EventBridgeLatency: t.Answer, CallsKept: 20_000, EventsKept: 20_000,
		FeedTimes:     simulator.FeedTimes{Least: time.Second, Most: time.Second},
		ListingsFeeds: simulator.Window{Count: 1_000_000, Per: time.Second},
	})
	if err != nil {
		return err
	}
	if _, err := sim.Faults.Add(simulator.Rule{Name: "distance", Part: simulator.SPAPI, Action: simulator.Action{Delay: t.Answer}}); err != nil {
		return err
	}
	a := &Amazon{sim: sim, urls: urls, open: map[string]bool{}, failed: make(chan error, 1)}
	a.counts.Calls = map[string]Calls{}
	go a.trade()
	return errors.Join(stage.Answer(a), sim.Close())
}

// URLs returns where it can be reached.
func (a *Amazon) URLs(_ struct{}, urls *simulator.URLs) error { //nolint:unparam // net/rpc wants an error
	*urls = a.urls
	return nil
}

// Open has buyers order while fewer than most orders are open; 0 for no more orders.
func (a *Amazon) Open(most int, _ *struct{}) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.most = most
	return nil
}

// Counts returns what it has seen. It is to be asked every few seconds: the ledger keeps
// a limited number of calls.
func (a *Amazon) Counts(_ struct{}, counts *Counts) error {
	select {
	case err := <-a.failed:
		return err
	default:
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.sim.Ledger.Calls(simulator.Filter{After: a.call}) {
		sum := a.counts.Calls[c.Operation]
		a.counts.Calls[c.Operation] = Calls{sum.N + 1, sum.Busy + c.Duration}
		a.call = max(a.call, c.Sequence)
	}
	var err error
	a.counts.Queue, err = a.sim.Queue(simulator.DefaultQueue)
	*counts = a.counts
	return err
}

// trade orders, and looks what has come out.
func (a *Amazon) trade() {
	for range time.Tick(5 * time.Millisecond) {
		if err := errors.Join(a.look(), a.order()); err != nil {
			a.failed <- err
			return
		}
	}
}

func (a *Amazon) order() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	accounts := a.sim.Accounts()
	for len(a.open) < a.most {
		change, err := a.sim.World.PlaceOrder(accounts[a.next%len(accounts)].ID)
		if err != nil {
			return err
		}
		a.sim.Notify(change)
		a.open[change.Order.OrderID] = true
		a.counts.Placed++
		a.next++
	}
	return nil
}

func (a *Amazon) look() error {
	events, _ := a.sim.Events(a.event)
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range events {
		if e.Sequence != a.event+1 {
			return fmt.Errorf("events %d to %d were not kept", a.event+1, e.Sequence-1)
		}
		a.event = e.Sequence
		var detail struct {
			OrderID string `json:"orderId"`
		}
		if err := json.Unmarshal([]byte(e.Detail), &detail); err != nil {
			return fmt.Errorf("event %s: %w", e.EventID, err)
		}
		switch {
		case detail.OrderID == "":
			a.counts.Other++
		case a.open[detail.OrderID]:
			delete(a.open, detail.OrderID)
			a.counts.Arrived++
		default:
			a.counts.Repeated++
		}
	}
	return nil
}
