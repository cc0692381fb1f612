package spapi

import (
	"math"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// FuzzRateHeader takes whatever x-amzn-RateLimit-Limit says through to the bucket: at
// most twenty times the plan, and never a stop.
func FuzzRateHeader(f *testing.F) {
	for _, text := range []string{"", "0.5", "1e-12", "1e-9", "4.9e-324", "1e308", "1e309", "NaN", "Inf", "-Inf", "-1", "0", "0x1p-1074", "1_0", "10000", "10001", "٣"} {
		f.Add(text)
	}
	for i := range 200 { // fixed, over the whole range of exponents
		f.Add(strconv.FormatFloat(math.Ldexp(1.5, i*10-1070), 'g', -1, 64))
	}
	f.Fuzz(func(t *testing.T, text string) {
		plan, _ := quota.Default(model.GetOrder)
		rate := rateLimit(http.Header{"X-Amzn-Ratelimit-Limit": {text}})
		if math.IsNaN(rate) || math.IsInf(rate, 0) || rate < 0 {
			t.Fatalf("%q is read as %v", text, rate)
		}
		now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
		bucket, calls := quota.NewEmpty("a", model.GetOrder, plan), 0
		for range 400 {
			bucket.Learn(rate, now)
			for {
				if _, ok := bucket.Take(now); !ok {
					break
				}
				bucket.Answered(now)
				if calls++; calls > 100_000 {
					t.Fatalf("%q: calls without end", text)
				}
			}
			now = now.Add(time.Second)
		}
		if most := 20*plan.Rate*400 + float64(plan.Burst); calls < 9 || float64(calls) > most {
			t.Fatalf("%q: %d calls in 400 s, want 10 to %v", text, calls, most)
		}
		if wait := bucket.Next(now).Sub(now); wait < 0 || wait > time.Minute {
			t.Fatalf("%q: the next call is in %s", text, wait)
		}
	})
}
