// Package lane owns the order in which pending work is drawn: a lane for each
// (account, operation) holds the keys that want a call, the times before which
// they may not have it, and the quota buckets that say when one may go. It is
// pure, so that a processor's machine can be built on it; what must survive is
// the machine's state, from which the lanes are filled again.
package lane

import (
	"container/heap"
	"hash/fnv"
	"math"
	"time"
)

// Item is a piece of work. Embed it in the entry that it stands for, so that
// a million of them cost no second table. An Item is idle, queued in one Queue
// or lane, or in flight.
type Item struct {
	Key       string // state key of the work
	order     int64  // what its queue orders it by: Unix nanoseconds of when it is due or, in Ranked.ready, of by
	by        int64  // Turn.By, in Unix nanoseconds
	held      int64  // Unix nanoseconds before which no Add makes it due; 0 for none
	place     int32  // 1 + index in the heap; 0 when not queued
	class     uint8  // Turn.Class
	ready     bool   // in Ranked.ready
	inFlight  bool
	uncounted bool // Turn.Uncounted
}

// count is what the item adds to Pending.
func (i *Item) count() int {
	if i.uncounted {
		return 0
	}
	return 1
}

// Queued reports whether the item waits in a queue.
func (i *Item) Queued() bool { return i.place != 0 }

// InFlight reports whether the item was drawn and its call has not ended.
func (i *Item) InFlight() bool { return i.inFlight }

// Queue orders items by the time at which they are due, then by key, so that
// the order does not depend on how the queue was filled.
type Queue struct{ items itemHeap }

// Add queues item at due, or moves it there.
func (q *Queue) Add(item *Item, due time.Time) { q.add(item, nanos(due)) }

func (q *Queue) add(item *Item, order int64) {
	item.order = order
	if item.Queued() {
		heap.Fix(&q.items, int(item.place-1))
		return
	}
	heap.Push(&q.items, item)
}

// Remove takes item out, if it is queued here.
func (q *Queue) Remove(item *Item) {
	if item.Queued() {
		heap.Remove(&q.items, int(item.place-1))
	}
}

// Len is how many items are queued.
func (q *Queue) Len() int { return len(q.items) }

// Due is when the first item is due; zero for an empty queue.
func (q *Queue) Due() time.Time {
	if len(q.items) == 0 {
		return time.Time{}
	}
	return moment(q.items[0].order)
}

// Pop takes out the first item that is due, or returns nil.
func (q *Queue) Pop(now time.Time) *Item {
	if len(q.items) == 0 || q.items[0].order > nanos(now) {
		return nil
	}
	return heap.Pop(&q.items).(*Item)
}

// An item has its times as numbers: there may be a million of them, and a time.Time is
// three times as large. Times that do not fit become the first or the last that does.
const (
	minNanos = math.MinInt64 + 1
	maxNanos = math.MaxInt64 - 1
)

func nanos(t time.Time) int64 {
	switch {
	case t.Before(moment(minNanos)):
		return minNanos
	case t.After(moment(maxNanos)):
		return maxNanos
	}
	return t.UnixNano()
}

func moment(nanos int64) time.Time { return time.Unix(0, nanos).UTC() }

type itemHeap []*Item

func (h itemHeap) Len() int { return len(h) }

func (h itemHeap) Less(i, j int) bool {
	if h[i].order != h[j].order {
		return h[i].order < h[j].order
	}
	return h[i].Key < h[j].Key
}

func (h itemHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = int32(i+1), int32(j+1)
}

func (h *itemHeap) Push(x any) {
	item := x.(*Item)
	item.place = int32(len(*h) + 1)
	*h = append(*h, item)
}

func (h *itemHeap) Pop() any {
	last := len(*h) - 1
	item := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	item.place = 0
	return item
}

// Backoff is the wait after the attempt-th failed try (1 is the first): base,
// doubled each time, at most limit, less a random part of up to a half. The
// randomness comes from key and attempt, so that the same inputs give the same
// wait in every run and after every restart.
func Backoff(key string, attempt int, base, limit time.Duration) time.Duration {
	wait := limit
	shift := max(attempt, 1) - 1 // a count that was restored may be anything
	if shift < 32 && base<<shift < limit && base<<shift > 0 {
		wait = base << shift
	}
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(key))
	_, _ = sum.Write([]byte{byte(attempt), byte(attempt >> 8)})
	share := float64(mix(sum.Sum64())>>11) / (1 << 53)
	return wait - time.Duration(share*float64(wait)/2)
}

// mix spreads the bits of x (the finalizer of SplitMix64): FNV alone gives
// keys that differ in one digit almost the same value.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
