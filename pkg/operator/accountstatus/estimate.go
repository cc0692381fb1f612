package accountstatus

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/roles"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// finish turns what was gathered into the standing.
func (e *entry) finish(settings Settings) *Standing {
	e.planStock(settings)
	for _, r := range roles.Processors() {
		if w := e.work[r.Name]; w != nil {
			e.Work = append(e.Work, *w)
			e.Waits = append(e.Waits, slices.DeleteFunc(slices.Clone(e.overdue), func(w role.Wait) bool { return !slices.Contains(r.Operations, w.Operation) })...)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(e.feeds)) {
		e.Feeds = append(e.Feeds, e.feeds[key])
	}
	e.finishFailed()
	slices.SortFunc(e.Doubts, compareDoubts)
	slices.SortFunc(e.Waits, func(a, b role.Wait) int { return strings.Compare(a.Operation, b.Operation) })
	for operation := range e.calls {
		if _, ok := e.buckets[operation]; !ok {
			e.buckets[operation] = nil
		}
	}
	for _, operation := range slices.Sorted(maps.Keys(e.buckets)) {
		// One that this version has no limit of is an older one's.
		if limit := settings.Limits.Of(e.Account, operation); limit.Rate > 0 {
			e.Operations = append(e.Operations, e.operation(operation, limit, settings))
		}
	}
	return &e.Standing
}

// planStock computes which calls the waiting quantities need next: searches for who fulfils
// their SKUs; feeds or, for few, single calls.
func (e *entry) planStock(settings Settings) {
	if e.unchecked > 0 {
		e.calls[model.SearchListingsItems] += (e.unchecked + model.MaxSearchedSKUs - 1) / model.MaxSearchedSKUs
	}
	switch {
	case e.stock == 0:
	case e.stock < settings.PatchBelow:
		e.calls[model.PatchListingsItem] += e.stock
	default:
		e.calls[model.CreateFeed] += (e.stock + settings.MaxMessages - 1) / settings.MaxMessages
	}
}

func (e *entry) operation(name string, limit quota.Limit, settings Settings) Operation {
	bucket := bucketOf(e.Account, name, e.buckets[name], limit)
	now := bucket.Checkpoint(settings.Now)
	o := Operation{
		Operation: name, Tokens: max(0, now.Tokens), Burst: limit.Burst, Rate: now.Rate, Plan: limit.Rate, Waiting: e.calls[name],
	}
	if o.Waiting == 0 || name == model.CreateFeed && e.blocked {
		return o
	}
	o.Clears = settings.Now
	if missing := float64(o.Waiting) - o.Tokens; missing > 0 && o.Rate > 0 {
		o.Clears = settings.Now.Add(time.Duration(missing / o.Rate * float64(time.Second)))
	}
	if name == model.CreateFeed { // the first of them may go now
		o.Clears = machine.Latest(o.Clears, settings.Now.Add(time.Duration(o.Waiting-1)*settings.FeedInterval))
	}
	for _, w := range e.Waits {
		switch {
		case w.Operation != name:
		case w.Parked:
			o.Clears = time.Time{}
			return o
		case w.Until.After(o.Clears):
			o.Clears = w.Until
		}
	}
	return o
}

// bucketOf is the bucket as whoever takes over now would find it.
func bucketOf(account, operation string, checkpoint *schemas.QuotaState, limit quota.Limit) *quota.Bucket {
	if checkpoint == nil {
		return quota.NewFull(account, operation, limit)
	}
	return quota.Resume(checkpoint, limit)
}
