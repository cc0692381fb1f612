package lane

import (
	"iter"
	"math"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
)

// Observe notes the buckets, which accounts wait for a token, and which are
// parked. Accounts that have never asked for a call have no bucket.
func (s *Lanes) Observe(stats *machine.Stats) {
	for account, l := range s.byAccount {
		if l.from != nil {
			l.open(s.operations, s.limit)
		}
		if l.parked {
			stats.Park(account)
		}
		due := l.due()
		for i, bucket := range l.buckets {
			token := bucket.Next(stats.Now)
			waits := !due.IsZero() && !due.After(stats.Now) && (token.IsZero() || token.After(stats.Now))
			stats.Bucket(account, s.operations[i], bucket.Tokens(stats.Now), waits)
		}
	}
}

// PendingOf is how many items of an account are queued or in flight.
func (s *Lanes) PendingOf(account string) int {
	l := s.byAccount[account]
	if l == nil {
		return 0
	}
	return l.queue.Len() + l.low.Len() + len(l.flying)
}

// All are the items that are queued or in flight, in no order.
func (s *Lanes) All() iter.Seq[*Item] { return s.First(math.MaxInt) }

// First are, of each account, the items in flight and about n of those queued, the
// earliest among them: enough to know how things stand, however much is queued.
func (s *Lanes) First(n int) iter.Seq[*Item] {
	return func(yield func(*Item) bool) {
		for _, l := range s.byAccount {
			for _, items := range [][]*Item{l.queue.items, l.low.items, l.flying} {
				for _, item := range items[:min(n, len(items))] { // a heap begins with its earliest
					if !yield(item) {
						return
					}
				}
			}
		}
	}
}

// All are the items of a queue, in no order.
func (q *Queue) All() iter.Seq[*Item] {
	return func(yield func(*Item) bool) {
		for _, item := range q.items {
			if !yield(item) {
				return
			}
		}
	}
}
