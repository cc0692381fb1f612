package machinetest

import (
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
)

// Door is where calls arrive at Amazon: it lets in those for which its own quota, by
// account and operation, has a token.
type Door struct {
	Denied []string // what was not let in, in words

	limits  map[string]quota.Limit // by operation
	buckets map[string]*rate.Limiter
}

// NewDoor makes a Door. An operation without a limit must not arrive.
func NewDoor(limits map[string]quota.Limit) *Door {
	return &Door{limits: limits, buckets: map[string]*rate.Limiter{}}
}

// Bucket returns an account's tokens of an operation.
func (d *Door) Bucket(account, operation string) *rate.Limiter {
	key := account + "/" + operation
	if d.buckets[key] == nil {
		limit, ok := d.limits[operation]
		if !ok {
			panic("machinetest: no limit of " + operation)
		}
		d.buckets[key] = rate.NewLimiter(rate.Limit(limit.Rate), limit.Burst)
	}
	return d.buckets[key]
}

// Admit reports whether a call is let in that needs a token of each of operations, one
// after the other. Amazon answers 429 to one that is not.
func (d *Door) Admit(account string, at time.Time, operations ...string) bool {
	for _, operation := range operations {
		if !d.Bucket(account, operation).AllowN(at, 1) {
			d.Denied = append(d.Denied, fmt.Sprint(operation, " of ", account, " at ", at))
			return false
		}
	}
	return true
}
