package quota_test

import (
	"fmt"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Example paces getOrder calls of one account.
func Example() {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	limit, _ := quota.Default(model.GetOrder)
	bucket := quota.NewFull("acme-eu", model.GetOrder, limit)
	for {
		checkpoint, ok := bucket.Take(now)
		if !ok {
			break
		}
		// Commit checkpoint, if there is one; then make the call; then:
		_ = checkpoint
		bucket.Answered(now)
		bucket.Learn(0.5, now) // what x-amzn-RateLimit-Limit said
	}
	fmt.Println("next call in", bucket.Next(now).Sub(now).Round(time.Millisecond))
	fmt.Println("a new owner starts from", bucket.Checkpoint(now).Tokens, "tokens")
	// Output:
	// next call in 2s
	// a new owner starts from 0 tokens
}
