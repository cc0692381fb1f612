package spapi

import (
	"maps"
	"sync"
	"time"
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
