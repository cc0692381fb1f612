package scenario

import (
	"fmt"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/simulator/chance"
	"github.com/sellerstream/sellerstream/pkg/simulator/notify"
	"github.com/sellerstream/sellerstream/pkg/simulator/sqs"
	"github.com/sellerstream/sellerstream/pkg/simulator/stock"
	"github.com/sellerstream/sellerstream/pkg/simulator/world"
)

// Player plays scenarios in a marketplace.
type Player struct {
	world    *world.World
	stock    *stock.Stock
	notifier *notify.Notifier
	queues   *sqs.Queues
	clock    clock.Clock
	seed     chance.Seed
}

// New makes a player of a marketplace. The same seed plays a scenario the same way.
func New(w *world.World, s *stock.Stock, n *notify.Notifier, q *sqs.Queues, c clock.Clock, seed chance.Seed) *Player {
	return &Player{world: w, stock: s, notifier: n, queues: q, clock: c, seed: seed}
}

// check refuses what no scenario, which it names, can have.
func (p *Player) check(name string, accounts []string, most int, shares []float64, counts []int) error {
	if err := chance.CheckShares(shares...); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for _, n := range counts {
		if n < 0 || n > most {
			return fmt.Errorf("%s: a count is between 0 and %d, not %d", name, most, n)
		}
	}
	for _, id := range accounts {
		if _, err := p.world.Account(id); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// participants are the sellers that take part: all when none is named.
func (p *Player) participants(named []string) []string {
	if len(named) > 0 {
		return named
	}
	for _, a := range p.world.Accounts() {
		named = append(named, a.ID)
	}
	return named
}
