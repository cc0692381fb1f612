package spapi

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Rate is a quota: tokens per second and the bucket's size, as in Amazon's
// usage plans.
type Rate struct {
	PerSecond float64
	Burst     int
}

// quotas are the token buckets: one per selling partner, application and operation, and
// for some operations one per application and region too.
type quotas struct {
	mu           sync.Mutex
	rates        map[string]Rate
	applications map[string]Rate
	buckets      map[quotaKey]*rate.Limiter
}

// quotaKey names a bucket. seller is our name of the account, "" for grantless calls and
// for the bucket of an application in a region, which no other bucket has.
type quotaKey struct {
	seller, application, operation string
	region                         model.Region
}

func newQuotas(operations []operation, overrides, applications map[string]Rate) (*quotas, error) {
	q := &quotas{rates: make(map[string]Rate), applications: make(map[string]Rate), buckets: make(map[quotaKey]*rate.Limiter)}
	for _, op := range operations {
		q.rates[op.Name] = Rate{op.Rate, op.Burst}
		if op.ApplicationRate > 0 { // with what comes in a second for its burst, since Amazon states none
			q.applications[op.Name] = Rate{op.ApplicationRate, int(op.ApplicationRate)}
		}
	}
	for into, rates := range map[*map[string]Rate]map[string]Rate{&q.rates: overrides, &q.applications: applications} {
		for name, r := range rates {
			if _, known := q.rates[name]; !known {
				return nil, fmt.Errorf("rates: no operation is named %q", name)
			}
			if r.PerSecond < 0 || r.Burst < 0 {
				return nil, fmt.Errorf("rates: %s: a rate cannot be negative", name)
			}
			(*into)[name] = r
		}
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

// takeShared spends a token of what the accounts of an application share, if that is
// limited.
func (q *quotas) takeShared(application, operation string, region model.Region, now time.Time) (within bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	r, limited := q.applications[operation]
	if !limited {
		return true
	}
	key := quotaKey{application: application, operation: operation, region: region}
	if q.buckets[key] == nil {
		q.buckets[key] = rate.NewLimiter(rate.Limit(r.PerSecond), r.Burst)
	}
	return q.buckets[key].AllowN(now, 1)
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
