package breaker

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/runtime/blame"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/test/property"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const host = "sellingpartnerapi-eu.amazon.com"

// bench is breakers on the bubble's clock.
type bench struct {
	*Breakers
	log bytes.Buffer
}

func inBubble(t *testing.T, test func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{}
		b.Breakers = New(clock.Real{}, slog.New(slog.NewTextHandler(&b.log, nil)))
		test(t, b)
	})
}

// call makes a call that takes a time and ends with err; it returns how long it
// was held back for, or 0 for a call that was made.
func (b *bench) call(ctx context.Context, account, operation string, takes time.Duration, err error) time.Duration {
	pass, held := b.Enter(host, account, operation)
	if open := (*OpenError)(nil); errors.As(held, &open) {
		return open.Wait
	}
	time.Sleep(takes)
	pass.Exit(ctx, err)
	return 0
}

// states are all breakers of hosts that were called, and those of accounts that
// are not closed, in the order of their names.
func (b *bench) states() []State {
	s := b.Breakers
	s.mu.Lock()
	defer s.mu.Unlock()
	states := make([]State, 0, len(s.hosts)+len(s.accounts))
	for _, k := range slices.SortedFunc(maps.Keys(s.hosts), func(a, b key) int {
		return cmp.Or(cmp.Compare(a.who, b.who), cmp.Compare(a.section, b.section))
	}) {
		states = append(states, s.hosts[k].state(State{Host: k.who, Section: k.section}))
	}
	for _, account := range slices.Sorted(maps.Keys(s.accounts)) {
		states = append(states, s.accounts[account].state(State{Account: account, Section: Login}))
	}
	return states
}

func (b *bench) position(section string) Position {
	for _, s := range b.states() {
		if s.Section == section {
			return s.Position
		}
	}
	return ""
}

func failure(class model.Class) error { return &model.Error{Class: class, Operation: "op"} }

func TestWhatOpensABreaker(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		name  string
		ctx   context.Context
		takes time.Duration
		err   error
		open  bool
	}{
		{"success", t.Context(), 0, nil, false},
		{"unavailable", t.Context(), 0, failure(model.Unavailable), true},
		{"ambiguous", t.Context(), 0, failure(model.Ambiguous), true},
		{"no class", t.Context(), 0, errors.New("?"), true},
		{"slow", t.Context(), slowCall, nil, true},
		{"slow to refuse", t.Context(), slowCall, failure(model.NotFound), true},
		{"throttled", t.Context(), 0, failure(model.Throttled), false},
		{"not found", t.Context(), 0, failure(model.NotFound), false},
		{"invalid", t.Context(), 0, failure(model.Invalid), false},
		{"forbidden", t.Context(), 0, failure(model.Forbidden), false},
		{"stopped by us", ended, 0, failure(model.Unavailable), false},
		{"stopped by us when slow", ended, slowCall, failure(model.Ambiguous), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, b *bench) {
				for range 10 {
					b.call(test.ctx, "a", model.GetOrder, test.takes, test.err)
				}
				if open := b.position("orders") == Open; open != test.open {
					t.Errorf("the breaker is %s", b.position("orders"))
				}
				if got := b.position(Login); got != "" {
					t.Errorf("the account's breaker is %s", got)
				}
			})
		})
	}
}

func TestABreakerHoldsBackItsSectionOfItsHostOnly(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		for range 5 {
			b.call(t.Context(), "a", model.GetOrder, 0, failure(model.Unavailable))
		}
		if wait := b.call(t.Context(), "another", model.ConfirmShipment, 0, nil); wait < 5*time.Second || wait > 8*time.Second {
			t.Errorf("another operation of the section is held back for %v, want 5 s and a little", wait)
		}
		if wait := b.call(t.Context(), "a", model.GetFeed, 0, nil); wait != 0 {
			t.Errorf("another section is held back for %v", wait)
		}
		if _, err := b.Enter("another host", "a", model.GetOrder); err != nil {
			t.Error(err)
		}
	})
}

