package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/operator/columns"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/replay"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// replayCounts are the records that a replay means.
type replayCounts struct {
	accounts   map[string]*accountCounts
	unreadable int // records without a value that this version can read
}

type accountCounts struct {
	records  int
	types    map[string]int
	subjects map[uint64]struct{} // hashes of what each needs a call
}

func (c *replayCounts) records() (n int) {
	for _, a := range c.accounts {
		n += a.records
	}
	return n
}

// count reads ranges and counts what is meant of them.
func (j *replayJob) count(ctx context.Context, ranges []replay.Range) (*replayCounts, error) {
	counts := &replayCounts{accounts: make(map[string]*accountCounts)}
	seed := maphash.MakeSeed()
	run := replay.NewRun("count", 1, ranges)
	defer j.watch(ctx, "read", "offsets", run.Progress)()
	reader := topicread.Reader{Admin: j.Admin, Client: j.Kafka, Unreadable: func(batch *kclient.UnreadableError) {
		j.log.WarnContext(ctx, "a batch cannot be read and is left out", "error", batch)
	}}
	err := replay.Scan(ctx, reader, j.wire, run, func(rec *kgo.Record) error {
		if !j.selected.wantsAccount(string(rec.Key)) {
			return nil
		}
		value, kind, readable, err := j.read(ctx, rec)
		switch {
		case err != nil:
			return err
		case !readable:
			counts.unreadable++
			return nil
		case !j.selected.wants(string(rec.Key), kind, value) || j.way == publishes && kind == "":
			return nil
		}
		a := counts.accounts[string(rec.Key)]
		if a == nil {
			a = &accountCounts{types: make(map[string]int), subjects: make(map[uint64]struct{})}
			counts.accounts[string(rec.Key)] = a
		}
		a.records++
		a.types[kind]++
		a.subjects[maphash.String(seed, subjectOf(value))] = struct{}{}
		return nil
	})
	return counts, err
}

// read is a record's value and its detail-type or changeType. readable is false for
// what this version cannot read; an error says nothing about the record.
func (j *replayJob) read(ctx context.Context, rec *kgo.Record) (value any, kind string, readable bool, err error) {
	value, err = j.Decode(ctx, j.topic, rec.Value)
	if errors.Is(err, registry.ErrUnavailable) {
		return nil, "", false, err
	}
	readable = err == nil
	switch v := value.(type) {
	case *schemas.OrderChange:
		kind = v.ChangeType
	default:
		if readable && j.way == publishes {
			kind = j.DetailType(value)
		}
	}
	return value, kind, readable, nil
}

// show prints the counts and what the replay would cost.
func (c *replayCounts) show(j *replayJob) error {
	out := j.cmd.OutOrStdout()
	table := columns.New(out)
	table.Printf("ACCOUNT\tTYPE\tRECORDS\n")
	for _, account := range slices.Sorted(maps.Keys(c.accounts)) {
		a := c.accounts[account]
		for _, kind := range slices.Sorted(maps.Keys(a.types)) {
			table.Printf("%s\t%s\t%d\n", account, cmp.Or(kind, "-"), a.types[kind])
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s of %s\n", counted(c.records(), "record"), counted(len(c.accounts), "account"))
	if c.unreadable > 0 {
		fmt.Fprintf(out, "%s cannot be read and would be left out\n", counted(c.unreadable, "record"))
	}
	_, err := fmt.Fprintln(out, c.cost(j))
	return err
}

// question is what must be agreed to before a replay.
func (c *replayCounts) question(j *replayJob) string {
	what := fmt.Sprintf("%s of %s again", counted(c.records(), "record"), counted(len(c.accounts), "account"))
	switch j.way {
	case writes:
		return fmt.Sprintf("Process %s, with at most %s to Amazon?", what, counted(c.writes(j), "writing call"))
	case publishes:
		return fmt.Sprintf("Publish %s (%s)?", what, c.cost(j))
	}
	return fmt.Sprintf("Process %s (%s)?", what, c.cost(j))
}

// cost returns what a replay would take.
func (c *replayCounts) cost(j *replayJob) string {
	if j.way == publishes {
		return fmt.Sprintf("no calls to Amazon; %s to publish at %g events a second", rough(float64(c.records())/j.rate), j.rate)
	}
	calls, longest := 0, 0.0
	for account, a := range c.accounts {
		n, seconds := j.calls(account, len(a.subjects))
		calls, longest = calls+n, max(longest, seconds)
	}
	switch j.topic {
	case schemas.InventoryUpdates:
		return fmt.Sprintf("at most %s, at best in %s of feeds; %s by the quota of createFeed, if no SKU has a newer quantity",
			counted(c.writes(j), "writing call"), counted(calls, "call"), rough(longest))
	case schemas.Shipments:
		return fmt.Sprintf("at most %s of confirmShipment; %s by its quota", counted(calls, "writing call"), rough(longest))
	}
	return fmt.Sprintf("at most %s that read, each order once; %s by the quota of getOrder, if nothing else needs it",
		counted(calls, "call"), rough(longest))
}

// writes is an upper bound of the writing calls: as if no two SKUs shared a feed, at
// two calls a feed.
func (c *replayCounts) writes(j *replayJob) (n int) {
	for account, a := range c.accounts {
		if j.topic == schemas.InventoryUpdates {
			n += 2 * len(a.subjects)
			continue
		}
		calls, _ := j.calls(account, len(a.subjects))
		n += calls
	}
	return n
}

// calls is how many calls an account's subjects take, and how many seconds by
// the quota.
func (j *replayJob) calls(account string, subjects int) (n int, seconds float64) {
	switch j.topic {
	case schemas.InventoryUpdates:
		feeds := (subjects + j.cfg.Inventory.MaxMessages - 1) / j.cfg.Inventory.MaxMessages
		return 2 * feeds, float64(feeds) / j.Limit.Of(account, model.CreateFeed).Rate
	case schemas.Shipments:
		return subjects, float64(subjects) / j.Limit.Of(account, model.ConfirmShipment).Rate
	}
	if j.cfg.Orders.API == config.OrdersV0 {
		return 2 * subjects, float64(subjects) / j.Limit.Of(account, model.GetOrderV0).Rate
	}
	return subjects, float64(subjects) / j.Limit.Of(account, model.GetOrder).Rate
}

// rough is a number of seconds as a person would say it.
func rough(seconds float64) string {
	d := time.Duration(min(seconds, 1e9) * float64(time.Second))
	switch {
	case d < time.Second:
		return "less than a second"
	case d < 2*time.Minute:
		return fmt.Sprintf("about %.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("about %.0f min", d.Minutes())
	}
	return fmt.Sprintf("about %.0f h", d.Hours())
}
