package scenario_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

func TestMain(m *testing.M) { simulatortest.Main(m) }

func TestScenarioTellsTheTruth(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, nil)
	err := a.Run(t.Context(), simulator.Scenario{
		Orders: 100, Changes: 3, Duplicates: 0.3, Reordered: 0.5, BuyerRequests: 0.3,
		Forged: 5, UnknownSellers: 4, Malformed: 3,
	})
	if err != nil {
		t.Fatal(err)
	}
	truth := a.Truth()
	all, malformed := a.Drain()
	if truth.Notifications != len(all)+malformed || malformed != 3 || truth.Poison != 7 || truth.Forged != 5 {
		t.Errorf("%d messages, %d malformed, truth %+v", len(all), malformed, truth)
	}
	if len(truth.Orders) != 100 || truth.Duplicates == 0 || truth.Reordered == 0 {
		t.Errorf("%d orders, %d duplicates, %d reordered", len(truth.Orders), truth.Duplicates, truth.Reordered)
	}
	ids := make(map[string]int)
	newest := make(map[string]time.Time)
	timeless, unknown := 0, 0
	for _, n := range all {
		change := n.Payload.OrderChangeNotification
		ids[n.NotificationMetadata.NotificationID]++
		if _, placed := truth.Orders[change.AmazonOrderID]; !placed {
			unknown++
			continue
		}
		if at := change.OrderChangeTrigger.TimeOfOrderChange; at == nil {
			timeless++
		} else if at.After(newest[change.AmazonOrderID]) {
			newest[change.AmazonOrderID] = *at
		}
	}
	if len(all)-len(ids) != truth.Duplicates {
		t.Errorf("%d copies, truth says %d", len(all)-len(ids), truth.Duplicates)
	}
	for id, n := range ids {
		if n > 10 {
			t.Errorf("notification %s was sent %d times", id, n)
		}
	}
	if timeless == 0 || unknown != 9 {
		t.Errorf("%d without a time, %d of unknown orders", timeless, unknown)
	}
	for id, want := range truth.Orders {
		order, _ := a.World.Order(id)
		if order.Status() != want.Status || newest[id].After(want.LastUpdatedTime) {
			t.Errorf("order %s: %s at %s, truth %+v", id, order.Status(), newest[id], want)
		}
	}
}

// A share of the orders is Amazon's to ship. Notifications, orders and searches agree
// about which, and about the days.
func TestScenarioOfBothChannels(t *testing.T) {
	t.Parallel()
	clock := simulatortest.NewClock()
	a := simulatortest.Start(t, func(c *simulator.Config) { c.Clock = clock })
	if err := a.Run(t.Context(), simulator.Scenario{Accounts: []string{simulatortest.German}, Orders: 60, Changes: 2, ByAmazon: 0.5}); err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	all, _ := a.Drain()
	for _, n := range all {
		change := n.Payload.OrderChangeNotification
		order, _ := a.World.Order(change.AmazonOrderID)
		by := map[string]string{"MFN": "MERCHANT", "AFN": "AMAZON"}[change.Summary.FulfillmentType]
		if order.Fulfillment.FulfilledBy != by || !time.Time(order.Fulfillment.ShipByWindow.Latest).Equal(change.Summary.LatestShipDate) {
			t.Errorf("%+v of an order by %s", change, order.Fulfillment.FulfilledBy)
		}
	}
	clock.Advance(time.Hour)
	token := a.Token(simulatortest.SellerToken(1))
	for _, by := range []string{"MERCHANT", "AMAZON"} {
		got := a.Get(model.Europe, token, simulatortest.OrdersPath+"?createdAfter=2026-01-01T00:00:00Z&includedData=FULFILLMENT&fulfilledBy="+by)
		counts[by] = strings.Count(got.Body, `"fulfilledBy":"`+by+`"`)
	}
	if counts["MERCHANT"]+counts["AMAZON"] != 60 || counts["AMAZON"] < 20 || counts["AMAZON"] > 40 {
		t.Errorf("searches find %v", counts)
	}
}