// TestOneFailingAccountDoesNotOpenItForTheOthers, but a second one does, and
// so does one when nobody else is answered.
func TestOneFailingAccountDoesNotOpenItForTheOthers(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		for range 100 {
			b.call(t.Context(), "well", model.GetOrder, time.Second, nil)
			for range 10 {
				if wait := b.call(t.Context(), "failing", model.GetOrder, 0, failure(model.Unavailable)); wait != 0 {
					t.Fatalf("held back for %v", wait)
				}
			}
		}
		time.Sleep(time.Minute)
		b.call(t.Context(), "failing", model.GetOrder, 0, failure(model.Unavailable))
		if b.position("orders") != Open {
			t.Fatal("closed although nobody is answered")
		}
	})
	inBubble(t, func(t *testing.T, b *bench) {
		b.call(t.Context(), "well", model.GetOrder, 0, nil)
		for _, account := range []string{"one", "one", "one", "one", "two"} {
			b.call(t.Context(), account, model.GetOrder, 0, failure(model.Unavailable))
		}
		if b.position("orders") != Open {
			t.Fatal("closed although two accounts fail")
		}
	})
}

// TestCreateFeedNeverFindsOut: it waits until a call that can be repeated has
// shown that Amazon is back.
func TestCreateFeedNeverFindsOut(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		for range 5 {
			b.call(t.Context(), "a", model.CreateFeed, 0, failure(model.Ambiguous))
		}
		for range 10 {
			time.Sleep(time.Minute)
			if wait := b.call(t.Context(), "a", model.CreateFeed, 0, nil); wait == 0 || wait > 3*time.Second {
				t.Fatalf("createFeed waits %v", wait)
			}
		}
		if wait := b.call(t.Context(), "a", model.CreateFeedDocument, 0, nil); wait != 0 {
			t.Fatalf("createFeedDocument waits %v", wait)
		}
		if wait := b.call(t.Context(), "a", model.CreateFeed, 0, nil); wait != 0 {
			t.Fatalf("createFeed waits %v although Amazon is back", wait)
		}
	})
}

func TestProbes(t *testing.T) {
	t.Parallel()
	for operation, want := range map[string]bool{
		model.GetOrder: true, model.GetFeeds: true, model.GetFeedDocument: true, model.GetListingsItem: true, model.SearchListingsItems: true,
		model.CreateFeedDocument: true, model.ConfirmShipment: true, model.PatchListingsItem: true, model.CancelFeed: true,
		model.CreateReport: true, model.GetReport: true, model.GetReportDocument: true,
		model.CreateFeed: false, model.CreateSubscription: false, model.CreateDestination: false, "unknown": false,
	} {
		if called, _ := model.Describe(operation); called.Repeatable() != want {
			t.Errorf("%s may find out: %v, want %v", operation, !want, want)
		}
	}
}

func TestAnAccountWithoutATokenIsHeldBackInAllItsOperations(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		err   *model.Error
		first time.Duration
		then  time.Duration
	}{
		{"refused", &model.Error{Class: model.Unauthorized, TokenMissing: true, Code: "invalid_grant"}, time.Minute, 2 * time.Minute},
		{"LWA down", &model.Error{Class: model.Unavailable, TokenMissing: true}, 10 * time.Second, 20 * time.Second},
		{"LWA asks to wait", &model.Error{Class: model.Unavailable, TokenMissing: true, RetryAfter: time.Hour}, time.Hour, time.Hour},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, b *bench) {
				within := func(wait, want time.Duration) {
					t.Helper()
					if wait < want || wait > want+want/4+time.Second {
						t.Errorf("held back for %v, want %v and at most a quarter more", wait, want)
					}
				}
				b.call(t.Context(), "a", model.GetOrder, 0, test.err)
				within(b.call(t.Context(), "a", model.GetFeed, 0, nil), test.first)
				if wait := b.call(t.Context(), "b", model.GetFeed, 0, nil); wait != 0 {
					t.Errorf("another account is held back for %v", wait)
				}
				time.Sleep(test.first)
				if wait := b.call(t.Context(), "a", model.GetFeed, 0, test.err); wait != 0 {
					t.Fatalf("the probe is held back for %v", wait)
				}
				within(b.call(t.Context(), "a", model.GetOrder, 0, nil), test.then)
				time.Sleep(test.then)
				b.call(t.Context(), "a", model.GetOrder, 0, failure(model.NotFound))
				if wait := b.call(t.Context(), "a", model.GetFeed, 0, nil); wait != 0 || b.position(Login) != "" {
					t.Errorf("held back for %v although there is a token again", wait)
				}
			})
		})
	}
}

