package stock

import (
	"container/heap"
	"time"
)

// agenda is what happens in virtual time, in order.
type agenda struct {
	now    time.Duration // since the start
	events eventHeap
	added  uint64
}

type event struct {
	at  time.Duration
	seq uint64 // of two at the same time the one that was added first comes first
	do  func()
}

// at has do happen at t, or now if that is past.
func (a *agenda) at(t time.Duration, do func()) {
	a.added++
	heap.Push(&a.events, event{max(t, a.now), a.added, do})
}

// in has do happen after d.
func (a *agenda) in(d time.Duration, do func()) { a.at(a.now+d, do) }

// step lets the next event happen; false when there is none.
func (a *agenda) step() bool {
	if len(a.events) == 0 {
		return false
	}
	next := heap.Pop(&a.events).(event)
	a.now = next.at
	next.do()
	return true
}

type eventHeap []event

func (h eventHeap) Len() int { return len(h) }

func (h eventHeap) Less(i, j int) bool {
	if h[i].at != h[j].at {
		return h[i].at < h[j].at
	}
	return h[i].seq < h[j].seq
}

func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

func (h *eventHeap) Push(x any) { *h = append(*h, x.(event)) }

func (h *eventHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = event{}
	*h = (*h)[:last]
	return e
}
