package spapi

import (
	"maps"
	"sync"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/world"
)

// pageLifetime is how long a pagination token lives (Amazon's developer pages).
const pageLifetime = 24 * time.Hour

// pages holds the open pagination tokens of one operation, and what each stands for.
type pages[T any] struct {
	mu     sync.Mutex
	opened map[string]page[T]
}

type page[T any] struct {
	next    T
	expires time.Time
}

// open makes a token of a page, and returns it.
func (p *pages[T]) open(token string, next T, now time.Time) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.opened, func(_ string, old page[T]) bool { return !now.Before(old.expires) })
	if p.opened == nil {
		p.opened = make(map[string]page[T])
	}
	p.opened[token] = page[T]{next, now.Add(pageLifetime)}
	return token
}

// find is what a token stands for, unless it has expired.
func (p *pages[T]) find(token string, now time.Time) (T, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	found, ok := p.opened[token]
	return found.next, ok && now.Before(found.expires)
}

// orderPage is what a pagination token stands for.
type orderPage struct {
	account string
	query   string // the request that it continues, without what may differ
	search  search
	after   place // that of the last order of the page before
}

// search is a checked searchOrders request. Times are inclusive.
type search struct {
	byCreation    bool // whether the window is of creation rather than of update
	after, before time.Time
	statuses      map[string]bool
	marketplaces  map[string]bool
	fulfilledBy   map[string]bool
	ids           map[string]bool
	included      map[string]bool
	size          int
}

// place is where an order stands in a search: by time, then by id. An order that
// changes meanwhile moves, and moves no other one.
type place struct {
	time time.Time
	id   string
}

// feedPage is what a nextToken of getFeeds stands for.
type feedPage struct {
	seller world.SellerKey
	search feedSearch
	before string // the last feed that was shown
}

// feedSearch is a checked getFeeds request.
type feedSearch struct {
	kinds, marketplaces, statuses map[string]bool
	since, until                  time.Time
	size                          int
}
