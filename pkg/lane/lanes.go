package lane

import (
	"container/heap"
	"time"

	"github.com/sellerstream/sellerstream/pkg/machine"
	"github.com/sellerstream/sellerstream/pkg/quota"
	"github.com/sellerstream/sellerstream/schemas"
)

// Lanes is all of a unit's lanes for one operation. It is used by one goroutine.
type Lanes struct {
	operation string
	limit     func(account string) quota.Limit
	byAccount map[string]*lane
	byWake    laneHeap // lanes that have something to do, now or later
	pending   int
}

// New makes an empty set of lanes for operation. limit is each account's usage
// plan; it is asked once for each account.
func New(operation string, limit func(account string) quota.Limit) *Lanes {
	return &Lanes{operation: operation, limit: limit, byAccount: make(map[string]*lane)}
}

// Restore says that account's bucket has a committed checkpoint.
func (s *Lanes) Restore(checkpoint *schemas.QuotaState) {
	s.of(checkpoint.Account).from = checkpoint
}

// Known says that account has a past: without a checkpoint its bucket starts
// empty. Call it while restoring.
func (s *Lanes) Known(account string) { s.of(account).known = true }

// Add queues item for a call at due or later, or moves it there. An item in
// flight must be finished first.
func (s *Lanes) Add(account string, item *Item, due time.Time) {
	l := s.of(account)
	if !item.Queued() {
		s.pending++
	}
	l.queue.Add(item, due)
	s.schedule(l, due)
}

// Draw hands every item whose call may start now to start, in order, with the
// checkpoint that must be committed before it, if the bucket gave one.
func (s *Lanes) Draw(now time.Time, start func(*Item, *schemas.QuotaState)) {
	for len(s.byWake) > 0 && !s.byWake[0].wake.After(now) {
		l := heap.Pop(&s.byWake).(*lane)
		l.open(s.operation, s.limit)
		for item, checkpoint := l.draw(now); item != nil; item, checkpoint = l.draw(now) {
			start(item, checkpoint)
		}
		if next := l.next(now); !next.IsZero() {
			s.schedule(l, next)
		}
	}
}

// Wake is, after a Draw, when the next one may have something; zero when time
// alone changes nothing.
func (s *Lanes) Wake() time.Time {
	if len(s.byWake) == 0 {
		return time.Time{}
	}
	return s.byWake[0].wake
}

// Pending is how many items are queued or in flight.
func (s *Lanes) Pending() int { return s.pending }

// Finish ends an item's call: the item is idle again, and what the result says
// of the account is taken note of. A 429 drains the bucket; a snooze holds the
// lane; refused credentials park it; an answer lets a parked lane go on. The
// checkpoint, if not nil, must be committed.
func (s *Lanes) Finish(account string, item *Item, res *machine.Result, now time.Time) *schemas.QuotaState {
	if !item.inFlight {
		return nil
	}
	item.inFlight = false
	s.pending--
	l := s.of(account)
	l.inFlight--
	checkpoint := l.bucket.Answered(now)
	switch outcome := res.Outcome.(type) {
	case machine.Done, machine.Reject:
		l.parked = false
		if learned := l.bucket.Learn(res.RateLimit, now); learned != nil {
			checkpoint = learned
		}
	case machine.Snooze:
		l.heldUntil = latest(l.heldUntil, now.Add(outcome.For))
		if outcome.Throttled {
			checkpoint = l.bucket.Throttled(now)
		}
	case machine.Park:
		l.parked = true
		l.probeAt = now.Add(ProbeAfter)
	}
	if l.queue.Len() > 0 {
		s.schedule(l, now)
	}
	return checkpoint
}

func (s *Lanes) of(account string) *lane {
	l := s.byAccount[account]
	if l == nil {
		l = &lane{account: account}
		s.byAccount[account] = l
	}
	return l
}

// schedule has the lane looked at by t at the latest.
func (s *Lanes) schedule(l *lane, t time.Time) {
	switch {
	case l.place == 0:
		l.wake = t
		heap.Push(&s.byWake, l)
	case t.Before(l.wake):
		l.wake = t
		heap.Fix(&s.byWake, l.place-1)
	}
}

type laneHeap []*lane

func (h laneHeap) Len() int { return len(h) }

func (h laneHeap) Less(i, j int) bool {
	if c := h[i].wake.Compare(h[j].wake); c != 0 {
		return c < 0
	}
	return h[i].account < h[j].account
}

func (h laneHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i+1, j+1
}

func (h *laneHeap) Push(x any) {
	l := x.(*lane)
	l.place = len(*h) + 1
	*h = append(*h, l)
}

func (h *laneHeap) Pop() any {
	last := len(*h) - 1
	l := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	l.place = 0
	return l
}
