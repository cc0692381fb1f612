package simulator

import (
	"container/heap"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
)

// Scenario is a stretch of business: orders that are placed and change, and the
// notifications that report it, as disorderly as Amazon's. Shares are between
// 0 and 1.
type Scenario struct {
	Accounts []string      // names of the sellers that take part; default all
	Orders   int           // distinct orders, dealt to the accounts in turn
	Changes  int           // each order changes up to so many times more
	Over     time.Duration // clock time over which it all happens; 0 means at once

	Duplicates    float64 // share of notifications sent 2 to 10 times, byte for byte
	Reordered     float64 // share of notifications held back behind the order's next one
	Dropped       float64 // share of notifications that are never sent, though the change happens
	SellerShips   float64 // share of orders that the marketplace leaves to the seller to ship: by themselves they only become UNSHIPPED
	BuyerRequests float64 // share of orders whose buyer asks to cancel (a notification without a time)

	Forged         int // notifications of orders that do not exist
	UnknownSellers int // notifications of a seller that is not configured
	Malformed      int // messages that are not JSON
}

func (sc *Scenario) check(w *World) error {
	for _, share := range []float64{sc.Duplicates, sc.Reordered, sc.Dropped, sc.SellerShips, sc.BuyerRequests} {
		if share < 0 || share > 1 {
			return fmt.Errorf("scenario: a share is between 0 and 1, not %v", share)
		}
	}
	const most = 10_000_000
	for _, n := range []int{sc.Orders, sc.Changes, sc.Forged, sc.UnknownSellers, sc.Malformed} {
		if n < 0 || n > most {
			return fmt.Errorf("scenario: a count is between 0 and %d, not %d", most, n)
		}
	}
	for _, id := range sc.Accounts {
		if w.accounts[id] == nil {
			return fmt.Errorf("scenario: no account is named %q", id)
		}
	}
	return nil
}

// Truth is what really happened: the state in which the orders of scenarios are
// now, and how many messages said so.
type Truth struct {
	Notifications int                   `json:"notifications"` // messages sent, of every kind
	Duplicates    int                   `json:"duplicates"`    // of those, copies of an earlier one
	Reordered     int                   `json:"reordered"`     // of those, sent after a newer one of the same order
	Dropped       int                   `json:"dropped"`       // not of those: changes whose notification was never sent
	Forged        int                   `json:"forged"`        // of those, about orders that do not exist
	Poison        int                   `json:"poison"`        // of those, unreadable or of an unknown seller
	Orders        map[string]OrderTruth `json:"orders"`        // the orders that were notified, or should have been, by order id
}

// OrderTruth is the present state of an order.
type OrderTruth struct {
	Account         string    `json:"account"`
	SellerID        string    `json:"sellerId"`
	Status          Status    `json:"status"`
	LastUpdatedTime time.Time `json:"lastUpdatedTime"`
	NotifiedTime    time.Time `json:"notifiedTime"`          // LastUpdatedTime of the newest state that was notified; zero if none was
	SellerShips     bool      `json:"sellerShips,omitempty"` // the marketplace leaves it to the seller to ship it
}

// truthLog counts what was sent.
type truthLog struct {
	mu     sync.Mutex
	counts Truth                 // without its orders
	newest map[string]orderSends // by order id
}

type orderSends struct {
	account *Account
	newest  time.Time // the newest state that was notified; zero if none was
}

// dropped takes note of a change that no notification reports.
func (t *truthLog) dropped(a *Account, orderID string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Dropped++
	if _, known := t.newest[orderID]; !known {
		t.know(orderID, orderSends{account: a})
	}
}

func (t *truthLog) know(orderID string, sends orderSends) {
	if t.newest == nil {
		t.newest = make(map[string]orderSends)
	}
	t.newest[orderID] = sends
}

func (t *truthLog) notified(a *Account, orderID string, updated time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Notifications++
	last := t.newest[orderID].newest
	if updated.After(last) {
		t.know(orderID, orderSends{a, updated})
	} else if updated.Before(last) {
		t.counts.Reordered++
	}
}

func (t *truthLog) add(count func(*Truth)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	count(&t.counts)
}

