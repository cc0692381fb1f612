package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/bench/internal/report"
	"github.com/sellerstream/sellerstream/test/bench/internal/stage"
)

const (
	stockAccounts = 120
	stockPatience = 20 * time.Minute
)

// measureStock updates each SKU of 120 accounts once, all at the same time, and measures
// how long it takes until the last update has its outcome.
func measureStock(ctx context.Context, r *report.Report, o options) (err error) {
	roles := [][]string{{"bridge"}, {"inventory"}, {"feeds"}, {"events"}}
	t := task{Accounts: stockAccounts, SKUs: (o.updates + stockAccounts - 1) / stockAccounts, Answer: o.answer}
	l, err := open(ctx, o, t, roles)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	ctx, stop := context.WithTimeoutCause(ctx, stockPatience, fmt.Errorf("not every update has an outcome after %v", stockPatience))
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	u, err := newUpstream(ctx, l)
	if err != nil {
		return err
	}
	defer u.client.Close()
	fail := func(err error) {
		if err != nil {
			cancel(err)
		}
	}
	go func() { fail(u.update(ctx, t)) }()
	go func() { fail(u.listen(ctx)) }()
	updates := t.Accounts * t.SKUs
	work := &work{line: l}
	if err := work.sampleUntil(ctx, func(sample) bool { return u.total() >= updates }); err != nil {
		return errors.Join(err, l.logs())
	}
	if u.outcomes["APPLIED"] != updates {
		return errors.Join(fmt.Errorf("outcomes of %d updates: %v", updates, u.outcomes), l.logs())
	}
	rate := float64(updates) / work.seconds()
	fmt.Printf("\n%d updates of as many SKUs of %d accounts: %.0f SKUs/s for %.0f s\n", updates, t.Accounts, rate, work.seconds())
	work.printStock(updates)
	r.Value("SKUs/s from update to outcome", rate)
	r.AtLeast("share of the machine busy with stock", work.busy(), busyShare)
	return nil
}

// upstream writes updates and reads their outcomes.
type upstream struct {
	prefix string
	client *kgo.Client
	codec  *registry.Codec

	mu       sync.Mutex
	outcomes map[string]int
}

func newUpstream(ctx context.Context, l *line) (*upstream, error) {
	codec, err := registry.New(ctx, registry.Config{
		Client: []sr.ClientOpt{sr.URLs(l.Pipeline.Registry)}, Prefix: l.Pipeline.Prefix, Register: true, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(l.Brokers...), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeTopics(l.Pipeline.Prefix+schemas.InventoryResults), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return nil, err
	}
	return &upstream{prefix: l.Pipeline.Prefix, client: client, codec: codec, outcomes: map[string]int{}}, nil
}

func (u *upstream) total() (n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, count := range u.outcomes {
		n += count
	}
	return n
}

// update writes an update of each SKU, of the accounts in turn.
func (u *upstream) update(ctx context.Context, t task) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	for sku := range t.SKUs {
		for _, a := range simulator.Sellers(t.Accounts, stage.Application().Name) {
			value, err := u.codec.AppendEncode(nil, schemas.InventoryUpdates, &schemas.InventoryUpdate{
				UpdateID: fmt.Sprintf("%s-%d", a.ID, sku), Account: a.ID, SKU: fmt.Sprintf("SKU-%05d", sku+1),
				Quantity: int32(1 + sku%1000), EventTime: time.Now(), Source: "bench",
			})
			if err != nil {
				return err
			}
			record := &kgo.Record{Topic: u.prefix + schemas.InventoryUpdates, Key: []byte(a.ID), Value: value}
			u.client.Produce(ctx, record, func(_ *kgo.Record, err error) {
				if err != nil {
					cancel(err)
				}
			})
		}
	}
	return errors.Join(u.client.Flush(ctx), context.Cause(ctx))
}

// listen counts outcomes until ctx ends, which is its error.
func (u *upstream) listen(ctx context.Context) error {
	for {
		fetches := u.client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return err
		}
		for _, rec := range fetches.Records() {
			value, err := u.codec.Decode(ctx, schemas.InventoryResults, rec.Value)
			if err != nil {
				return err
			}
			u.mu.Lock()
			u.outcomes[value.(*schemas.InventoryResult).Outcome]++
			u.mu.Unlock()
		}
	}
}

// printStock prints what the stages of an update did, and where they waited.
func (w *work) printStock(updates int) {
	feeds := w.grown(func(s sample) float64 { return float64(s.counts.Calls["createFeed"].N) })
	fmt.Printf("  inventory: %.0f feeds, %.0f patches; before it %.0f on the topic; pending %.0f SKUs; in flight %.1f createFeed, %.1f createFeedDocument; %s\n",
		feeds, w.grown(func(s sample) float64 { return float64(s.counts.Calls["patchListingsItem"].N) }),
		w.mean(metric("consumer_lag_records", `role="inventory"`)), w.mean(metric("pending", `role="inventory"`)),
		w.inFlight("createFeed"), w.inFlight("createFeedDocument"), w.transactions("inventory"))
	fmt.Printf("  feeds:     pending %.1f; in flight %.1f getFeed, %.1f getFeedDocument; %s\n", w.mean(metric("pending", `role="feeds"`)),
		w.inFlight("getFeed"), w.inFlight("getFeedDocument"), w.transactions("feeds"))
	w.printCosts("SKU", float64(updates))
}
