package scenario

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/simulator/chance"
	"github.com/sellerstream/sellerstream/pkg/simulator/notify"
	"github.com/sellerstream/sellerstream/pkg/simulator/world"
)

// Scenario is a stretch of business: orders that are placed and change, and the
// notifications that report it, as disorderly as Amazon's. Shares are between
// 0 and 1.
type Scenario struct {
	Accounts []string      `json:"accounts"` // names of the sellers that take part; default all
	Orders   int           `json:"orders"`   // distinct orders, dealt to the accounts in turn
	Changes  int           `json:"changes"`  // each order changes up to so many times more
	Over     time.Duration `json:"over"`     // clock time over which it all happens; 0 means at once

	Duplicates    float64 `json:"duplicates"`    // share of notifications sent 2 to 10 times, byte for byte
	Reordered     float64 `json:"reordered"`     // share of notifications held back behind the order's next one
	Dropped       float64 `json:"dropped"`       // share of notifications that are never sent, though the change happens
	SellerShips   float64 `json:"sellerShips"`   // share of orders that the marketplace leaves to the seller to ship: by themselves they only become UNSHIPPED
	ByAmazon      float64 `json:"byAmazon"`      // share of orders that Amazon ships (FulfillmentType AFN)
	Listed        float64 `json:"listed"`        // share of orders for a SKU that the seller lists: they lower its quantity; Amazon ships those that it fulfils
	BuyerRequests float64 `json:"buyerRequests"` // share of orders whose buyer asks to cancel (a notification without a time)

	Forged         int `json:"forged"`         // notifications of orders that do not exist
	UnknownSellers int `json:"unknownSellers"` // notifications of a seller that is not configured
	Malformed      int `json:"malformed"`      // messages that are not JSON
}

// Check reports what is wrong with a scenario.
func (p *Player) Check(sc Scenario) error {
	return p.check("scenario", sc.Accounts, 10_000_000,
		[]float64{sc.Duplicates, sc.Reordered, sc.Dropped, sc.SellerShips, sc.ByAmazon, sc.Listed, sc.BuyerRequests},
		[]int{sc.Orders, sc.Changes, sc.Forged, sc.UnknownSellers, sc.Malformed})
}

// Run plays a scenario to its end, or until ctx ends, and returns its cause.
// Every order's last change has been notified, or dropped, when it returns nil. Several
// scenarios may run at once.
func (p *Player) Run(ctx context.Context, sc Scenario) error {
	if err := p.Check(sc); err != nil {
		return err
	}
	play := &play{Player: p, scenario: sc, random: p.seed.Stream(chance.Scenario)}
	play.plan(p.participants(sc.Accounts))
	start := p.clock.Now()
	for first, more := play.steps.First(); more; first, more = play.steps.First() {
		if err := clock.Sleep(ctx, p.clock, start.Add(first.Sub(time.Time{})).Sub(p.clock.Now())); err != nil {
			return fmt.Errorf("scenario: %w", err)
		}
		at, step := play.steps.Take()
		if err := step(at.Sub(time.Time{})); err != nil {
			return fmt.Errorf("scenario: %w", err)
		}
	}
	return nil
}

// play is a scenario while it is played: steps in the order of their times. Each
// time stands for what has passed since the start.
type play struct {
	*Player
	scenario Scenario
	random   *rand.Rand
	steps    world.Timeline[func(at time.Duration) error]
}

func (p *play) plan(accounts []string) {
	listed := map[string][]string{} // account → its SKUs
	for i := range p.scenario.Orders {
		account := accounts[i%len(accounts)]
		if listed[account] == nil && p.scenario.Listed > 0 {
			listed[account], _ = p.stock.SKUs(account) // the account is known
		}
		p.planOrder(account, listed[account])
	}
	p.planForgeries(accounts)
}

