package integration

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/replay"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/process"
)

// command starts a command; it is gone at the end of the test.
func (e *environment) command(t *testing.T, args ...string) *process.Process {
	t.Helper()
	p, err := process.Command(t.TempDir(), e.binary, append(args, "--config", e.config)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

// runs carries out a command to its end, and wants it to print something.
func (e *environment) runs(ctx context.Context, t *testing.T, says string, args ...string) {
	t.Helper()
	p := e.command(t, args...)
	if err := p.Wait(ctx); err != nil || !strings.Contains(p.Log(), says) {
		t.Fatalf("%v: %v, want it to say %q:\n%s", args, err, says, p.Log())
	}
}

// eventuallyRuns runs a command until it says so.
func (e *environment) eventuallyRuns(ctx context.Context, t *testing.T, says string, args ...string) {
	t.Helper()
	for {
		p := e.command(t, args...)
		err := p.Wait(ctx)
		if err == nil && strings.Contains(p.Log(), says) {
			return
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			t.Fatalf("%v: %v, want it to say %q:\n%s", args, err, says, p.Log())
		}
	}
}

// TestReplayBesideTheRunningPipeline publishes events again, byte by byte, and has
// orders fetched again, while a pipeline runs and new orders come.
func TestReplayBesideTheRunningPipeline(t *testing.T) {
	e := newEnvironment(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p := e.begin(ctx, t)
	watched, release := p.Watch(ctx)
	e.play(watched, t, orderCount/3)
	e.awaitEmpty(watched, t)
	e.awaitFinal(watched, t)
	records := 0
	originals := func(events map[string][]event) bool {
		records = len(e.readAll(watched, t, schemas.Orders))
		return len(events) >= records
	}
	e.tap.await(watched, t, "every order", originals)

	e.runs(watched, t, fmt.Sprintf("%d events published now", records), "replay", "--yes", "--topic", schemas.Orders)
	e.checkPublishedAgain(t, records)

	calls := func() int {
		return len(e.amazon.Ledger.Calls(simulator.Filter{Part: simulator.SPAPI, Operation: "getOrder"}))
	}
	before, orders := calls(), len(e.amazon.Truth().Orders)
	e.runs(watched, t, "orders has taken all in", "replay", "--yes", "--topic", schemas.OrderChanges, "--wait")
	e.play(watched, t, orderCount/10) // business goes on meanwhile
	if _, err := e.amazon.Ledger.Await(watched, simulator.Filter{Part: simulator.SPAPI, Operation: "getOrder"}, before+orders); err != nil {
		t.Fatalf("%d getOrder calls after the replay of %d orders, before it %d: %v", calls(), orders, before, err)
	}
	e.awaitEmpty(watched, t)
	e.awaitFinal(watched, t)
	release()
	if err := p.Stop(time.Minute); err != nil {
		t.Errorf("stop the pipeline: %v", err)
	}
	seen := make(map[string]bool)
	for _, value := range e.readAll(ctx, t, schemas.Orders) {
		if order := value.(*schemas.Order); seen[order.EventID] || order.Replaces != "" {
			t.Errorf("order %s stands on orders again as %s, although nothing has changed", order.OrderID, order.EventID)
		} else {
			seen[order.EventID] = true
		}
	}
	if n := e.amazon.Ledger.Throttled(); n != 0 {
		t.Errorf("Amazon throttled %d calls", n)
	}
}

// checkPublishedAgain wants each of n events twice: as it was and, marked, with the
// same bytes.
func (e *environment) checkPublishedAgain(t *testing.T, n int) {
	t.Helper()
	sent, unanswered := e.tap.seen()
	if len(sent) != n {
		t.Errorf("%d different events, want %d", len(sent), n)
	}
	for id, times := range sent {
		marked := 0
		for _, again := range times {
			if !bytes.Equal(again.detail, times[0].detail) || again.detailType != times[0].detailType {
				t.Errorf("event %s came as %s %s and as %s %s", id, times[0].detailType, times[0].detail, again.detailType, again.detail)
			}
			if len(again.resources) == 1 && strings.HasPrefix(again.resources[0], "sellerstream:replay/") {
				marked++
			}
		}
		if marked != 1 && !unanswered[id] || len(times[0].resources) > 0 {
			t.Errorf("event %s came %d times, %d of them marked, want once unmarked and once marked", id, len(times), marked)
		}
	}
}

// TestReplayKilled kills the command, as kill -9 does, again and again while it
// copies: each record is copied once.
func TestReplayKilled(t *testing.T) {
	e := newEnvironment(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	e.runs(ctx, t, "created", "topics", "apply", "--yes")
	const n = 30_000
	producer, admin := e.fillChanges(ctx, t, n)
	kills := 0
	for through := false; !through; {
		enough := e.copies(ctx, t, admin) + n/5
		command := e.command(t, "replay", "--yes", "--topic", schemas.OrderChanges)
		for ended := false; !ended && e.copies(ctx, t, admin) < enough; {
			select {
			case <-command.Exited:
				ended, through = true, true
			default:
			}
		}
		if !through {
			command.Kill()
			kills++
		} else if err := command.Wait(ctx); err != nil {
			t.Fatalf("%v:\n%s", err, command.Log())
		}
	}
	if kills < 3 {
		t.Errorf("killed %d times: the test shows nothing", kills)
	}
	e.runs(ctx, t, "is through", "replay", "--yes", "--topic", schemas.OrderChanges)
	next := make(map[int32]int64)
	total := 0
	ranges, err := replay.Resolve(ctx, admin, e.prefix+schemas.Replays, replay.Bound{}, replay.Bound{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = replay.Scan(ctx, topicread.Reader{Admin: admin, Client: producer.Opts()}, e.prefix+schemas.Replays, replay.NewRun("check", 1, ranges), func(rec *kgo.Record) error {
		origin, err := schemas.ParseOrigin(rec.Headers[len(rec.Headers)-1].Value)
		if err != nil || origin.Offset != next[rec.Partition] {
			t.Fatalf("partition %d: the copy of offset %d (%v) stands where that of %d belongs", rec.Partition, origin.Offset, err, next[rec.Partition])
		}
		next[rec.Partition]++
		total++
		return nil
	})
	if err != nil || total != n {
		t.Errorf("%d copies (%v), want %d", total, err, n)
	}
	t.Logf("%d copies, killed %d times", total, kills)
}

// fillChanges writes n changes to order-changes.
func (e *environment) fillChanges(ctx context.Context, t *testing.T, n int) (*kgo.Client, *kadm.Client) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(e.brokers...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	var records []*kgo.Record
	accounts := e.amazon.Accounts()
	for i := range n {
		account := accounts[i%len(accounts)].ID
		value, err := e.codec.AppendEncode(nil, schemas.OrderChanges, &schemas.OrderChange{
			NotificationID: fmt.Sprint(i), Account: account, OrderID: fmt.Sprintf("202-0000000-%07d", i), EventTime: time.Now(), ReceivedTime: time.Now(),
		})
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, &kgo.Record{Topic: e.prefix + schemas.OrderChanges, Key: []byte(account), Value: value})
	}
	if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	return client, kadm.NewClient(client)
}

// copies is where the committed part of replays ends, over all partitions.
func (e *environment) copies(ctx context.Context, t *testing.T, admin *kadm.Client) (end int64) {
	t.Helper()
	ends, err := admin.ListCommittedOffsets(ctx, e.prefix+schemas.Replays)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	ends.Each(func(o kadm.ListedOffset) { end += o.Offset })
	return end
}
