package registry

import "sync"

// cache is a map that forgets arbitrary entries when it is full: when it has
// maxCached entries, or when they weigh more than maxCachedBytes. Its zero value
// is ready to use.
type cache[K comparable, V any] struct {
	mu      sync.RWMutex
	entries map[K]weighed[V]
	weight  int
}

type weighed[V any] struct {
	value  V
	weight int
}

func (c *cache[K, V]) get(key K) (V, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e, ok := c.entries[key]
	return e.value, ok
}

// put enters a value that weighs as many bytes.
func (c *cache[K, V]) put(key K, value V, weight int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil {
		c.entries = make(map[K]weighed[V])
	}
	c.forget(key)
	for old := range c.entries {
		if len(c.entries) < maxCached && c.weight+weight <= maxCachedBytes {
			break
		}
		c.forget(old)
	}
	c.entries[key] = weighed[V]{value, weight}
	c.weight += weight
}

// forget drops an entry; c.mu is held.
func (c *cache[K, V]) forget(key K) {
	c.weight -= c.entries[key].weight
	delete(c.entries, key)
}
