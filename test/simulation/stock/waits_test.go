package stock

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// bound is what a SKU may wait for at most when nothing is in its way: linger
// and one token interval of createFeed.
const bound = 30*time.Second + 120482*time.Millisecond

// class is what a SKU's change had to wait for. Each is measured from the
// update that made Amazon's quantity old to the moment at which Amazon had
// taken a newer one: a createFeed that it carries out, or a patch.
//
// A change is disturbed when, after the lane was free for it, a call of the
// account failed or was throttled, the unit changed hands, when the rate of its
// calls was still below the plan because of a 429, or when an ambiguous patch of the SKU
// was waited out: for these Amazon was not up.
type class int

const (
	byPatch    class = iota // no feed ran, nothing was in the way
	byFeed                  // the same
	behindFeed              // a feed ran, and then one was sent
	besideFeed              // a feed ran, and a patch overtook it
	overFull                // more than 25,000 SKUs of the account were pending
	disturbed               // and none of those
	classes
)

func (c class) String() string {
	return [...]string{"by a patch", "by a feed", "behind a feed", "by a patch beside a feed", "over 25,000 pending", "disturbed"}[c]
}

// waits are the changes' times.
type waits struct {
	times  [classes][]int32 // ms
	broken []string         // what took longer than it may
}

// note takes the time of one change, which has been submitted at now.
func (ws *waits) note(sh *shop, s *sku, m *message, now time.Duration) {
	free := max(s.since, sh.freed)
	patch := m.id == 0
	c := sh.classOf(s, free, patch)
	ws.times[c] = append(ws.times[c], int32((now - s.since).Milliseconds()))
	switch c {
	case byFeed, byPatch, behindFeed:
		if waited := now - free; waited > bound {
			ws.broken = append(ws.broken, fmt.Sprintf("%s %s %v: wanted since %v, lane free since %v, submitted at %v: %v",
				sh.id, skuName(m.sku), c, s.since, sh.freed, now, waited))
		}
	}
}

func (sh *shop) classOf(s *sku, free time.Duration, patch bool) class {
	// What goes by a patch at last may have waited for a feed before.
	slow := sh.slow[model.CreateFeed] || sh.slow[model.CreateListingsFeed] || patch && sh.slow[model.PatchListingsItem]
	switch {
	case sh.over >= s.since:
		return overFull
	case slow || sh.struck >= free || sh.inventory.restored >= free && sh.inventory.owner > 0 || s.blocked >= s.since:
		return disturbed
	case patch && (sh.busy || sh.freed > s.since):
		return besideFeed
	case patch:
		return byPatch
	case sh.freed > s.since:
		return behindFeed
	}
	return byFeed
}

func (ws *waits) String() string {
	var b strings.Builder
	var all []int32
	line := func(name string, times []int32) {
		slices.Sort(times)
		if len(times) > 0 {
			fmt.Fprintf(&b, "  %-26s %9d  p50 %9v  p99 %9v  max %9v\n", name, len(times), at(times, 0.5), at(times, 0.99), at(times, 1))
		}
	}
	for c := range classes {
		all = append(all, ws.times[c]...)
		line(c.String(), ws.times[c])
	}
	line("all", all)
	return b.String()
}

// at is the time that a share of the sorted ones does not exceed.
func at(sorted []int32, share float64) time.Duration {
	i := min(len(sorted)-1, int(share*float64(len(sorted))))
	return time.Duration(sorted[i]) * time.Millisecond
}