func TestAnAccountWithNewCredentialsIsNotHeldBack(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		refused := &model.Error{Class: model.Unauthorized, TokenMissing: true, Code: "invalid_grant"}
		for _, account := range []string{"mended", "not mended"} {
			b.call(t.Context(), account, model.GetOrder, 0, refused)
		}
		b.Forget([]string{"mended", "unknown"})
		if wait := b.call(t.Context(), "mended", model.GetOrder, 0, nil); wait != 0 {
			t.Errorf("held back for %v", wait)
		}
		if wait := b.call(t.Context(), "not mended", model.GetOrder, 0, nil); wait == 0 {
			t.Error("the other is not held back any more")
		}
	})
}

// An operator who cannot wait has the account tried, and each section that does not
// answer, by one call; what still fails waits again.
func TestAnAccountIsTriedNow(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		refused := &model.Error{Class: model.Unauthorized, TokenMissing: true, Code: "invalid_grant"}
		b.call(t.Context(), "a", model.GetOrder, 0, refused)
		for _, account := range []string{"b", "c", "d", "e", "f"} {
			b.call(t.Context(), account, model.GetFeed, 0, failure(model.Unavailable))
		}
		held := func(account, operation string, err error) bool {
			return b.call(t.Context(), account, operation, 0, err) > 0
		}
		if !held("a", model.GetOrder, nil) || !held("b", model.GetFeed, nil) {
			t.Fatal("they are not held back to begin with")
		}
		time.Sleep(5 * time.Second)
		if held("b", model.GetFeed, failure(model.Unavailable)) {
			t.Fatal("the first probe is held back")
		}
		for range 100 { // for each account in an outage
			b.Try("c")
		}
		if !held("b", model.GetFeed, nil) {
			t.Error("a section that was called just now is called again")
		}
		time.Sleep(5 * time.Second) // of ten
		b.Try("a")
		if held("a", model.GetOrder, refused) || !held("a", model.GetOrder, nil) {
			t.Error("a refused account is tried once, and waits again")
		}
		if held("b", model.GetFeed, failure(model.Unavailable)) || !held("b", model.GetFeed, nil) {
			t.Error("a section that does not answer is tried once, and waits again")
		}
		time.Sleep(5 * time.Second)
		b.Try("a")
		again := held("a", model.GetOrder, nil)
		if again || held("a", model.GetOrder, nil) || held("b", model.GetFeed, nil) || held("c", model.GetFeed, nil) {
			t.Error("what is well again is still held back")
		}
	})
}

// TestADocumentMayTakeItsTime: on a thin line, uploads of many accounts are all
// slow, while Amazon is well.
func TestADocumentMayTakeItsTime(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{model.CreateFeedDocument, model.GetFeedDocument} {
		inBubble(t, func(t *testing.T, b *bench) {
			for _, account := range []string{"a", "b", "c", "a", "b", "c"} {
				b.call(t.Context(), account, operation, 4*slowCall, nil)
			}
			if b.position("feeds") != Closed {
				t.Errorf("slow calls of %s opened the breaker", operation)
			}
		})
	}
}

// TestWhatWasRefusedHereShowsNothing: no request has left, so neither the host
// nor Login with Amazon is known to be back.
func TestWhatWasRefusedHereShowsNothing(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		for range 5 {
			b.call(t.Context(), "a", model.GetOrder, 0, failure(model.Unavailable))
		}
		b.call(t.Context(), "b", model.GetFeed, 0, &model.Error{Class: model.Unavailable, TokenMissing: true})
		time.Sleep(time.Minute)
		b.call(t.Context(), "a", model.GetOrder, 0, failure(model.Invalid))
		b.call(t.Context(), "b", model.GetFeed, 0, failure(model.Invalid))
		if host, login := b.position("orders"), b.position(Login); host != Open || login != Open {
			t.Errorf("the breakers are %s and %s", host, login)
		}
		refusal := &model.Error{Class: model.Invalid, Status: 400}
		if wait := b.call(t.Context(), "a", model.GetOrder, 0, refusal); wait != 0 || b.position("orders") != Closed {
			t.Errorf("waits %v although Amazon's own refusal would show that it is back", wait)
		}
	})
}