// Counts is the truth without its orders, which is cheap to ask for.
func (s *Simulator) Counts() (counts Truth, distinct int) {
	s.truth.mu.Lock()
	defer s.truth.mu.Unlock()
	return s.truth.counts, len(s.truth.newest)
}

// Truth is the state of everything notified so far, or dropped.
func (s *Simulator) Truth() Truth {
	s.truth.mu.Lock()
	truth := s.truth.counts
	truth.Orders = make(map[string]OrderTruth, len(s.truth.newest))
	for id, sent := range s.truth.newest {
		truth.Orders[id] = OrderTruth{Account: sent.account.ID, SellerID: sent.account.SellerID, NotifiedTime: sent.newest}
	}
	s.truth.mu.Unlock()
	for id, o := range truth.Orders {
		if order, ok := s.World.Order(id); ok {
			o.Status, o.LastUpdatedTime = order.Status(), time.Time(order.LastUpdatedTime)
			o.SellerShips = order.SellerShips
			truth.Orders[id] = o
		}
	}
	return truth
}

// Run plays a scenario to its end, or until ctx ends, and returns its cause.
// Every order's last change has been notified, or dropped, when it returns nil. Several
// scenarios may run at once.
func (s *Simulator) Run(ctx context.Context, sc Scenario) error {
	if err := sc.check(s.World); err != nil {
		return err
	}
	p := s.plan(sc)
	start := s.clock.Now()
	for p.steps.Len() > 0 {
		step := heap.Pop(&p.steps).(step)
		if err := clock.Sleep(ctx, s.clock, start.Add(step.at).Sub(s.clock.Now())); err != nil {
			return fmt.Errorf("scenario: %w", err)
		}
		if err := step.run(step.at); err != nil {
			return fmt.Errorf("scenario: %w", err)
		}
	}
	return nil
}

// play is a scenario while it is played: steps in the order of their times.
type play struct {
	simulator *Simulator
	scenario  Scenario
	random    *rand.Rand
	steps     steps
	sequence  int
}

func (s *Simulator) plan(sc Scenario) *play {
	p := &play{simulator: s, scenario: sc, random: rand.New(rand.NewPCG(s.config.Seed, scenarioStream))}
	accounts := sc.Accounts
	if len(accounts) == 0 {
		for _, a := range s.config.Accounts {
			accounts = append(accounts, a.ID)
		}
	}
	for i := range sc.Orders {
		p.planOrder(accounts[i%len(accounts)])
	}
	p.planForgeries(accounts)
	return p
}

// planOrder plans one order's life: placed, then changed at later times.
func (p *play) planOrder(account string) {
	changes := 0
	if p.scenario.Changes > 0 {
		changes = p.random.IntN(p.scenario.Changes + 1)
	}
	life := &life{times: make([]time.Duration, 1, changes+2)}
	life.times[0] = p.moment(0)
	for range changes {
		life.times = append(life.times, p.moment(life.times[len(life.times)-1]))
	}
	life.sellerShips = chance(p.random, p.scenario.SellerShips)
	asks := p.random.Float64() < p.scenario.BuyerRequests
	if asks {
		life.times = append(life.times, p.moment(life.times[len(life.times)-1]))
	}
	for i, at := range life.times {
		p.schedule(at, func(at time.Duration) error {
			change, err := p.happen(life, i, account, asks)
			if err != nil {
				return err
			}
			p.notify(life, change, at)
			return nil
		})
	}
}

// life is one order in a scenario.
type life struct {
	orderID     string
	times       []time.Duration
	sellerShips bool
	done        int      // how many of its times have passed
	held        []func() // notifications that wait for a newer one to overtake them
}

// happen makes the i-th thing of an order's life happen in the marketplace.
func (p *play) happen(l *life, i int, account string, asks bool) (Change, error) {
	l.done++
	if i == 0 {
		change, err := p.simulator.World.placeOrder(account, l.sellerShips)
		l.orderID = change.Order.OrderID
		return change, err
	}
	if asks && i == len(l.times)-1 {
		return p.simulator.World.RequestCancel(l.orderID)
	}
	return p.simulator.World.Change(l.orderID)
}

