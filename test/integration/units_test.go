package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/app/telemetry"
	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
	"github.com/sellerstream/sellerstream/schemas"
)

// TestOneUnitStopsAlone removes records of one partition before they were read,
// on the real broker (containment rule 3): the other units and roles go on, each
// place names the unit, and the command that they give heals it while all runs.
func TestOneUnitStopsAlone(t *testing.T) {
	e := newEnvironment(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	e.carryOn(t)
	first := e.startPod(t)
	first.awaitReady(ctx, t)
	odd := e.amazon.Accounts()[0].ID
	e.order(t, odd)
	e.awaitOrdersOf(ctx, t, odd, 1)
	if err := first.Stop(grace); err != nil {
		t.Fatal(err)
	}
	partition := e.trim(ctx, t, odd)

	p := e.startPod(t)
	p.awaitReady(ctx, t)
	unit := p.awaitStopped(ctx, t)
	if unit.Role != "orders" || unit.Partition != partition || unit.Reason != stream.PositionLost {
		t.Fatalf("stopped is %s; want role orders, partition %d", unit, partition)
	}
	e.order(t, odd)
	for _, a := range e.amazon.Accounts()[1:] {
		if partitionOf(a.ID) != partition {
			e.order(t, a.ID)
			e.awaitOrdersOf(ctx, t, a.ID, 1)
		}
	}
	if status := p.status(); status != http.StatusOK {
		t.Errorf("the process is not ready, status %d, for one unit of many", status)
	}
	named := fmt.Sprintf("partition %d", partition)
	e.eventuallyRuns(ctx, t, "STOPPED: orders, "+named, "accounts") // Kafka knows with the unit's next commit
	doctor := e.command(t, "doctor")
	if err := doctor.Wait(ctx); err == nil || !strings.Contains(doctor.Log(), named) || !strings.Contains(doctor.Log(), "--reset --role orders --topic "+schemas.OrderChanges) {
		t.Errorf("doctor does not name the unit and the command: %v\n%s", err, doctor.Log())
	}
	if n := len(e.ordersOf(ctx, t, odd)); n != 1 {
		t.Errorf("the stopped unit wrote %d orders, want none more", n-1)
	}

	command := regexp.MustCompile("`sellerstream replay (--reset --role orders --topic [^ ]+ --from-offset [^ `]+)`").FindStringSubmatch(unit.Remedy)
	if command == nil {
		t.Fatalf("the remedy holds no command: %s", unit.Remedy)
	}
	e.runs(ctx, t, "Moved", append([]string{"replay", "--yes"}, strings.Fields(command[1])...)...)
	e.awaitOrdersOf(ctx, t, odd, 2)
	for len(p.stopped(t)) > 0 {
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("the unit is still said to be stopped: %v", p.stopped(t))
		}
	}
	if err := p.Stop(grace); err != nil {
		t.Error(err)
	}
}

// partitionOf is an account's partition, as producers find it.
func partitionOf(account string) int32 {
	return int32(kgo.StickyKeyPartitioner(nil).ForTopic("").Partition(&kgo.Record{Key: []byte(account)}, partitions))
}

// order places an order of an account, has Amazon report it, and returns its id.
func (e *environment) order(t *testing.T, account string) string {
	t.Helper()
	change, err := e.amazon.World.PlaceOrder(account)
	if err != nil {
		t.Fatal(err)
	}
	e.amazon.Notify(change)
	return change.Order.OrderID
}

// ordersOf are the ids of an account's orders on the topic orders.
func (e *environment) ordersOf(ctx context.Context, t *testing.T, account string) (ids []string) {
	t.Helper()
	for _, value := range e.readAll(ctx, t, schemas.Orders) {
		if order, ok := value.(*schemas.Order); ok && order.Account == account && !slices.Contains(ids, order.OrderID) {
			ids = append(ids, order.OrderID)
		}
	}
	return ids
}

func (e *environment) awaitOrdersOf(ctx context.Context, t *testing.T, account string, n int) {
	t.Helper()
	for len(e.ordersOf(ctx, t, account)) < n {
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("account %s has no %d orders", account, n)
		}
	}
}

// trim writes records behind the position of an account's unit and removes them,
// as a retention that is too short does.
func (e *environment) trim(ctx context.Context, t *testing.T, account string) (partition int32) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(e.brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	topic := e.prefix + schemas.OrderChanges
	var last *kgo.Record
	for range 3 {
		rec := &kgo.Record{Topic: topic, Key: []byte(account), Value: []byte("never read")}
		if err := client.ProduceSync(ctx, rec).FirstErr(); err != nil {
			t.Fatal(err)
		}
		last = rec
	}
	var offsets kadm.Offsets
	offsets.Add(kadm.Offset{Topic: topic, Partition: last.Partition, At: last.Offset + 1})
	removed, err := kadm.NewClient(client).DeleteRecords(ctx, offsets)
	if err == nil {
		err = removed.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	return last.Partition
}

// stopped are the units that /readyz says are stopped.
func (p *pod) stopped(t *testing.T) (units []stream.Stopped) {
	t.Helper()
	answer, err := http.Get(p.ready)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var readiness telemetry.Readiness
	if err := json.NewDecoder(answer.Body).Decode(&readiness); err != nil {
		t.Fatal(err)
	}
	for _, role := range readiness.Roles {
		units = append(units, role.Stopped...)
	}
	return units
}

// awaitStopped waits until one unit is.
func (p *pod) awaitStopped(ctx context.Context, t *testing.T) stream.Stopped {
	t.Helper()
	for {
		if units := p.stopped(t); len(units) == 1 {
			return units[0]
		} else if len(units) > 1 {
			t.Fatalf("more than one unit is stopped: %v", units)
		}
		select {
		case <-time.After(probeInterval):
		case <-ctx.Done():
			t.Fatal("no unit is stopped")
		}
	}
}
