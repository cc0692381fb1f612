package simulation

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/orders"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/long"
)

// TestDroppedNotifications: Amazon drops one notification in twenty for hours.
// Every order arrives, those within the interval that searchOrders' quota allows
// and the age that it asks for, and none is fetched twice: what a search brings needs no
// getOrder.
func TestDroppedNotifications(t *testing.T) {
	t.Parallel()
	hours := long.Pick(t, time.Hour, 2*time.Hour)
	const (
		every = 3 * time.Minute
		// Two minutes and some seconds old, the next search, its call and the
		// order's.
		bound = 2*time.Minute + 10*time.Second + every + 15*time.Second
	)
	accounts := []string{"one", "two", "three"}
	inBubble(t, setup{accounts: accounts, reconcile: orders.Reconcile{Every: every, Lookback: time.Hour}}, func(t *testing.T, w *world) {
		random := rand.New(rand.NewPCG(7, 7))
		placed, dropped := map[string]time.Time{}, map[string]bool{}
		for time.Since(w.begun) < hours {
			time.Sleep(time.Duration(random.ExpFloat64() * float64(6*time.Second)))
			change := w.order(accounts[random.IntN(len(accounts))])
			placed[change.Order.OrderID] = *change.Time
			if random.IntN(20) == 0 {
				dropped[change.Order.OrderID] = true
				continue
			}
			w.notify(change)
		}
		var notified, recovered []time.Duration
		for _, rec := range w.read(schemas.Orders, len(placed), 2*bound) {
			order := orderOf(t, rec)
			delay := rec.Timestamp.Sub(placed[order.OrderID])
			delete(placed, order.OrderID)
			switch origin := order.Origin; {
			case origin == "RECOVERED" && dropped[order.OrderID]:
				recovered = append(recovered, delay)
			case origin == "NOTIFICATION" && !dropped[order.OrderID]:
				notified = append(notified, delay)
			default:
				t.Errorf("order %s has the origin %s", order.OrderID, origin)
			}
		}
		if len(placed) > 0 || len(recovered) == 0 {
			t.Fatalf("%d orders did not arrive, %d of %d were recovered\n%s", len(placed), len(recovered), len(dropped), w.log)
		}
		slices.Sort(recovered)
		slices.Sort(notified)
		at := func(delays []time.Duration, percent int) time.Duration {
			return delays[(len(delays)-1)*percent/100].Round(time.Millisecond)
		}
		t.Logf("%d orders notified: p50 %v, p99 %v, max %v", len(notified), at(notified, 50), at(notified, 99), at(notified, 100))
		t.Logf("%d orders recovered: p50 %v, p99 %v, max %v; the quota allows %v", len(recovered), at(recovered, 50), at(recovered, 99), at(recovered, 100), bound)
		if most := at(recovered, 100); most > bound {
			t.Errorf("an order came after %v, want %v", most, bound)
		}
		if calls := len(w.calls(simulator.Filter{Operation: model.GetOrder}, 0, 24*time.Hour)); calls != len(notified) {
			t.Errorf("%d getOrder calls for %d orders that were notified", calls, len(notified))
		}
		if n := w.amazon.Ledger.Throttled(); n != 0 {
			t.Errorf("%d calls were throttled", n)
		}
		w.noDeadLetters()
	})
}

// TestABackfillThroughKafka: an operator's wish on its topic brings the orders that were
// placed and that nothing else brings, without a getOrder.
func TestABackfillThroughKafka(t *testing.T) {
	t.Parallel()
	inBubble(t, setup{accounts: []string{"one"}}, func(t *testing.T, w *world) {
		since := time.Now()
		const placed = 150
		for range placed {
			time.Sleep(time.Minute)
			w.order("one")
		}
		time.Sleep(5 * time.Minute)
		w.produce(schemas.OrderBackfills, "one", w.encode(&schemas.Backfill{Account: "one", SinceTime: since, RequestedTime: time.Now(), By: "ann@host"}))
		ids := map[string]bool{}
		for _, rec := range w.read(schemas.Orders, placed+1, 30*time.Minute) {
			order := orderOf(t, rec)
			if ids[order.OrderID] = true; order.Origin != "BACKFILL" {
				t.Errorf("order %s has the origin %s", order.OrderID, order.Origin)
			}
		}
		if gets := len(w.calls(simulator.Filter{Operation: model.GetOrder}, 0, 24*time.Hour)); len(ids) != placed || gets > 0 {
			t.Errorf("%d of %d orders came, by %d getOrder", len(ids), placed, gets)
		}
		w.noDeadLetters()
	})
}

// TestSearchesFailAlone: searchOrders is refused and unavailable for an hour,
// while orders that are notified come as ever; then the searches catch up.
func TestSearchesFailAlone(t *testing.T) {
	t.Parallel()
	for name, action := range map[string]simulator.Action{"503": {Status: 503}, "400": {Status: 400}, "403": {Status: 403}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reconcile := orders.Reconcile{Every: 3 * time.Minute, Lookback: time.Hour}
			inBubble(t, setup{accounts: []string{"one", "two"}, reconcile: reconcile}, func(t *testing.T, w *world) {
				w.fault(simulator.Rule{Part: simulator.SPAPI, Operation: model.SearchOrders, Until: w.begun.Add(time.Hour), Action: action})
				missed := w.order("one").Order.OrderID
				for range 60 {
					time.Sleep(time.Minute)
					w.place("one")
					w.place("two")
				}
				got := w.read(schemas.Orders, 120, time.Second)
				if len(got) != 120 {
					t.Fatalf("%d orders came while searches fail, want the 120 that were notified\n%s", len(got), w.log)
				}
				all := w.read(schemas.Orders, 121, time.Hour)
				if len(all) != 121 {
					t.Fatalf("%d orders came, the one that was missed did not\n%s", len(all), w.log)
				}
				last := all[120]
				if order := orderOf(t, last); order.OrderID != missed {
					t.Errorf("the last order is %s, want %s", order.OrderID, missed)
				}
				t.Logf("the missed order came %v after searches worked again", last.Timestamp.Sub(w.begun.Add(time.Hour)))
				w.noDeadLetters()
			})
		})
	}
}

func orderOf(t *testing.T, rec *kgo.Record) *schemas.Order { return decoded[schemas.Order](t, rec) }

func decoded[T any](t *testing.T, rec *kgo.Record) *T {
	t.Helper()
	value, err := codec().Decode(t.Context(), "", rec.Value)
	if err != nil {
		t.Fatal(err)
	}
	return value.(*T)
}