// TestACallThatItsHostHoldsBackIsNotTheAccountsProbe: the permit goes back.
func TestACallThatItsHostHoldsBackIsNotTheAccountsProbe(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		b.call(t.Context(), "a", model.GetOrder, 0, &model.Error{Class: model.Unavailable, TokenMissing: true})
		time.Sleep(10 * time.Second)
		for range 5 {
			b.call(t.Context(), "b", model.GetOrder, 0, failure(model.Unavailable))
		}
		if wait := b.call(t.Context(), "a", model.GetOrder, 0, nil); wait == 0 {
			t.Fatal("the host's breaker let it through")
		}
		if wait := b.call(t.Context(), "a", model.GetFeed, 0, nil); wait != 0 {
			t.Fatalf("held back for %v", wait)
		}
	})
}

// TestOneItemOpensNothing, however often it goes unanswered; five of them do.
func TestOneItemOpensNothing(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		try := func(item string) (held bool) {
			pass, err := b.EnterFor(host, "a", model.GetOrder, item)
			if err != nil {
				return true
			}
			pass.Exit(t.Context(), failure(model.Unavailable))
			return false
		}
		for range 1000 {
			time.Sleep(10 * time.Second)
			if try("odd") || try("another") {
				t.Fatal("held back")
			}
		}
		for _, item := range []string{"1", "2", "3"} {
			if try(item) {
				t.Fatal("held back too early")
			}
		}
		if b.position("orders") != Open {
			t.Error("closed although five orders in a row have no answer")
		}
	})
}

// TestWhatIsBlamedOnAnItemIsAnAnswer goes through the table of package blame: only
// what it blames on the host opens the section's breaker.
func TestWhatIsBlamedOnAnItemIsAnAnswer(t *testing.T) {
	t.Parallel()
	for _, class := range []model.Class{
		model.Throttled, model.Unauthorized, model.Forbidden, model.NotFound, model.Invalid, model.Conflict, model.Malformed, model.Unavailable, model.Ambiguous,
	} {
		for _, operation := range []string{model.GetOrder, model.SearchOrders, model.CreateFeed, model.GetFeedDocument} {
			for _, status := range []int{200, 400, 403, 404, 409, 429, 500} {
				err := &model.Error{Class: class, Status: status}
				inBubble(t, func(t *testing.T, b *bench) {
					for range 20 {
						b.call(t.Context(), "a", operation, 0, err)
					}
					if open := b.position(sectionOf(operation)) == Open; open != (blame.Of(operation, err) == blame.Host) {
						t.Errorf("%s, %v: open is %v", operation, err, open)
					}
				})
			}
		}
	}
}

// TestAThousandAccountsWithoutATokenAreAFewLines: what they share is reported once.
func TestAThousandAccountsWithoutATokenAreAFewLines(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		for _, end := range []error{&model.Error{Class: model.Unavailable, TokenMissing: true}, nil} {
			for i := range 1000 {
				b.call(t.Context(), fmt.Sprint(i), model.GetOrder, 0, end)
			}
			time.Sleep(10 * time.Second)
		}
		for i := range 1000 {
			b.call(t.Context(), fmt.Sprint(i), model.GetOrder, 0, nil)
		}
		if lines := strings.Count(b.log.String(), "\n"); lines != 2*namedAccounts {
			t.Errorf("%d lines:\n%.2000s", lines, b.log.String())
		}
	})
}

// TestRefusedCredentialsAreTriedLaterAndLater: 1, 2, 4, 8, 15 minutes.
func TestRefusedCredentialsAreTriedLaterAndLater(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		refused := &model.Error{Class: model.Unauthorized, TokenMissing: true, Code: "invalid_grant"}
		for _, minutes := range []int{1, 2, 4, 8, 15, 15} {
			b.call(t.Context(), "a", model.GetOrder, 0, refused)
			time.Sleep(time.Duration(minutes)*time.Minute - time.Millisecond)
			if b.call(t.Context(), "a", model.GetOrder, 0, refused) == 0 {
				t.Fatalf("tried within %d minutes", minutes)
			}
			time.Sleep(time.Millisecond)
		}
	})
}

