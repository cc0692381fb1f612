package machinetest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// scripted is a machine that does what a test says when a record comes.
type scripted struct {
	machinetest.NoCalls
	script   func(tx *machine.Tx)
	restored []any
}

func (s *scripted) Restore(_ string, value any) error {
	s.restored = append(s.restored, value)
	return nil
}

func (s *scripted) Record(tx *machine.Tx, _ *machine.Record) { s.script(tx) }

// failing is a test that stops with what it fails with.
type failing struct{ testing.TB }

func (failing) Helper()                           {}
func (failing) Fatal(args ...any)                 { panic(fmt.Sprint(args...)) }
func (failing) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func newRuntime(t testing.TB, script func(tx *machine.Tx)) *machinetest.Runtime[*scripted] {
	return machinetest.New(t, machinetest.Config[*scripted]{
		Processor: "orders", Operations: []string{model.GetOrder}, Now: time.UnixMilli(0),
		Build:     func() *scripted { return &scripted{script: script} },
		Committed: func(*machine.Tx) {}, Check: func(machine.Call) {},
	})
}

func TestWhatAMachineMayNotDo(t *testing.T) {
	t.Parallel()
	for want, script := range map[string]func(tx *machine.Tx){
		"two calls for a in flight": func(tx *machine.Tx) {
			tx.Call(machine.Call{Operation: model.GetOrder, Key: "a"})
			tx.Call(machine.Call{Operation: model.GetOrder, Key: "a"})
		},
		"called getFeed":                     func(tx *machine.Tx) { tx.Call(machine.Call{Operation: model.GetFeed}) },
		`wrote a *schemas.Order to "alerts"`: func(tx *machine.Tx) { tx.Emit(machine.Output{Topic: schemas.Alerts, Value: &schemas.Order{}}) },
		`wrote a *schemas.FeedResult to "fee`: func(tx *machine.Tx) {
			tx.Emit(machine.Output{Topic: schemas.FeedResults, Value: &schemas.FeedResult{}})
		},
		"state a is a *schemas.FeedState": func(tx *machine.Tx) { tx.Put("a", &schemas.FeedState{}) },
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, want) {
					t.Errorf("fails with %q, want %q", got, want)
				}
			}()
			newRuntime(failing{t}, script).Take(&schemas.OrderChange{Account: "acme-eu"})
		}()
	}
}

func TestWhatIsNotPutIsLost(t *testing.T) {
	t.Parallel()
	state := &schemas.OrderState{Account: "acme-eu", OrderID: "1"}
	r := newRuntime(t, func(tx *machine.Tx) { tx.Put("a", state) })
	r.Decide(r.Records(&schemas.OrderChange{}))
	if r.Restart(); len(r.Machine.restored) != 0 {
		t.Fatalf("restored %+v of a transaction that was lost", r.Machine.restored)
	}
	r.Take(&schemas.OrderChange{})
	state.OrderID = "2"
	r.Restart()
	if got := r.Machine.restored; len(got) != 1 || got[0].(*schemas.OrderState).OrderID != "1" {
		t.Fatalf("restored %+v", got)
	}
}
