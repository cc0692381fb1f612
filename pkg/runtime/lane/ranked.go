package lane

import (
	"iter"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
)

// Turn is when an item may be drawn, and before which others.
type Turn struct {
	Due time.Time // not before
	// Among the items that are due, a lower class comes first and, within a class, an
	// earlier By. See Lanes.Share.
	Class uint8
	By    time.Time
	// Uncounted work is not counted by Pending: no intake has to pause for it.
	Uncounted bool
}

// Ranked orders items by their turns, and equal ones by key, so that the order does not
// depend on how they came. Each step costs O(log n).
type Ranked struct {
	waiting Queue   // by when they are due
	ready   []Queue // by class; what is due, by By
	classes []int   // how many items each class has, due or not
	now     int64   // the last time for which waiting was looked through
}

// Add queues item, or moves it to its new turn.
func (r *Ranked) Add(item *Item, turn Turn) {
	r.Remove(item)
	item.class, item.by, item.uncounted = turn.Class, nanos(turn.By), turn.Uncounted
	r.count(item, 1)
	if due := nanos(turn.Due); due > r.now {
		r.waiting.add(item, due)
		return
	}
	r.makeReady(item)
}

func (r *Ranked) makeReady(item *Item) {
	for len(r.ready) <= int(item.class) {
		r.ready = append(r.ready, Queue{})
	}
	item.ready = true
	r.ready[item.class].add(item, item.by)
}

// Remove takes item out, if it is queued here.
func (r *Ranked) Remove(item *Item) {
	if item.Queued() {
		r.count(item, -1)
	}
	if item.ready {
		r.ready[item.class].Remove(item)
	} else {
		r.waiting.Remove(item)
	}
	item.ready = false
}

func (r *Ranked) count(item *Item, n int) {
	for len(r.classes) <= int(item.class) {
		r.classes = append(r.classes, 0)
	}
	r.classes[item.class] += n
}

// UpTo is how many items are queued of a class and those before it.
func (r *Ranked) UpTo(class uint8) (n int) {
	for _, count := range r.classes[:min(int(class)+1, len(r.classes))] {
		n += count
	}
	return n
}

// Len is how many items are queued.
func (r *Ranked) Len() int {
	n := r.waiting.Len()
	for i := range r.ready {
		n += r.ready[i].Len()
	}
	return n
}

// Due is when the first item is due, or since when one is known to be; zero for none.
func (r *Ranked) Due() time.Time {
	if r.Len() > r.waiting.Len() {
		return machine.Earliest(moment(r.now), r.waiting.Due())
	}
	return r.waiting.Due()
}

// First is the item whose turn it is, without taking it out; nil when none is due.
func (r *Ranked) First(now time.Time) *Item {
	r.look(now)
	for i := range r.ready {
		if items := r.ready[i].items; len(items) > 0 {
			return items[0]
		}
	}
	return nil
}

// Earliest is like First without regard to classes: the item with the earliest By.
func (r *Ranked) Earliest(now time.Time) *Item {
	r.look(now)
	var earliest *Item
	for i := range r.ready {
		if items := r.ready[i].items; len(items) > 0 && (earliest == nil || items[0].by < earliest.by) {
			earliest = items[0]
		}
	}
	return earliest
}

// look makes ready what is due.
func (r *Ranked) look(now time.Time) {
	r.now = max(r.now, nanos(now))
	for item := r.waiting.Pop(now); item != nil; item = r.waiting.Pop(now) {
		r.makeReady(item)
	}
}

// Next yields about n items of those that are drawn first of each class, and of those
// that are not due, in no order.
func (r *Ranked) Next(n int) iter.Seq[*Item] {
	return func(yield func(*Item) bool) {
		for i := range len(r.ready) + 1 {
			items := r.waiting.items
			if i > 0 {
				items = r.ready[i-1].items
			}
			for _, item := range items[:min(n, len(items))] { // a heap begins with its first
				if !yield(item) {
					return
				}
			}
		}
	}
}
