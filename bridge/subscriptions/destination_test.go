package subscriptions

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// listing wants changes of listings, for a queue of a real AWS account.
func (w *world) listing() *Keeper {
	return w.keeper(func(o *Options) {
		targets := o.Targets()
		for i := range targets {
			targets[i].Listings, targets[i].QueueARN = true, "arn:aws:sqs:eu-west-1:123456789012:"+simulator.DefaultQueue
		}
		o.Targets = func() []Target { return targets }
	})
}

func TestChangesOfListingsGoThroughEventBridge(t *testing.T) {
	virtually(t, func(t *testing.T, w *world) {
		wantStates(t, "at first", w.listing().List(t.Context()), map[State]int{Missing: 4 + 15})
		wantStates(t, "ensure", w.listing().Ensure(t.Context()), map[State]int{Created: 4 + 15})
		again := w.listing().Ensure(t.Context())
		wantStates(t, "again", again, map[State]int{Good: 4 + 15})
		if !again.Complete() {
			t.Error("a good report is not complete")
		}
		events := 0
		for _, s := range w.Subscriptions() {
			if bridge := strings.HasPrefix(s.Destination, "aws.partner/"); bridge != strings.HasPrefix(s.NotificationType, "LISTINGS_") {
				t.Errorf("%+v", s)
			} else if bridge {
				events++
			}
		}
		if events != 9 {
			t.Errorf("%d subscriptions lead to EventBridge", events)
		}
		if n := w.Ledger.Throttled(); n != 0 {
			t.Errorf("%d calls were throttled", n)
		}
		// Switched off again, nothing of it is looked at, and prune takes the destination for foreign.
		off := w.keeper(func(o *Options) {
			targets := w.listing().opts.Targets()
			for i := range targets {
				targets[i].Listings = false
			}
			o.Targets = func() []Target { return targets }
		})
		wantStates(t, "off", off.Ensure(t.Context()), map[State]int{Good: 2 + 6, Foreign: 2})
	})
}

// Where Amazon refuses the event source, orders and feeds are notified all the same, and
// nothing is tried again before the next look at everything.
func TestWithoutTheEventSourceTheQueueIsLookedAfter(t *testing.T) {
	virtually(t, func(t *testing.T, _ *world) {
		for status, want := range map[int]State{http.StatusConflict: Missing, http.StatusForbidden: Missing, http.StatusInternalServerError: Failed} {
			other := newWorld(t)
			k := other.listing()
			simulatortest.Fault(t, other.Simulator, simulator.Rule{Operation: model.CreateDestination, Skip: 1, Action: simulator.Action{Status: status}})
			targets := k.opts.Targets()[:1]
			r := k.pass(t.Context(), targets, action{create: true})
			got := states(r)
			if got[Created] != 1+4 || got[Missing]+got[Failed] != 1+6 || r.Complete() {
				t.Errorf("%d: %+v", status, r)
			}
			for _, d := range r.Destinations {
				if d.ID == "" && (d.State != want || d.Error == "") {
					t.Errorf("%d: %+v, want it %s", status, d, want)
				}
			}
			if again := failed(targets, r); (len(again) > 0) != (want == Failed) {
				t.Errorf("%d: to be tried again: %v", status, again)
			}
		}
	})
}
