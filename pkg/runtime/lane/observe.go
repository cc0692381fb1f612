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
		due := l.queue.Due()
		for i, bucket := range l.buckets {
			token := bucket.Next(stats.Now)
			waits := l.inTurn || !due.IsZero() && !due.After(stats.Now) && (token.IsZero() || token.After(stats.Now))
			stats.Bucket(account, s.operations[i], bucket.Tokens(stats.Now), waits)
		}
	}
	for _, g := range s.groups {
		if g.share.Binds() {
			stats.Share(s.operations[0], g.share.Rate())
		}
	}
}

// PendingOf is how many items of an account are queued or in flight.
func (s *Lanes) PendingOf(account string) int {
	l := s.byAccount[account]
	if l == nil {
		return 0
	}
	return l.queue.Len() + len(l.flying)
}

// QueuedUpTo is how many items of a class and those before it are queued.
func (s *Lanes) QueuedUpTo(class uint8) (n int) {
	for _, l := range s.byAccount {
		n += l.queue.UpTo(class)
	}
	return n
}

// All are the items that are queued or in flight, in no order.
func (s *Lanes) All() iter.Seq[*Item] { return s.First(math.MaxInt) }

// First are, of each account, the items in flight and about n of those queued, the
// first of each class among them: enough to know how things stand, however much is queued.
func (s *Lanes) First(n int) iter.Seq[*Item] {
	return func(yield func(*Item) bool) {
		for _, l := range s.byAccount {
			if !l.first(n, yield) {
				return
			}
		}
	}
}

// Of are the items of an account that are queued or in flight, in no order.
func (s *Lanes) Of(account string) iter.Seq[*Item] {
	return func(yield func(*Item) bool) {
		if l := s.byAccount[account]; l != nil {
			l.first(math.MaxInt, yield)
		}
	}
}

// first yields what First has of a lane, and reports whether more is wanted.
func (l *lane) first(n int, yield func(*Item) bool) bool {
	for item := range l.queue.Next(n) {
		if !yield(item) {
			return false
		}
	}
	for _, item := range l.flying {
		if !yield(item) {
			return false
		}
	}
	return true
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
