package world

import (
	"container/heap"
	"time"
)

// Timeline is what happens at known times, in their order; among equals the one
// added first.
type Timeline[F any] struct {
	planned  happenings[F]
	sequence int
}

// Add plans something.
func (t *Timeline[F]) Add(at time.Time, happen F) {
	t.sequence++
	heap.Push(&t.planned, happening[F]{at, t.sequence, happen})
}

// First is when the next thing happens.
func (t *Timeline[F]) First() (at time.Time, planned bool) {
	if len(t.planned) == 0 {
		return time.Time{}, false
	}
	return t.planned[0].at, true
}

// Take takes out what happens next; there must be something.
func (t *Timeline[F]) Take() (at time.Time, happen F) {
	next := heap.Pop(&t.planned).(happening[F])
	return next.at, next.happen
}

type happening[F any] struct {
	at       time.Time
	sequence int
	happen   F
}

type happenings[F any] []happening[F]

func (h happenings[F]) Len() int { return len(h) }
func (h happenings[F]) Less(i, j int) bool {
	return h[i].at.Before(h[j].at) || h[i].at.Equal(h[j].at) && h[i].sequence < h[j].sequence
}
func (h happenings[F]) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *happenings[F]) Push(x any)   { *h = append(*h, x.(happening[F])) }
func (h *happenings[F]) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	(*h)[last] = happening[F]{} // lets go of what it refers to
	*h = (*h)[:last]
	return x
}