// Reordering loses nothing: every order's newest change comes first, and all
// the older ones come after it.
func TestScenarioReorders(t *testing.T) {
	t.Parallel()
	play := func(reordered float64) map[string][]time.Time {
		a := simulatortest.Start(t, nil)
		if err := a.Run(t.Context(), simulator.Scenario{Orders: 30, Changes: 3, Reordered: reordered}); err != nil {
			t.Fatal(err)
		}
		all, _ := a.Drain()
		times := make(map[string][]time.Time)
		for _, n := range all {
			change := n.Payload.OrderChangeNotification
			times[change.AmazonOrderID] = append(times[change.AmazonOrderID], *change.OrderChangeTrigger.TimeOfOrderChange)
		}
		return times
	}
	ordered, reordered := play(0), play(1)
	if len(ordered) != 30 || len(reordered) != 30 {
		t.Fatalf("%d and %d orders", len(ordered), len(reordered))
	}
	total := func(of map[string][]time.Time) (n int) {
		for _, times := range of {
			n += len(times)
		}
		return n
	}
	if total(ordered) != total(reordered) || total(ordered) <= 30 {
		t.Errorf("%d notifications in order, %d out of order", total(ordered), total(reordered))
	}
	for id, times := range ordered {
		if !slices.IsSortedFunc(times, time.Time.Compare) {
			t.Errorf("order %s, in order: %v", id, times)
		}
	}
	for id, times := range reordered {
		if newest := slices.MaxFunc(times, time.Time.Compare); !times[0].Equal(newest) {
			t.Errorf("order %s, out of order: %v", id, times)
		}
	}
}

// The same seed makes the same marketplace, however it is called.
func TestScenarioIsDeterministic(t *testing.T) {
	t.Parallel()
	play := func() map[string]simulator.OrderTruth {
		a := simulatortest.Start(t, func(c *simulator.Config) { c.Seed = 7; c.Clock = simulatortest.NewClock() })
		a.Token(simulatortest.SellerToken(1))
		if err := a.Run(t.Context(), simulator.Scenario{Orders: 20, Changes: 2, Reordered: 0.5, Duplicates: 0.5}); err != nil {
			t.Fatal(err)
		}
		return a.Truth().Orders
	}
	first, second := play(), play()
	for id, want := range first {
		if second[id] != want {
			t.Errorf("order %s: %+v, then %+v", id, want, second[id])
		}
	}
}

func TestScenarioSpreadsOverScaledTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, err := simulator.New(simulator.Config{
			Applications: []simulator.Application{simulatortest.Application()}, Accounts: simulator.Sellers(2, "shop"),
			Clock: clock.NewScaled(time.Now(), 60),
		})
		if err != nil {
			t.Fatal(err)
		}
		started := time.Now()
		if err := s.Run(t.Context(), simulator.Scenario{Orders: 200, Over: time.Hour}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(started); took < 50*time.Second || took > time.Minute {
			t.Errorf("an hour at 60 times the speed took %v", took)
		}
		if counts, distinct := s.Counts(); distinct != 200 || counts.Notifications != 200 {
			t.Errorf("%d orders, %+v", distinct, counts)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Run(ctx, simulator.Scenario{Orders: 10, Over: time.Hour}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ended by its context: %v", err)
		}
	})
}

func TestScenarioIsChecked(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, nil)
	for _, sc := range []simulator.Scenario{{Orders: -1}, {Duplicates: 1.5}, {Accounts: []string{"nobody"}}} {
		if err := a.Run(t.Context(), sc); err == nil {
			t.Errorf("accepted %+v", sc)
		}
	}
}

// TestDroppedNotifications: the changes happen, and the truth knows of them.
func TestDroppedNotifications(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, nil)
	if err := a.Run(t.Context(), simulator.Scenario{Orders: 400, Changes: 1, Dropped: 0.25, Duplicates: 0.2, Reordered: 0.3}); err != nil {
		t.Fatal(err)
	}
	truth := a.Truth()
	all, _ := a.Drain()
	notified := map[string]bool{}
	for _, n := range all {
		notified[n.Payload.OrderChangeNotification.AmazonOrderID] = true
	}
	if len(truth.Orders) != 400 || len(notified) == 400 || len(all) != truth.Notifications {
		t.Errorf("%d orders, of which %d were notified; %d messages, truth %d", len(truth.Orders), len(notified), len(all), truth.Notifications)
	}
	first := truth.Notifications - truth.Duplicates
	if share := float64(truth.Dropped) / float64(truth.Dropped+first); share < 0.2 || share > 0.3 {
		t.Errorf("%d of %d were dropped", truth.Dropped, truth.Dropped+first)
	}
	for id, o := range truth.Orders {
		if o.Account == "" || o.Status == "" || o.LastUpdatedTime.IsZero() {
			t.Errorf("order %s: %+v", id, o)
		}
	}
	if err := a.Run(t.Context(), simulator.Scenario{Dropped: 1.1}); err == nil {
		t.Error("more than all can be dropped")
	}
}
