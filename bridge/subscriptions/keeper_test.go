package subscriptions

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/runtime/breaker"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/test/logged"
)

const (
	orderChange  = model.OrderChangeNotification
	feedFinished = model.FeedProcessingFinishedNotification
)

func wantStates(t *testing.T, what string, r Report, want map[State]int) {
	t.Helper()
	if got := states(r); !maps.Equal(got, want) {
		t.Errorf("%s: %v, want %v\n%+v", what, got, want, r)
	}
}

// virtually runs a test in virtual time.
func virtually(t *testing.T, test func(t *testing.T, w *world), change ...func(*simulator.Config)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { test(t, newWorld(t, change...)) })
}

func TestEnsureMakesWhatIsMissingOnce(t *testing.T) {
	virtually(t, func(t *testing.T, w *world) {
		k := w.keeper(nil)
		wantStates(t, "at first", k.List(t.Context()), map[State]int{Missing: 2 + 6})
		wantStates(t, "ensure", k.Ensure(t.Context()), map[State]int{Created: 2 + 6})
		if !w.complete() {
			t.Errorf("%+v", w.Subscriptions())
		}
		again := w.keeper(nil).Ensure(t.Context())
		wantStates(t, "on the next deploy", again, map[State]int{Good: 2 + 6})
		if !again.Complete() {
			t.Error("a good report is not complete")
		}
		for operation, want := range map[string]int{"createDestination": 2, "createSubscription": 6, "deleteSubscriptionById": 0} {
			if applied, calls := w.applied(operation); applied != want || calls != want {
				t.Errorf("%s: %d calls, %d applied, want %d", operation, calls, applied, want)
			}
		}
		if n := w.Ledger.Throttled(); n != 0 {
			t.Errorf("%d calls were throttled", n)
		}
	})
}

// Three keepers look at the same time, see that something is missing, and
// create it: two get a 409.
func TestKeepersAtTheSameTimeMakeNothingTwice(t *testing.T) {
	virtually(t, func(t *testing.T, w *world) {
		simulatortest.Fault(t, w.Simulator, simulator.Rule{Part: simulator.SPAPI, Action: simulator.Action{Delay: 100 * time.Millisecond}}) // so that all look before one creates
		race := func() (created int) {
			t.Helper()
			var all sync.WaitGroup
			reports := make([]Report, 3)
			for i := range reports {
				all.Go(func() { reports[i] = w.keeper(nil).Ensure(t.Context()) })
			}
			all.Wait()
			for i, r := range reports {
				created += states(r)[Created]
				if !r.Complete() {
					t.Errorf("keeper %d: %+v", i, r)
				}
			}
			if !w.complete() {
				t.Errorf("%+v", w.Subscriptions())
			}
			return created
		}
		if created := race(); created != 2+6 {
			t.Errorf("%d were reported as created", created)
		}
		if applied, calls := w.applied("createDestination"); applied != 2 || calls <= 2 {
			t.Errorf("createDestination: %d of %d calls took effect", applied, calls)
		}
		w.DropSubscriptions("", "")
		if created := race(); created != 6 {
			t.Errorf("%d were reported as created", created)
		}
		if applied, calls := w.applied("createSubscription"); applied != 2*6 || calls <= 2*6 {
			t.Errorf("createSubscription: %d of %d calls took effect", applied, calls)
		}
	})
}

func TestAnAnswerThatIsLostIsLookedUp(t *testing.T) {
	for _, operation := range []string{"createDestination", "createSubscription"} {
		t.Run(operation, func(t *testing.T) {
			virtually(t, func(t *testing.T, w *world) {
				simulatortest.Fault(t, w.Simulator, simulator.Rule{Part: simulator.SPAPI, Operation: operation, Times: 1, Action: simulator.Action{LoseAnswer: true}})
				r := w.keeper(nil).Ensure(t.Context())
				if applied, calls := w.applied(operation); applied != calls || !w.complete() || !r.Complete() {
					t.Errorf("%d of %d calls took effect: %+v", applied, calls, r)
				}
			})
		})
	}
}

