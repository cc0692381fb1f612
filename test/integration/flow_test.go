package integration

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/process"
)

const (
	orderCount = 150
	// patience bounds a test that waits for something that never comes.
	patience = 3 * time.Minute
)

// TestFlow takes order changes from SQS to EventBridge, without faults: nothing
// is lost and nothing is sent twice, and the metrics say what was done.
func TestFlow(t *testing.T) {
	e := newEnvironmentWith(t, simulator.Config{}, process.Config{Admin: freeAddress(t)})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p := e.begin(ctx, t)
	e.play(ctx, t, orderCount)
	e.finish(ctx, t, p)
	e.check(ctx, t, time.Time{})
}

// TestKilledAfterPutEvents kills the process when EventBridge has taken a batch
// and before the process can know: the one case in which an event is sent twice.
func TestKilledAfterPutEvents(t *testing.T) {
	e := newEnvironment(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p := e.begin(ctx, t)
	killed := make(chan []string, 1)
	var at time.Time
	e.tap.whenApplied(func(batch []string, total int) bool {
		if total < orderCount/3 {
			return false
		}
		p.Kill()
		at = time.Now()
		killed <- batch
		return true
	})
	e.play(ctx, t, orderCount)

	var inFlight []string
	select {
	case inFlight = <-killed:
	case <-ctx.Done():
		t.Fatal("too few events reached EventBridge")
	}
	e.play(ctx, t, orderCount/3) // while nobody is there
	e.finish(ctx, t, e.start(t))

	again := e.check(ctx, t, at)
	for _, id := range inFlight {
		if again[id] == 0 {
			t.Errorf("event %s was in flight at the crash, and was not sent again", id)
		}
	}
}

// TestKilledWhileItAsksAmazon kills the process in the middle of its calls, with
// work waiting in every topic.
func TestKilledWhileItAsksAmazon(t *testing.T) {
	e := newEnvironment(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p := e.begin(ctx, t)
	killed := make(chan time.Time, 1)
	go func() {
		_, err := e.amazon.Ledger.Await(ctx, simulator.Filter{Part: simulator.SPAPI, Operation: "getOrder"}, orderCount/3)
		if err == nil {
			killed <- time.Now()
			p.Kill()
		}
	}()
	e.play(ctx, t, orderCount)
	select {
	case <-p.Exited:
	case <-ctx.Done():
		t.Fatal("the pipeline made too few calls to Amazon")
	}
	e.finish(ctx, t, e.start(t))
	e.check(ctx, t, <-killed)
}

// finish waits until the pipeline has nothing more to do, and stops it.
func (e *environment) finish(ctx context.Context, t *testing.T, p *process.Process) {
	t.Helper()
	ctx, cancel := p.Watch(ctx)
	defer cancel()
	e.awaitEmpty(ctx, t)
	final := e.awaitFinal(ctx, t)
	e.tap.await(ctx, t, "the final state of every order", func(events map[string][]event) bool {
		return !slices.ContainsFunc(final, func(id string) bool { return len(events[id]) == 0 })
	})
	if dead := make(map[string]bool); e.poisoned > 0 { // one for each message that no code can process
		e.follow(ctx, t, schemas.DeadLetters, func(value any) bool {
			dead[value.(*schemas.DeadLetter).ID] = true
			return len(dead) == e.poisoned
		})
	}
	if e.settings.Admin != "" {
		e.checkMetrics(ctx, t)
	}
	if err := p.Stop(time.Minute); err != nil {
		t.Errorf("stop the pipeline: %v", err)
	}
}

// awaitFinal waits until the final state of every order stands on orders, and
// returns the ids of those states.
func (e *environment) awaitFinal(ctx context.Context, t *testing.T) []string {
	t.Helper()
	truth := e.amazon.Truth()
	final := make(map[string]string)
	e.follow(ctx, t, schemas.Orders, func(value any) bool {
		order := value.(*schemas.Order)
		if isFinal(order, truth.Orders[order.OrderID]) {
			final[order.OrderID] = order.EventID
		}
		return len(final) == len(truth.Orders)
	})
	return slices.Collect(maps.Values(final))
}

func isFinal(order *schemas.Order, truth simulator.OrderTruth) bool {
	return order.LastUpdatedTime.Equal(truth.LastUpdatedTime) && order.Status == string(truth.Status) && order.Account == truth.Account
}

// check compares what stands in Kafka and what reached EventBridge with what
// really happened. killed is when a crash was, if there was one. It returns how often
// events were sent again.
func (e *environment) check(ctx context.Context, t *testing.T, killed time.Time) map[string]int {
	t.Helper()
	byEvent := e.checkOrders(ctx, t)
	e.checkDeadLetters(ctx, t)
	if n := e.amazon.Ledger.Throttled(); n != 0 {
		t.Errorf("Amazon throttled %d calls", n)
	}
	again := e.checkEvents(t, byEvent, killed)
	sent, _ := e.tap.seen()
	e.checkDelivered(ctx, t, sent)
	t.Logf("%d orders, %d events, redelivered %d", len(e.amazon.Truth().Orders), len(sent), len(again))
	return again
}

// checkOrders compares what stands on orders with what really happened. It returns the
// records by the ids of their events.
func (e *environment) checkOrders(ctx context.Context, t *testing.T) map[string]*schemas.Order {
	t.Helper()
	truth := e.amazon.Truth()
	last := make(map[string]*schemas.Order)
	byEvent := make(map[string]*schemas.Order)
	for _, value := range e.readAll(ctx, t, schemas.Orders) {
		order := value.(*schemas.Order)
		if byEvent[order.EventID] != nil {
			t.Errorf("event %s of order %s stands on orders twice", order.EventID, order.OrderID)
		}
		if newest := last[order.OrderID]; newest != nil && newest.LastUpdatedTime.After(order.LastUpdatedTime) {
			t.Errorf("order %s goes back from %v to %v", order.OrderID, newest.LastUpdatedTime, order.LastUpdatedTime)
		}
		byEvent[order.EventID], last[order.OrderID] = order, order
	}
	for id, want := range truth.Orders {
		if got := last[id]; got == nil || !isFinal(got, want) {
			t.Errorf("order %s stands on orders as %+v, want %+v", id, got, want)
		}
	}
	if len(last) != len(truth.Orders) {
		t.Errorf("%d orders stand on orders, want %d", len(last), len(truth.Orders))
	}
	return byEvent
}

// committed is after what time at most an event that was answered is committed. The
// publisher begins a commit every 50 ms, and the machine is slow.
const committed = 2 * time.Second

// checkEvents compares the events with the records that they were made of. An
// event may be sent again, with the same bytes, only if it could not be committed
// before a crash, or its batch was not answered.
func (e *environment) checkEvents(t *testing.T, records map[string]*schemas.Order, killed time.Time) map[string]int {
	t.Helper()
	sent, unanswered := e.tap.seen()
	again := make(map[string]int)
	for id, times := range sent {
		record := records[id]
		if record == nil {
			t.Errorf("event %s was sent and does not stand on orders", id)
			continue
		}
		if times[0].detailType != record.EventType {
			t.Errorf("event %s has the type %s, want %s", id, times[0].detailType, record.EventType)
		}
		for _, other := range times[1:] {
			again[id]++
			if !bytes.Equal(times[0].detail, other.detail) || times[0].detailType != other.detailType {
				t.Errorf("event %s was sent again as %s %s, first as %s %s", id, other.detailType, other.detail, times[0].detailType, times[0].detail)
			}
		}
		inDoubt := unanswered[id] || !killed.IsZero() && times[0].arrived.After(killed.Add(-committed))
		if again[id] > 0 && !inDoubt {
			t.Errorf("event %s was sent again, %d times, although its batch was answered", id, again[id])
		}
	}
	for id, order := range records {
		if len(sent[id]) == 0 {
			t.Errorf("event %s of order %s stands on orders and did not reach EventBridge", id, order.OrderID)
		}
	}
	return again
}

// checkDeadLetters wants one for each poisoned message; a message whose
// deletion a crash prevented may have left the same dead letter again.
func (e *environment) checkDeadLetters(ctx context.Context, t *testing.T) {
	t.Helper()
	seen := make(map[string]string)
	for _, value := range e.readAll(ctx, t, schemas.DeadLetters) {
		letter := value.(*schemas.DeadLetter)
		seen[letter.ID] = letter.Reason
		if len(letter.Value) == 0 || letter.Message == "" {
			t.Errorf("dead letter %s (%s) has %d bytes and the message %q: want both", letter.ID, letter.Reason, len(letter.Value), letter.Message)
		}
	}
	if len(seen) != e.poisoned {
		t.Errorf("%d dead letters, want %d: %v", len(seen), e.poisoned, seen)
	}
}
