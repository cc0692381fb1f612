package inventory

import (
	"slices"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// wantCancel notes the intent to cancel a feed.
func (f *feedLane) wantCancel(id string) {
	if len(f.cancel) < maxCancel && !slices.Contains(f.cancel, id) {
		f.cancel = append(f.cancel, strings.Clone(id))
	}
}

// cancelFeed starts the cancellation of the first feed that is to be cancelled.
func (m *Machine) cancelFeed(tx *machine.Tx, f *feedLane) {
	tx.Call(machine.Call{
		Account: f.account, Operation: model.CancelFeed, Key: f.call.Key, Lease: m.cfg.Lease,
		Request: &model.CancelFeedRequest{FeedID: f.cancel[0]},
	})
}

// cancelled takes the outcome of a cancellation. What became of the feed, its
// end says: one that is not queued any more refuses.
func (m *Machine) cancelled(tx *machine.Tx, f *feedLane, res *machine.Result) {
	m.cancels.Finish(tx, f.account, &f.call, res)
	switch res.Outcome.(type) {
	case machine.Done, machine.Reject:
		id := res.Call.Request.(*model.CancelFeedRequest).FeedID
		f.cancel = slices.DeleteFunc(f.cancel, func(c string) bool { return c == id })
		f.save(tx)
	case machine.Retry, machine.Ambiguous:
		f.until = tx.Now.Add(lane.Backoff(f.call.Key, 1, lookBase, lookLimit))
	}
}