// planOrder plans one order's life: placed, then changed at later times.
func (p *play) planOrder(account string, skus []string) {
	changes := 0
	if p.scenario.Changes > 0 {
		changes = p.random.IntN(p.scenario.Changes + 1)
	}
	life := &life{times: make([]time.Duration, 1, changes+2)}
	life.times[0] = p.moment(0)
	for range changes {
		life.times = append(life.times, p.moment(life.times[len(life.times)-1]))
	}
	life.order.ByAmazon = chance.Happens(p.random, p.scenario.ByAmazon)
	if len(skus) > 0 && chance.Happens(p.random, p.scenario.Listed) {
		life.order.SKU = skus[p.random.IntN(len(skus))]
		listing, _ := p.stock.Listing(account, life.order.SKU)
		life.order.ByAmazon = listing.Channel != ""
	}
	life.order.SellerShips = chance.Happens(p.random, p.scenario.SellerShips) && !life.order.ByAmazon
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
	orderID string
	times   []time.Duration
	order   world.Placement
	done    int      // how many of its times have passed
	held    []func() // notifications that wait for a newer one to overtake them
}

// happen makes the i-th thing of an order's life happen in the marketplace.
func (p *play) happen(l *life, i int, account string, asks bool) (world.Change, error) {
	l.done++
	if i == 0 {
		change, err := p.world.Place(account, l.order)
		l.orderID = change.Order.OrderID
		return change, err
	}
	if asks && i == len(l.times)-1 {
		return p.world.RequestCancel(l.orderID)
	}
	return p.world.Change(l.orderID)
}

// notify sends a change, or holds it back until a newer one has been sent.
func (p *play) notify(l *life, change world.Change, at time.Duration) {
	body := p.notifier.Notification(change)
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
func (p *play) send(change world.Change, body []byte, at time.Duration) {
	if p.scenario.Dropped > 0 && p.random.Float64() < p.scenario.Dropped {
		p.notifier.Drop(change)
		return
	}
	p.notifier.Deliver(change, body)
	if p.random.Float64() >= p.scenario.Duplicates {
		return
	}
	for range 1 + p.random.IntN(9) {
		p.schedule(at+p.within(p.scenario.Over/10), func(time.Duration) error {
			p.notifier.Count(func(t *notify.Truth) { t.Duplicates++ })
			p.notifier.Deliver(change, body)
			return nil
		})
	}
}

// planForgeries plans the messages that no order stands behind.
func (p *play) planForgeries(accounts []string) {
	owner := func(i int) *world.Account {
		a, _ := p.world.Account(accounts[i%len(accounts)]) // Check has looked
		return a
	}
	for i := range p.scenario.Forged {
		owner := owner(i)
		p.poison(owner.Queue, func() []byte { return p.forgery(owner) }, func(t *notify.Truth) { t.Forged++ })
	}
	for i := range p.scenario.UnknownSellers {
		unknown := *owner(i)
		unknown.SellerID = "AUNKNOWNSELLER"
		p.poison(unknown.Queue, func() []byte { return p.forgery(&unknown) }, func(t *notify.Truth) { t.Poison++ })
	}
	for i := range p.scenario.Malformed {
		p.poison(owner(i).Queue, func() []byte { return []byte(`{"NotificationVersion":"1.0","NotificationType`) }, func(t *notify.Truth) { t.Poison++ })
	}
}

// forgery is the notification of an order that was never placed.
func (p *play) forgery(a *world.Account) []byte {
	// No real order's number is as high: placed ones count up from 1.
	id := fmt.Sprintf("%03d-%07d-%07d", 100+p.random.IntN(900), p.random.IntN(10_000_000), 9_999_999)
	return p.notifier.Notification(p.world.Forge(a, id))
}

func (p *play) poison(queue string, body func() []byte, count func(*notify.Truth)) {
	p.schedule(p.moment(0), func(time.Duration) error {
		p.notifier.Count(func(t *notify.Truth) { t.Notifications++; count(t) })
		return p.queues.Send(queue, string(body()))
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
	p.steps.Add(time.Time{}.Add(at), run)
}
