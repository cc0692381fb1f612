package machinetest_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// Effects at Amazon happen in the order of their times, effects of effects included.
func TestTrafficKeepsTheOrderOfTimes(t *testing.T) {
	t.Parallel()
	var seen []string
	calls := 0
	r := newRuntime(t, func(tx *machine.Tx) {
		calls++
		tx.Call(machine.Call{Operation: model.GetOrder, Key: fmt.Sprint(calls)})
	})
	var traffic *machinetest.Traffic[*scripted]
	note := func(at time.Time) { seen = append(seen, at.String()) }
	traffic = machinetest.NewTraffic(r, rand.New(rand.NewPCG(1, 1)), func(f *machinetest.Flight) machine.Outcome {
		note(f.Arrives)
		traffic.After(f.Arrives.Add(time.Second), note)
		return machine.Done{}
	})
	for range 30 {
		traffic.Queue = append(traffic.Queue, r.Records(&schemas.OrderChange{})...)
	}
	if err := traffic.Settle(100, func() bool { return true }); err != nil {
		t.Fatal(err)
	}
	traffic.Advance(time.Second)
	if calls != 30 || len(seen) != 60 || !slices.IsSorted(seen) {
		t.Errorf("%d calls, and %d things happened: %v", calls, len(seen), seen)
	}
}

// Work that nothing goes on with is an error, not an endless wait.
func TestTrafficFindsWorkThatNobodyGoesOnWith(t *testing.T) {
	t.Parallel()
	traffic := machinetest.NewTraffic(newRuntime(t, nil), rand.New(rand.NewPCG(1, 1)), nil)
	if err := traffic.Settle(100, func() bool { return false }); err == nil {
		t.Error("it is settled")
	}
}

// A tick that was lost gets its records again, and its calls do not happen.
func TestTrafficLosesNoRecord(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, func(tx *machine.Tx) { tx.Call(machine.Call{Operation: model.GetOrder, Key: "a"}) })
	traffic := machinetest.NewTraffic(r, rand.New(rand.NewPCG(1, 1)), func(*machinetest.Flight) machine.Outcome { return machine.Done{} })
	traffic.Queue = r.Records(&schemas.OrderChange{})
	traffic.Lose(1)
	if len(r.Started) != 0 || len(traffic.Queue) != 1 {
		t.Fatalf("started %v, %d records wait", r.Started, len(traffic.Queue))
	}
	traffic.DeliverAll()
	if len(r.Started) != 1 || len(traffic.Flying) != 1 {
		t.Errorf("started %v, %d fly", r.Started, len(traffic.Flying))
	}
}

func TestDoorCountsByAccountAndOperation(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(0)
	door := machinetest.NewDoor(map[string]quota.Limit{model.GetOrder: {Rate: 1, Burst: 1}, model.GetFeed: {Rate: 1, Burst: 2}})
	for i, test := range []struct {
		account    string
		operations []string
		want       bool
	}{
		{"a", []string{model.GetOrder, model.GetFeed}, true},
		{"a", []string{model.GetOrder}, false},
		{"b", []string{model.GetOrder}, true},
		{"a", []string{model.GetFeed}, true},
		{"a", []string{model.GetFeed}, false},
	} {
		if got := door.Admit(test.account, at, test.operations...); got != test.want {
			t.Errorf("call %d: let in is %v", i, got)
		}
	}
	if len(door.Denied) != 2 {
		t.Errorf("denied %v", door.Denied)
	}
}
