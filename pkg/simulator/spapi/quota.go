package spapi

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rate is a quota: tokens per second and the bucket's size, as in Amazon's
// usage plans.
type Rate struct {
	PerSecond float64
	Burst     int
}

// quotas are the token buckets: one per selling partner, application and operation.
type quotas struct {
	mu      sync.Mutex
	rates   map[string]Rate
	buckets map[quotaKey]*rate.Limiter
}

// quotaKey names a bucket. seller is our name of the account, "" for grantless calls.
type quotaKey struct {
	seller, application, operation string
}

func newQuotas(operations []operation, overrides map[string]Rate) (*quotas, error) {
	q := &quotas{rates: make(map[string]Rate), buckets: make(map[quotaKey]*rate.Limiter)}
	for _, op := range operations {
		q.rates[op.Name] = Rate{op.Rate, op.Burst}
	}
	for name, r := range overrides {
		if _, known := q.rates[name]; !known {
			return nil, fmt.Errorf("rates: no operation is named %q", name)
		}
		if r.PerSecond < 0 || r.Burst < 0 {
			return nil, fmt.Errorf("rates: %s: a rate cannot be negative", name)
		}
		q.rates[name] = r
	}
	return q, nil
}

// take spends a token at a time, and tells the bucket's rate.
func (q *quotas) take(key quotaKey, now time.Time) (perSecond float64, within bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	bucket := q.bucket(key)
	return float64(bucket.Limit()), bucket.AllowN(now, 1)
}

func (q *quotas) bucket(key quotaKey) *rate.Limiter {
	bucket := q.buckets[key]
	if bucket == nil {
		r := q.rates[key.operation]
		bucket = rate.NewLimiter(rate.Limit(r.PerSecond), r.Burst)
		q.buckets[key] = bucket
	}
	return bucket
}
