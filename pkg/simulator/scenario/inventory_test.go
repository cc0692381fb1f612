package scenario_test

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/test/property"
)

// planner is a simulator that nobody calls.
func planner(t interface {
	Helper()
	Fatal(...any)
}, c clock.Clock) *simulator.Simulator {
	t.Helper()
	s, err := simulator.New(simulator.Config{
		Applications: []simulator.Application{simulatortest.Application()}, Accounts: simulator.Sellers(3, "shop"), SKUs: 30, Clock: c,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Whatever a plan says: the newest of a SKU is unique, its quantities never
// repeat, nothing at once is in the future, and there is what was asked for.
func TestPlanInventory(t *testing.T) {
	t.Parallel()
	s := planner(t, simulatortest.NewClock())
	property.Check(t, func(t *rapid.T) {
		sc := simulator.InventoryScenario{
			Updates: rapid.IntRange(1, 400).Draw(t, "updates"), SKUs: rapid.IntRange(8, 30).Draw(t, "skus"),
			Unknown: rapid.IntRange(0, 3).Draw(t, "unknown"), Excluded: rapid.IntRange(0, 3).Draw(t, "excluded"),
			Reordered: rapid.Float64Range(0, 1).Draw(t, "reordered"),
			Over:      time.Duration(rapid.IntRange(0, 60).Draw(t, "minutes")) * time.Minute,
			Waves:     rapid.IntRange(0, 5).Draw(t, "waves"),
		}
		plan, err := s.PlanInventory(sc)
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := s.PlanInventory(sc); !reflect.DeepEqual(plan, again) {
			t.Error("a second plan differs")
		}
		times, quantities := make(map[string]bool), make(map[string]bool)
		for _, u := range plan.Updates {
			times[u.Account+u.Time.String()] = true
			quantities[fmt.Sprint(u.Account, u.SKU, u.Quantity)] = true
			if u.Time.After(plan.Start.Add(sc.Over)) || u.Unknown != strings.HasPrefix(u.SKU, "GONE-") || u.Unknown && u.Excluded {
				t.Errorf("%+v", u)
			}
		}
		if len(plan.Updates) != sc.Updates || len(times) != sc.Updates || len(quantities) != sc.Updates {
			t.Errorf("%d updates with %d times and %d quantities", len(plan.Updates), len(times), len(quantities))
		}
		for account, skus := range plan.Newest() {
			if len(skus) > sc.SKUs || len(plan.Excluded[account]) != sc.Excluded {
				t.Errorf("%s: %d SKUs, %v excluded", account, len(skus), plan.Excluded[account])
			}
		}
	})
}

// Late updates come behind a newer one of their SKU, and keep nothing else waiting.
func TestPlannedUpdatesComeLateOrInOrder(t *testing.T) {
	t.Parallel()
	plan, err := planner(t, simulatortest.NewClock()).PlanInventory(simulator.InventoryScenario{
		Accounts: []string{simulatortest.German}, Updates: 1000, SKUs: 20, Over: time.Hour, Waves: 4, Reordered: 0.3,
	})
	if err != nil {
		t.Fatal(err)
	}
	var newest time.Time
	bySKU, late, bursts := make(map[string]time.Time), 0, 1
	for i, u := range plan.Updates {
		switch {
		case u.Time.Before(newest):
			late++
			if !u.Time.Before(bySKU[u.SKU]) {
				t.Fatalf("update %d comes late and not behind a newer one of its SKU", i)
			}
		case u.Time.Sub(newest) > time.Minute && !newest.IsZero():
			bursts++
		}
		if u.Time.After(newest) {
			newest = u.Time
		}
		if u.Time.After(bySKU[u.SKU]) {
			bySKU[u.SKU] = u.Time
		}
	}
	if late < 200 || late > 400 || bursts != 4 {
		t.Errorf("%d of 1000 come late, in %d bursts; want some 300, and 4", late, bursts)
	}
}

// What a listing shows in the end is compared with what upstream said last.
func TestWrongQuantities(t *testing.T) {
	t.Parallel()
	s := simulatortest.Sell(t, func(c *simulator.Config) { c.EveryAmazons = 5 })
	plan, err := s.PlanInventory(simulator.InventoryScenario{Accounts: []string{simulatortest.German}, Updates: 40, SKUs: 10, Unknown: 1, Excluded: 1, Reordered: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	if wrong := s.WrongQuantities(plan); len(wrong) != 7 {
		t.Errorf("before anything was sent: %+v", wrong)
	}
	for sku, u := range plan.Newest()[simulatortest.German] {
		if !u.Unknown && !u.Excluded && sku != "SKU-00005" { // which Amazon fulfils
			s.Call(http.MethodPatch, s.Item(sku, ""), strings.Replace(simulatortest.OneQuantity, "17", fmt.Sprint(u.Quantity), 1))
			s.Clock.Advance(time.Second)
		}
	}
	if wrong := s.WrongQuantities(plan); len(wrong) != 0 {
		t.Errorf("after all was sent: %+v", wrong)
	}
	excluded := plan.Excluded[simulatortest.German][0]
	s.Call(http.MethodPatch, s.Item(excluded, ""), simulatortest.OneQuantity)
	if wrong := s.WrongQuantities(plan); len(wrong) != 1 || wrong[0].SKU != excluded || wrong[0].Got != 17 {
		t.Errorf("after an excluded SKU was set: %+v", wrong)
	}
}

func TestInventoryScenarioIsChecked(t *testing.T) {
	t.Parallel()
	s := planner(t, simulatortest.NewClock())
	for _, sc := range []simulator.InventoryScenario{
		{Updates: -1}, {Urgent: 2}, {Accounts: []string{"nobody"}}, {SKUs: 31}, {SKUs: 5, Unknown: 3, Excluded: 3}, {Over: -1},
	} {
		if _, err := s.PlanInventory(sc); err == nil {
			t.Errorf("%+v is accepted", sc)
		}
	}
}

// Updates are produced when they happen, on a clock that runs faster.
func TestProduceInventory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := planner(t, clock.NewScaled(time.Now(), 60))
		plan, err := s.PlanInventory(simulator.InventoryScenario{Updates: 100, Over: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		begin, produced := time.Now(), 0
		if err := s.Produce(t.Context(), plan, func(simulator.InventoryUpdate) error { produced++; return nil }); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); produced != 100 || took < 59*time.Second || took > time.Minute {
			t.Errorf("%d in %s", produced, took)
		}
	})
}
