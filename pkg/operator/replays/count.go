package replays

import (
	"context"
	"hash/maphash"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/replay"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// Counts are the records that a replay means.
type Counts struct {
	Accounts   map[string]*AccountCounts // by our name of the account
	Unreadable int                       // records without a value that this version can read
}

// AccountCounts are the records of one account.
type AccountCounts struct {
	Types    map[string]int      // records by detail-type or changeType
	subjects map[uint64]struct{} // hashes of what each needs a call
}

// Records is how many there are, of all accounts.
func (c *Counts) Records() (n int) {
	for _, a := range c.Accounts {
		for _, records := range a.Types {
			n += records
		}
	}
	return n
}

// Whole makes a run through all that is meant, to be counted.
func (r *Replay) Whole(ctx context.Context) (*replay.Run, error) {
	ranges, err := r.resolve(ctx)
	return replay.NewRun("count", 1, ranges), err
}

// Count reads what is left of a run and counts what is meant of it. The run is at its
// end then.
func (r *Replay) Count(ctx context.Context, run *replay.Run) (*Counts, error) {
	counts := &Counts{Accounts: make(map[string]*AccountCounts)}
	seed := maphash.MakeSeed()
	reader := topicread.Reader{Admin: r.admin, Client: r.opts.Kafka, Unreadable: func(batch *kclient.UnreadableError) {
		r.opts.Logger.WarnContext(ctx, "a batch cannot be read and is left out", "error", batch)
	}}
	err := replay.Scan(ctx, reader, r.wire, run, func(rec *kgo.Record) error {
		if !r.Selected.wantsAccount(string(rec.Key)) {
			return nil
		}
		value, kind, readable, err := r.read(ctx, rec)
		switch {
		case err != nil:
			return err
		case !readable:
			counts.Unreadable++
			return nil
		case !r.Selected.wants(string(rec.Key), kind, value) || r.way == Publishes && kind == "":
			return nil
		}
		a := counts.Accounts[string(rec.Key)]
		if a == nil {
			a = &AccountCounts{Types: make(map[string]int), subjects: make(map[uint64]struct{})}
			counts.Accounts[string(rec.Key)] = a
		}
		a.Types[kind]++
		a.subjects[maphash.String(seed, subjectOf(value))] = struct{}{}
		return nil
	})
	return counts, err
}

// feedOrders is how many orders a feed cancels, at most.
const feedOrders = 5000

// Cost is what a replay takes.
type Cost struct {
	Calls   int     `json:"calls"`   // to Amazon, at most; of feeds as if they were full
	Writes  int     `json:"writes"`  // calls that write, at most: as if no two SKUs or orders shared a feed, at two calls a feed
	Seconds float64 `json:"seconds"` // by the quota of the account that takes longest, or by the rate of events
}

// Cost returns what it takes to do once more what was counted.
func (r *Replay) Cost(c *Counts) (cost Cost) {
	if r.way == Publishes {
		return Cost{Seconds: float64(c.Records()) / r.Rate}
	}
	for account, a := range c.Accounts {
		calls, seconds := r.calls(account, len(a.subjects))
		cost.Calls, cost.Seconds = cost.Calls+calls, max(cost.Seconds, seconds)
		switch {
		case r.Topic == schemas.InventoryUpdates || r.Topic == schemas.Cancellations:
			cost.Writes += 2 * len(a.subjects)
		case r.way == Writes:
			cost.Writes += calls
		}
	}
	return cost
}

// calls is how many calls an account's subjects take, and how many seconds by
// the quota.
func (r *Replay) calls(account string, subjects int) (n int, seconds float64) {
	cfg, rate := r.opts.Config, func(operation string) float64 { return r.opts.Limits.Of(account, operation).Rate }
	switch {
	case r.Topic == schemas.InventoryUpdates:
		feeds := (subjects + cfg.Inventory.MaxMessages - 1) / cfg.Inventory.MaxMessages
		return 2 * feeds, float64(feeds) / rate(model.CreateFeed)
	case r.Topic == schemas.Cancellations:
		feeds := (subjects + feedOrders - 1) / feedOrders
		return 2 * feeds, float64(feeds) / rate(model.ShareOf(model.CreateFeed, model.OrderAcknowledgementFeed))
	case r.Topic == schemas.Shipments:
		return subjects, float64(subjects) / rate(model.ConfirmShipment)
	case cfg.Orders.API == config.OrdersV0:
		return 2 * subjects, float64(subjects) / rate(model.GetOrderV0)
	}
	return subjects, float64(subjects) / rate(model.GetOrder)
}
