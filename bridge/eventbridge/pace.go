package eventbridge

import (
	"container/heap"
	"time"

	"golang.org/x/time/rate"
)

// allowed is how many entries the next request may have by the rate that is
// configured; 0 until it can hold what waits, up to PutEvents' limit.
func (p *Publisher) allowed(now time.Time) int {
	if p.limit == nil {
		return maxEntries
	}
	tokens := int(p.limit.TokensAt(now))
	if tokens < p.wish() {
		return 0
	}
	return min(tokens, maxEntries)
}

// allowedAt is when allowed is more than 0; zero without a rate.
func (p *Publisher) allowedAt(now time.Time) time.Time {
	if p.limit == nil {
		return time.Time{}
	}
	missing := float64(p.wish()) - p.limit.TokensAt(now)
	return now.Add(time.Duration(missing/float64(p.limit.Limit())*float64(time.Second)) + time.Millisecond)
}

// wish is how many entries the next request would have, at least 1.
func (p *Publisher) wish() int {
	waiting := 0
	for _, c := range p.ring {
		waiting += len(c.ready) + c.unread
	}
	return min(max(waiting, 1), maxEntries)
}

// linger is how long a request that is not full waits for more entries while others are
// under way: each request costs as much as its entries.
const linger = 5 * time.Millisecond

// worthwhile reports whether the next request is full, or need not wait to be.
func (p *Publisher) worthwhile(now time.Time) bool {
	return p.window.under == 0 || p.wish() == maxEntries || now.Sub(p.began) >= linger
}

// spend takes what a request has from the rate.
func (p *Publisher) spend(entries int) {
	if p.limit != nil {
		p.limit.AllowN(time.Now(), entries)
	}
}

// newLimit is nil for no rate. A tenth of a second's events may go at once.
func newLimit(perSecond float64) *rate.Limiter {
	if perSecond <= 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(perSecond), max(maxEntries, int(perSecond/10)))
}

// delayed are items, the one that is due first in front.
type delayed []*item

func (d delayed) Len() int           { return len(d) }
func (d delayed) Less(i, j int) bool { return d[i].notBefore.Before(d[j].notBefore) }
func (d delayed) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }

// Push and Pop are for the heap.
func (d *delayed) Push(it any) { *d = append(*d, it.(*item)) }

// Pop takes the last.
func (d *delayed) Pop() any {
	last := len(*d) - 1
	it := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	return it
}

func (d *delayed) add(it *item) { heap.Push(d, it) }

// due lets those be sent whose time has come.
func (d *delayed) due(now time.Time) {
	for len(*d) > 0 && !(*d)[0].notBefore.After(now) {
		it := heap.Pop(d).(*item)
		it.cursor.back(it)
	}
}

// meter is how many events EventBridge takes in a second.
type meter struct {
	since    time.Time
	n        int
	measured float64
}

func (m *meter) add(now time.Time, n int) {
	m.n += n
	if took := now.Sub(m.since); took >= time.Second {
		m.measured = float64(m.n) / took.Seconds()
		m.since, m.n = now, 0
	}
}

// rate is that of the last second that is over, or of the present one.
func (m *meter) rate(now time.Time) int {
	if m.measured == 0 && now.After(m.since) {
		return int(float64(m.n) / now.Sub(m.since).Seconds())
	}
	return int(m.measured)
}