func TestCallsAreRepeatedWhenTheyDidNotHappen(t *testing.T) {
	for _, status := range []int{429, 503} {
		t.Run(map[int]string{429: "throttled", 503: "unavailable"}[status], func(t *testing.T) {
			virtually(t, func(t *testing.T, w *world) {
				for _, operation := range []string{"getDestinations", "getSubscriptions"} {
					simulatortest.Fault(t, w.Simulator, simulator.Rule{Part: simulator.SPAPI, Operation: operation, Times: 2, Action: simulator.Action{Status: status}})
				}
				if r := w.keeper(nil).Ensure(t.Context()); !r.Complete() || !w.complete() {
					t.Errorf("%+v", r)
				}
			})
		})
	}
}

// heldCaller is a seller whose first looks a breaker holds back.
type heldCaller struct {
	Seller
	times int
	wait  time.Duration
	held  []time.Time
}

func (h *heldCaller) GetSubscriptions(ctx context.Context, req model.GetSubscriptionsRequest) (*model.SubscriptionPage, spapi.Meta, error) {
	if len(h.held) < h.times {
		h.held = append(h.held, time.Now())
		return nil, spapi.Meta{}, &breaker.OpenError{
			Operation: model.GetSubscriptions, Account: german, Wait: h.wait, What: "it",
			Cause: &model.Error{Class: model.Unavailable, Operation: model.GetSubscriptions},
		}
	}
	return h.Seller.GetSubscriptions(ctx, req)
}

// TestABreakerIsWaitedFor as long as it says, and without a token; but not for
// credentials that are refused, which hold back for much longer.
func TestABreakerIsWaitedFor(t *testing.T) {
	for _, test := range []struct {
		name       string
		wait       time.Duration
		times      int
		held, good int
	}{
		{"a moment", time.Minute, 2, 2, 2},
		{"too often", time.Minute, 99, 2 * tries, 0},
		{"too long", longestHeld + 1, 99, 2, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			virtually(t, func(t *testing.T, w *world) {
				caller := &heldCaller{times: test.times, wait: test.wait}
				k := w.keeper(func(o *Options) {
					// Slower than the breaker: whose token is not given back waits longer.
					o.Limits = func(_, operation string) (quota.Limit, bool) {
						return quota.Limit{Rate: 0.01, Burst: 1}, operation == model.GetSubscriptions
					}
					targets := o.Targets()
					for i := range targets[0].Accounts {
						if a := &targets[0].Accounts[i]; a.ID == german {
							caller.Seller = a.Caller
							a.Caller = caller
						}
					}
				})
				report := k.Ensure(t.Context())
				rows := map[State]int{}
				for _, s := range report.Subscriptions {
					if s.Account == german {
						rows[s.State]++
						if s.State == Failed && !strings.Contains(s.Error, german) {
							t.Errorf("the error does not name the account: %s", s.Error)
						}
					}
				}
				if len(caller.held) != test.held || rows[Created] != test.good || rows[Failed] != 2-test.good {
					t.Errorf("held back %d times, want %d; %v", len(caller.held), test.held, rows)
				}
				if apart := caller.held[1].Sub(caller.held[0]); test.wait <= longestHeld && apart != test.wait {
					t.Errorf("it was tried again after %v, want %v", apart, test.wait)
				}
				if calls := w.Ledger.Calls(simulator.Filter{Account: german}); test.good == 0 && calls != nil {
					t.Errorf("calls were made: %+v", calls)
				}
			})
		})
	}
}