// notify sends a change, or holds it back until a newer one has been sent.
func (p *play) notify(l *life, change Change, at time.Duration) {
	body := p.simulator.Notification(change)
	send := func() { p.send(change, body, at) }
	if l.done < len(l.times) && p.random.Float64() < p.scenario.Reordered {
		l.held = append(l.held, send)
		return
	}
	send()
	for _, older := range l.held {
		older()
	}
	l.held = nil
}

// send delivers a notification and plans its duplicates, or drops it.
func (p *play) send(change Change, body []byte, at time.Duration) {
	if p.scenario.Dropped > 0 && p.random.Float64() < p.scenario.Dropped {
		p.simulator.truth.dropped(change.Account, change.Order.OrderID)
		return
	}
	p.simulator.deliver(change, body)
	if p.random.Float64() >= p.scenario.Duplicates {
		return
	}
	for range 1 + p.random.IntN(9) {
		p.schedule(at+p.within(p.scenario.Over/10), func(time.Duration) error {
			p.simulator.truth.add(func(t *Truth) { t.Duplicates++ })
			p.simulator.deliver(change, body)
			return nil
		})
	}
}

// planForgeries plans the messages that no order stands behind.
func (p *play) planForgeries(accounts []string) {
	s := p.simulator
	for i := range p.scenario.Forged {
		owner := s.World.accounts[accounts[i%len(accounts)]]
		p.poison(owner.Queue, func() []byte { return s.Notification(p.forgery(owner)) }, func(t *Truth) { t.Forged++ })
	}
	for i := range p.scenario.UnknownSellers {
		owner := *s.World.accounts[accounts[i%len(accounts)]]
		owner.SellerID = "AUNKNOWNSELLER"
		p.poison(owner.Queue, func() []byte { return s.Notification(p.forgery(&owner)) }, func(t *Truth) { t.Poison++ })
	}
	for i := range p.scenario.Malformed {
		owner := s.World.accounts[accounts[i%len(accounts)]]
		p.poison(owner.Queue, func() []byte { return []byte(`{"NotificationVersion":"1.0","NotificationType`) }, func(t *Truth) { t.Poison++ })
	}
}

// forgery is a change of an order that was never placed.
func (p *play) forgery(a *Account) Change {
	w := p.simulator.World
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.clock.Now()
	order := w.newOrder(a, now)
	// No real order's number is as high: placed ones count up from 1.
	order.OrderID = fmt.Sprintf("%03d-%07d-%07d", 100+p.random.IntN(900), p.random.IntN(10_000_000), 9_999_999)
	return Change{Account: a, Type: "OrderStatusChange", Reason: "Order Status Change", Time: &now, Order: order}
}

func (p *play) poison(queue string, body func() []byte, count func(*Truth)) {
	p.schedule(p.moment(0), func(time.Duration) error {
		p.simulator.truth.add(func(t *Truth) { t.Notifications++; count(t) })
		p.simulator.queues.get(queue).send(string(body()), 0)
		return nil
	})
}

// moment is a random time of the scenario after another.
func (p *play) moment(after time.Duration) time.Duration {
	return after + p.within(p.scenario.Over-after)
}

func (p *play) within(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(p.random.Int64N(int64(d)))
}

func (p *play) schedule(at time.Duration, run func(time.Duration) error) {
	p.sequence++
	heap.Push(&p.steps, step{at, p.sequence, run})
}

// step is something that happens at a time since the scenario's start; among
// equals the one planned first.
type step struct {
	at       time.Duration
	sequence int
	run      func(at time.Duration) error
}

type steps []step

func (s steps) Len() int { return len(s) }
func (s steps) Less(i, j int) bool {
	return s[i].at < s[j].at || s[i].at == s[j].at && s[i].sequence < s[j].sequence
}
func (s steps) Swap(i, j int) { s[i], s[j] = s[j], s[i] }
func (s *steps) Push(x any)   { *s = append(*s, x.(step)) }
func (s *steps) Pop() any {
	last := (*s)[len(*s)-1]
	*s = (*s)[:len(*s)-1]
	return last
}
