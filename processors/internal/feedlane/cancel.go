package feedlane

import (
	"slices"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// wantCancel notes the intent to cancel a feed.
func (f *Lane[T, Q]) wantCancel(id string) {
	if len(f.cancel) < maxCancel && !slices.Contains(f.cancel, id) {
		f.cancel = append(f.cancel, strings.Clone(id))
	}
}

// cancelFeed starts the cancellation of the first feed that is to be cancelled.
func (c *Core[T, Q]) cancelFeed(tx *machine.Tx, f *Lane[T, Q]) {
	tx.Call(machine.Call{
		Account: f.Account, Operation: model.CancelFeed, Key: f.call.Key, Lease: c.cfg.Lease,
		Request: &model.CancelFeedRequest{FeedID: f.cancel[0]},
	})
}

// cancelled takes the outcome of a cancellation. What became of the feed, its
// end says: one that is not queued any more refuses.
func (c *Core[T, Q]) cancelled(tx *machine.Tx, f *Lane[T, Q], res *machine.Result) {
	c.cancels.Finish(tx, f.Account, &f.call, res)
	switch res.Outcome.(type) {
	case machine.Done, machine.Reject:
		id := res.Call.Request.(*model.CancelFeedRequest).FeedID
		f.cancel = slices.DeleteFunc(f.cancel, func(c string) bool { return c == id })
		f.Save(tx)
	case machine.Retry, machine.Ambiguous:
		f.Until = tx.Now.Add(lane.Backoff(f.call.Key, 1, lookBase, lookLimit))
	}
}