// One account's refusal costs the others nothing, and is tried again sooner.
func TestFailuresAreKeptApartAndTriedAgain(t *testing.T) {
	virtually(t, func(t *testing.T, w *world) {
		var log logged.Text
		k := w.keeper(func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
		began := time.Now()
		simulatortest.Fault(t, w.Simulator, simulator.Rule{Part: simulator.SPAPI, Account: german, Until: began.Add(4 * time.Minute), Action: simulator.Action{Status: 403}})
		ctx, stop := context.WithCancel(t.Context())
		var keeping sync.WaitGroup
		keeping.Go(func() { k.keep(ctx) })
		end := func() { stop(); keeping.Wait() }
		defer end() // in virtual time, what is left running runs for ever

		time.Sleep(settle)
		if n := len(w.Subscriptions()); n != 4 {
			t.Errorf("%d subscriptions of the two other sellers, want 4", n)
		}
		_, before := w.applied("getDestinations")
		time.Sleep(k.opts.Retry)
		if !w.complete() {
			t.Errorf("after %v: %+v", time.Since(began), w.Subscriptions())
		}
		if _, after := w.applied("getDestinations"); after != before+1 {
			t.Errorf("%d looks at destinations for one account's second try", after-before)
		}
		end()
		if !log.Has("account="+german) || !log.Has("likely causes") || log.Has("level=ERROR msg=\"cannot be sure of notifications\" account="+american) {
			t.Errorf("log:\n%s", log.String())
		}
	})
}

func TestWhatAmazonDropsIsBackWithinTheHour(t *testing.T) {
	virtually(t, func(t *testing.T, w *world) {
		k := w.keeper(nil)
		ctx, stop := context.WithCancel(t.Context())
		var keeping sync.WaitGroup
		keeping.Go(func() { k.keep(ctx) })
		end := func() { stop(); keeping.Wait() }
		defer end() // in virtual time, what is left running runs for ever
		time.Sleep(settle)
		for i := range 5 { // at any time of the hour
			time.Sleep(time.Duration(i) * 13 * time.Minute)
			if n := w.DropSubscriptions("", []string{"", orderChange, feedFinished}[i%3]); n == 0 {
				t.Fatal("there was nothing to drop")
			}
			time.Sleep(time.Hour)
			if !w.complete() {
				t.Errorf("after an hour: %+v", w.Subscriptions())
			}
		}
		if n := w.Ledger.Throttled(); n != 0 {
			t.Errorf("%d calls were throttled", n)
		}
	})
}

func TestWhatIsNotNeededIsReportedAndRemovedWhenTold(t *testing.T) {
	virtually(t, func(t *testing.T, w *world) {
		k := w.keeper(nil)
		k.Ensure(t.Context())
		simulatortest.Subscribe(t, w.Simulator, german, orderChange, ourQueue)   // a duplicate
		simulatortest.Subscribe(t, w.Simulator, german, orderChange, otherQueue) // somebody else's, beside ours
		w.DropSubscriptions(british, orderChange)
		simulatortest.Subscribe(t, w.Simulator, british, orderChange, otherQueue) // somebody else's, in place of ours

		want := map[State]int{Good: 2 + 5, Duplicate: 1, Foreign: 1 + 2, Missing: 1}
		wantStates(t, "list", k.List(t.Context()), want)
		r := k.Ensure(t.Context())
		wantStates(t, "ensure", r, want)
		if r.Complete() {
			t.Error("a seller without our subscription, and the report is complete")
		}
		for _, s := range r.Subscriptions {
			if s.State == Missing && (s.Account != british || !strings.Contains(s.Error, "prune")) {
				t.Errorf("what stands in the way is not said: %+v", s)
			}
		}
		if applied, _ := w.applied("deleteSubscriptionById"); applied != 0 {
			t.Errorf("%d subscriptions were removed without being told", applied)
		}

		wantStates(t, "prune", k.Prune(t.Context(), false), map[State]int{Good: 2 + 5, Removed: 1 + 2, Created: 1, Foreign: 1})
		if !w.complete() {
			t.Errorf("%+v", w.Subscriptions())
		}
		wantStates(t, "prune with destinations", k.Prune(t.Context(), true), map[State]int{Good: 2 + 6, Removed: 1})
		wantStates(t, "in the end", k.List(t.Context()), map[State]int{Good: 2 + 6})
	})
}

// A wrong ARN in the configuration makes every good subscription look foreign.
func TestPruneKeepsEverythingWhileOurDestinationIsMissing(t *testing.T) {
	virtually(t, func(t *testing.T, w *world) {
		w.keeper(nil).Ensure(t.Context())
		mistaken := w.keeper(func(o *Options) {
			targets := o.Targets()
			for i := range targets {
				targets[i].QueueARN = ourQueue + "-misspelt"
			}
		})
		r := mistaken.Prune(t.Context(), true)
		wantStates(t, "prune", r, map[State]int{Foreign: 2 + 6, Missing: 2 + 6})
		if !w.complete() {
			t.Errorf("good subscriptions were removed: %+v", w.Subscriptions())
		}
	})
}

// The keeper spends what flows in, at the rate that Amazon names.
func TestTheBurstIsLeftToOthers(t *testing.T) {
	virtually(t, func(t *testing.T, w *world) {
		if err := w.SetRate(german, "getSubscriptions", simulator.Rate{PerSecond: 0.1, Burst: 5}); err != nil {
			t.Fatal(err)
		}
		k := w.keeper(nil)
		k.Ensure(t.Context())
		k.List(t.Context())
		var last time.Time
		calls := w.Ledger.Calls(simulator.Filter{Operation: "getSubscriptions", Account: german})
		for _, c := range calls {
			if c.Time.Sub(last) < 10*time.Second {
				t.Errorf("two calls at 0.1 a second within %v", c.Time.Sub(last))
			}
			last = c.Time
		}
		if len(calls) != 4 {
			t.Errorf("%d calls", len(calls))
		}
	})
}

func TestAConfiguredQuotaIsUsed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := pacer{clock: clock.Real{}, buckets: map[pair]*paced{}, limits: func(account, operation string) (quota.Limit, bool) {
			return quota.Limit{Rate: 0.2, Burst: 5}, account == german && operation == model.GetSubscriptions
		}}
		for owner, want := range map[string]time.Duration{german: 10 * time.Second, american: 2 * time.Second} {
			began := time.Now()
			for range 3 {
				if err := p.call(t.Context(), owner, model.GetSubscriptions, func() (spapi.Meta, error) { return spapi.Meta{}, nil }); err != nil {
					t.Fatal(err)
				}
			}
			if took := time.Since(began).Round(time.Second); took != want {
				t.Errorf("%s: three calls took %v, want %v", owner, took, want)
			}
		}
	})
}