func TestStatesAndLog(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		cause := &model.Error{Class: model.Unavailable, Operation: model.GetOrder, Status: 503}
		refused := &model.Error{Class: model.Unauthorized, TokenMissing: true, Code: "invalid_grant"}
		begun := time.Now()
		for range 5 {
			b.call(t.Context(), "a", model.GetOrder, 0, cause)
		}
		b.call(t.Context(), "b", model.GetFeed, 0, refused)
		want := []State{
			{Host: host, Section: "feeds", Position: Closed, Since: begun},
			{Host: host, Section: "orders", Position: Open, Since: begun, Probe: begun.Add(5 * time.Second), Cause: cause},
			{Account: "b", Section: Login, Position: Open, Since: begun, Probe: begun.Add(time.Minute), Cause: refused},
		}
		if got := b.states(); !reflect.DeepEqual(got, want) {
			t.Errorf("states\n%+v\nwant\n%+v", got, want)
		}
		time.Sleep(5 * time.Second)
		b.call(t.Context(), "a", model.GetOrder, 0, cause)
		time.Sleep(10 * time.Second)
		b.call(t.Context(), "a", model.GetOrder, 0, nil)
		log := b.log.String()
		for text, times := range map[string]int{
			"level=WARN": 2, "level=INFO": 1,
			`"breaker opened: calls wait" host=` + host + ` section=orders probe_in=5s cause="getOrder: unavailable (503)"`: 1,
			`"breaker opened: calls wait" account=b section=login probe_in=1m0s`:                                            1,
			`"breaker closed: calls go on" host=` + host + ` section=orders held_for=15s`:                                   1,
		} {
			if strings.Count(log, text) != times {
				t.Errorf("the log says %q %d times, want %d:\n%s", text, strings.Count(log, text), times, log)
			}
		}
	})
}

// TestItRunsOnTheGivenClock: a demo's day passes in minutes.
func TestItRunsOnTheGivenClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{Breakers: New(clock.NewScaled(time.Now(), 60), slog.New(slog.DiscardHandler))}
		for range 5 {
			b.call(t.Context(), "a", model.GetOrder, 0, failure(model.Unavailable))
		}
		time.Sleep(5*time.Second/60 + time.Millisecond)
		if wait := b.call(t.Context(), "a", model.GetOrder, 0, nil); wait != 0 {
			t.Fatalf("held back for %v after five scaled seconds", wait)
		}
	})
}

func TestOneOfAThousandFindsOut(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		for range 5 {
			b.call(t.Context(), "a", model.GetOrder, 0, failure(model.Unavailable))
		}
		time.Sleep(5 * time.Second)
		var mu sync.Mutex
		made := 0
		var all sync.WaitGroup
		for range 1000 {
			all.Go(func() {
				if b.call(t.Context(), "a", model.GetOrder, time.Second, failure(model.Unavailable)) == 0 {
					mu.Lock()
					made++
					mu.Unlock()
				}
			})
		}
		all.Wait()
		if made != 1 {
			t.Fatalf("%d calls were made, want 1", made)
		}
	})
}

// TestRetriesAreAShareOfTheCalls, beside a floor that time brings back.
func TestRetriesAreAShareOfTheCalls(t *testing.T) {
	t.Parallel()
	property.Check(t, func(rt *rapid.T) {
		apart := time.Duration(rapid.IntRange(0, 90).Draw(rt, "seconds apart")) * time.Second
		share := rapid.Float64Range(0, 1).Draw(rt, "share that fails")
		synctest.Test(t, func(t *testing.T) {
			b := New(clock.Real{}, slog.New(slog.DiscardHandler))
			begun, calls, failed, retries := time.Now(), 0, 0.0, 0
			for range 300 {
				calls++
				pass, err := b.Enter(host, "a", model.GetOrder)
				if err != nil {
					t.Fatal(err)
				}
				pass.Exit(t.Context(), nil)
				for failed += share; failed >= 1; failed-- {
					wait, ok := b.Retry("a", model.GetOrder)
					if ok {
						retries++
					} else if wait < retryPause || wait > 2*retryPause {
						t.Fatalf("waits %v", wait)
					}
				}
				most := retryFloor + retryShare*float64(calls) + time.Since(begun).Minutes()
				if float64(retries) > most {
					t.Fatalf("%d retries of %d calls in %v, want at most %v", retries, calls, time.Since(begun), most)
				}
				time.Sleep(apart)
			}
			if share < retryShare && retries < int(share*299) {
				t.Fatalf("%d retries of %d calls, of which %.0f %% failed: all should have been made", retries, calls, 100*share)
			}
			if _, ok := b.Retry("a", model.GetFeed); !ok {
				t.Fatal("another section has its own budget")
			}
		})
	})
}
