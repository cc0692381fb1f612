package stream

import (
	"sync"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
)

// Changed tells the units that run here that accounts have changed; see
// machine.Follower. It does not wait for them, and may be called from any goroutine.
// accounts must not be changed afterwards.
func (p *Processor) Changed(accounts []string) {
	g := p.group.Load()
	if g == nil || len(accounts) == 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, u := range g.units {
		u.changed.add(accounts)
	}
}

// Wake has each unit that runs here draw, since something that its machine looks at may
// have changed. It does not wait for them, and may be called from any goroutine.
func (p *Processor) Wake() {
	g := p.group.Load()
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, u := range g.units {
		u.changed.add(nil)
	}
}

// changes are accounts that a unit has not heard of yet.
type changes struct {
	mu     sync.Mutex
	lists  [][]string
	signal chan struct{} // full while there are any
}

func newChanges() *changes { return &changes{signal: make(chan struct{}, 1)} }

func (c *changes) add(accounts []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lists = append(c.lists, accounts)
	select {
	case c.signal <- struct{}{}:
	default:
	}
}

func (c *changes) take() [][]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	lists := c.lists
	c.lists = nil
	return lists
}

// tellChanges passes on which of the unit's accounts have changed.
func (s *session) tellChanges(tx *machine.Tx) {
	lists := s.u.changed.take()
	follower, ok := s.machine.(machine.Follower)
	if !ok || len(lists) == 0 {
		return
	}
	var ours []string
	told := map[string]bool{}
	for _, list := range lists {
		for _, account := range list {
			if !told[account] && s.intake.owners.partitionOf([]byte(account)) == s.u.partition {
				told[account] = true
				ours = append(ours, account)
			}
		}
	}
	if len(ours) > 0 {
		follower.Changed(tx, ours)
	}
}