func TestNewChecksItsOptions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		opts Options
		says string
	}{
		{Options{}, "Targets"},
		{Options{Targets: func() []Target {
			return []Target{{Application: "shop", Region: model.Europe, QueueARN: "https://sqs"}}
		}}, "shop"},
	} {
		if _, err := New(test.opts); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("got %v", err)
		}
	}
}

// keeping runs a keeper as in its turn, until the end of the test.
func keeping(t *testing.T, k *Keeper) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); k.keep(ctx) }()
	t.Cleanup(func() { stop(); <-done })
}

// An account that is new is subscribed at once, and nobody else is looked at
// because of it.
func TestANewAccountIsSubscribedAtOnce(t *testing.T) {
	virtually(t, func(t *testing.T, w *world) {
		var whole atomic.Bool
		k := w.keeper(func(o *Options) {
			all := o.Targets
			o.Targets = func() []Target {
				targets := slices.Clone(all())
				if !whole.Load() {
					targets[0].Accounts = targets[0].Accounts[:1]
				}
				return targets
			}
		})
		keeping(t, k)
		time.Sleep(settle)
		if applied, _ := w.applied("createSubscription"); applied != 4 {
			t.Fatalf("%d subscriptions for two accounts", applied)
		}
		_, before := w.applied("getSubscriptions")
		whole.Store(true)
		k.Changed([]string{british})
		time.Sleep(settle)
		if _, calls := w.applied("getSubscriptions"); !w.complete() || calls != before+2 {
			t.Errorf("%d looks at subscriptions, want 2 more than %d: %+v", calls, before, w.Subscriptions())
		}
		k.Changed(nil)
		time.Sleep(settle)
		if _, calls := w.applied("getSubscriptions"); calls != before+2 {
			t.Errorf("looked again without a change")
		}
	})
}

func TestWhatIsHeldIsNotCalledAndGoesOnWhenItMay(t *testing.T) {
	virtually(t, func(t *testing.T, w *world) {
		var writes, account atomic.Bool // held
		writes.Store(true)
		account.Store(true)
		k := w.keeper(func(o *Options) {
			o.Hold = func(owner, operation, what string) error {
				if account.Load() && owner == german || writes.Load() && model.Writes(operation) {
					return fmt.Errorf("held: %s %s %s", owner, operation, what)
				}
				return nil
			}
		})
		report := k.Ensure(t.Context())
		wantStates(t, "held", report, map[State]int{Held: 2 + 6})
		if report.Complete() {
			t.Error("a report with held rows is complete")
		}
		keeping(t, k)
		time.Sleep(settle)
		if w.Ledger.Calls(simulator.Filter{Account: german}) != nil {
			t.Error("a held account was called")
		}
		writes.Store(false)
		k.Changed([]string{german, american, british})
		time.Sleep(settle)
		if applied, _ := w.applied("createSubscription"); applied != 4 {
			t.Errorf("%d subscriptions were made for the two that are not held", applied)
		}
		account.Store(false)
		k.Changed([]string{german})
		time.Sleep(settle)
		if !w.complete() {
			t.Errorf("%+v", w.Subscriptions())
		}
	})
}
