package stream

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/test/logged"
)

func TestCallsRunAtMostLimitAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newExecutor()
		c := newCalls(t.Context(), slog.New(slog.DiscardHandler), e.execute, 2)
		defer c.stop()
		c.start(make([]machine.Call, 5), time.Now())
		synctest.Wait()
		if e.count() != 2 {
			t.Fatalf("%d calls run, want 2", e.count())
		}
		close(e.release)
		for range 5 {
			<-c.done
			c.ended()
		}
		if e.count() != 5 || c.running != 0 {
			t.Fatalf("%d calls started, %d running; want 5 and 0", e.count(), c.running)
		}
	})
}

// TestLeaseBoundsTheStartNotTheAnswer makes two calls one after the other. The
// first is answered long after its lease, the second could only start then.
// A call that panics is one of unknown end, and costs no other.
func TestACallThatPanicsIsInDoubt(t *testing.T) {
	t.Parallel()
	var logs logged.Text
	c := newCalls(t.Context(), logs.Logger(slog.LevelDebug), func(_ context.Context, call machine.Call) machine.Result {
		if call.Key == "odd" {
			panic("no such answer")
		}
		return machine.Result{Outcome: machine.Done{}}
	}, 3)
	defer c.stop()
	c.start([]machine.Call{{Key: "odd"}, {Key: "odd", Lease: time.Minute}, {Key: "good"}}, time.Now())
	for range 3 {
		res := <-c.done
		_, retry := res.Outcome.(machine.Retry)
		_, doubt := res.Outcome.(machine.Ambiguous)
		if odd := res.Call.Key == "odd"; doubt != (odd && res.Call.Lease > 0) || retry != (odd && res.Call.Lease == 0) {
			t.Errorf("%+v ends with %T", res.Call, res.Outcome)
		}
	}
	if !logs.Has("no such answer") || !logs.Has("calls_test.go") {
		t.Errorf("the log does not say where it panicked:\n%s", logs.String())
	}
}

func TestLeaseBoundsTheStartNotTheAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newExecutor()
		c := newCalls(t.Context(), slog.New(slog.DiscardHandler), e.execute, 1)
		defer c.stop()
		began := time.Now()
		c.start([]machine.Call{{Key: "first", Lease: 3 * time.Second}, {Key: "second", Lease: 3 * time.Second}}, began)
		time.AfterFunc(20*time.Second, func() { close(e.release) })
		first := <-c.done
		if _, ok := first.Outcome.(machine.Done); !ok || time.Since(began) != 20*time.Second {
			t.Errorf("first outcome %#v after %s, want the answer after 20s", first.Outcome, time.Since(began))
		}
		if by := e.started[0].StartBy; !by.Equal(began.Add(3 * time.Second)) {
			t.Errorf("the executor is told to start by %s, want 3s after %s", by, began)
		}
		c.ended()
		second := <-c.done
		if outcome, ok := second.Outcome.(machine.Snooze); !ok || !outcome.Unspent || !errors.Is(outcome.Err, errLeaseOver) || second.Call.Key != "second" {
			t.Errorf("second result %#v, want a snooze for its lease", second)
		}
		if e.count() != 1 {
			t.Errorf("%d calls started, want only the first", e.count())
		}
	})
}

// TestLeaseRunsFromTheBeginningOfTheCommit holds commits for longer than a
// lease: Kafka may have given the unit away meanwhile, so the call must be
// turned away. One that is held for less leaves the call only the rest.
func TestLeaseRunsFromTheBeginningOfTheCommit(t *testing.T) {
	t.Parallel()
	const lease = 4 * time.Second
	for name, held := range map[string]time.Duration{"longer than the lease": lease + time.Second, "shorter than the lease": lease - time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, w *world) {
				e := instantly()
				r := w.run(w.withCaller(e, func(m *caller) { m.lease = lease }))
				w.eventually("ready", r.Ready)
				asked := make(chan time.Time, 1)
				w.cluster.ControlKey(int16(kmsg.EndTxn), func(kmsg.Request) (kmsg.Response, error, bool) {
					select {
					case asked <- time.Now():
						w.cluster.SleepControl(func() { time.Sleep(held) })
					default: // only the first is held
					}
					return nil, nil, false
				})
				w.produce(in1, "a", 1)
				if held > lease {
					w.eventually("the call was turned away", func() bool {
						recs := w.readFor(state, 1000, 2*time.Second)
						recs = slices.DeleteFunc(recs, func(rec *kgo.Record) bool { return string(rec.Key) != todoPrefix+"a/1" })
						return len(recs) > 0 && decode[payload](t, recs[len(recs)-1]).Text == "snoozed: "+errLeaseOver.Error()
					})
					if e.count() != 0 {
						t.Errorf("%d calls started %s after their commit began, with a lease of %s", e.count(), held, lease)
					}
				} else {
					w.read(out, 1)
					end := (<-asked).Add(lease)
					if by := e.started[0].StartBy; by.After(end) || by.Before(end.Add(-time.Second)) {
						t.Errorf("the call is to start by %s, want by %s: %s after its commit began", by, end, lease)
					}
				}
				r.shutdown()
			})
		})
	}
}

func TestCallStartsOnlyAfterItsCommit(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		e := instantly()
		r := w.run(w.withCaller(e, nil))
		w.eventually("ready", r.Ready)
		// From now on the coordinator answers no commit.
		refuse := make(chan struct{})
		w.cluster.ControlKey(int16(kmsg.EndTxn), func(req kmsg.Request) (kmsg.Response, error, bool) {
			select {
			case <-refuse:
				return nil, nil, false
			default:
			}
			w.cluster.KeepControl()
			resp := req.ResponseKind().(*kmsg.EndTxnResponse)
			resp.ErrorCode = kerr.ProducerFenced.Code
			return resp, nil, true
		})
		w.produce(in1, "a", 1)
		w.eventually("a commit was refused", func() bool { return w.logs.Has("unit was fenced") })
		time.Sleep(5 * time.Second)
		if e.count() != 0 {
			t.Fatalf("%d calls started although no transaction was committed", e.count())
		}
		close(refuse)
		w.read(out, 1)
		if e.count() != 1 {
			t.Errorf("%d calls, want 1", e.count())
		}
		r.shutdown()
	})
}

func TestLeasedCallHasAFreshClaim(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		e := instantly()
		opts := w.withCaller(e, func(m *caller) { m.delay, m.lease = time.Minute, 2*time.Second })
		r := w.run(opts)
		began := time.Now()
		w.produce(in1, "a", 1)
		w.eventually("the call", func() bool { return e.count() == 1 })
		w.read(out, 1)
		if started := e.at[0].Sub(began); started < time.Minute {
			t.Errorf("the call started after %s, want a minute", started)
		}
		// The tick that started the call had nothing to write, so it wrote a claim.
		claims := 0
		for _, rec := range w.readFor(state, 100, 5*time.Second) {
			if string(rec.Key) == claimKey && rec.Timestamp.Sub(began) >= time.Minute {
				claims++
			}
		}
		if claims != 1 {
			t.Errorf("%d claims were written with the call, want 1", claims)
		}
		r.shutdown()
	})
}

func TestWakeIsOnTheScaledClock(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		e := instantly()
		opts := w.withCaller(e, func(m *caller) { m.delay = time.Hour })
		opts.Clock = clock.NewScaled(time.Now(), 60)
		r := w.run(opts)
		w.eventually("ready", r.Ready)
		began := time.Now()
		w.produce(in1, "a", 1)
		w.eventually("the call", func() bool { return e.count() == 1 })
		if waited := e.at[0].Sub(began); waited < time.Minute || waited > time.Minute+time.Second {
			t.Errorf("an hour at speed 60 took %s, want a minute", waited)
		}
		r.shutdown()
	})
}

func TestShutdownLetsACallFinish(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		e := newExecutor()
		opts := w.withCaller(e, nil)
		opts.MaxCalls = 1
		r := w.run(opts)
		w.produce(in1, "a", 1)
		w.eventually("the call", func() bool { return e.count() == 1 })
		w.produce(in1, "a", 2)
		w.readFor(state, 1000, 5*time.Second) // the second call is queued behind the first
		r.stop()
		time.Sleep(20 * time.Second) // several sessions
		select {
		case <-r.finished:
			t.Fatal("Run ended while a call was running")
		default:
		}
		if r.Ready() {
			t.Error("ready while stopping")
		}
		if w.logs.Has("expelled") {
			t.Error("the group expelled the process while it drained")
		}
		close(e.release)
		if err := r.wait(); err != nil {
			t.Fatalf("Run: %v", err)
		}
		if got := w.read(out, 1); decode[payload](t, got[0]).N != 1 {
			t.Errorf("the finished call's output is missing")
		}
		if e.count() != 1 {
			t.Errorf("%d calls started, want 1: a queued call must not start while draining", e.count())
		}
		var last payload
		for _, rec := range w.readFor(state, 1000, 5*time.Second) {
			if string(rec.Key) == todoPrefix+"a/2" {
				last = decode[payload](t, rec)
			}
		}
		if last.Text != "snoozed: "+errHandover.Error() {
			t.Errorf("the queued call ended as %q, want a snooze for the handover", last.Text)
		}
	})
}

func TestShutdownCancelsACallAtTheDeadline(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		e := newExecutor()
		opts := w.withCaller(e, nil)
		opts.DrainTimeout = 7 * time.Second
		r := w.run(opts)
		w.produce(in1, "a", 1)
		w.eventually("the call", func() bool { return e.count() == 1 })
		began := time.Now()
		r.shutdown()
		if took := time.Since(began); took < 7*time.Second || took > 9*time.Second {
			t.Errorf("stopped after %s, want the drain's deadline of 7s", took)
		}
	})
}

func TestKillStopsAtOnce(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		e := newExecutor()
		r := w.run(w.withCaller(e, nil))
		w.produce(in1, "a", 1)
		w.eventually("the call", func() bool { return e.count() == 1 })
		r.stop()
		time.Sleep(time.Second)
		began := time.Now()
		r.kill()
		if err := r.wait(); err != nil {
			t.Fatalf("Run: %v", err)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("stopped after %s, want at once", took)
		}
	})
}

func TestHandoverCommitsTheResultOfARunningCall(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		e := newExecutor()
		first := w.run(w.withCaller(e, nil))
		w.eventually("ready", first.Ready)
		for _, account := range []string{"a", "b", "c", "d", "e", "f"} {
			w.produce(in1, account, 1)
		}
		w.eventually("the calls", func() bool { return e.count() == 6 })
		second := w.run(w.withCaller(e, nil))
		time.Sleep(20 * time.Second) // several sessions: the first must be heard of while it drains
		if w.logs.Has("unit handed over") {
			t.Error("a unit was handed over while its calls were running")
		}
		close(e.release)
		w.read(out, 6)
		w.eventually("the second is ready", second.Ready)
		if e.count() != 6 {
			t.Errorf("%d calls, want 6: a drained call is not made again", e.count())
		}
		w.eventually("a handover", func() bool { return w.logs.Has("unit handed over") })
		if w.logs.Has("expelled") {
			t.Error("the group expelled a process while it drained")
		}
		first.shutdown()
		second.shutdown()
	})
}

func TestTurnAwayEmptiesTheQueue(t *testing.T) {
	t.Parallel()
	c := newCalls(context.Background(), nil, nil, 1)
	c.waiting = []machine.Call{{Key: "x"}}
	results := c.turnAway()
	if len(results) != 1 || results[0].Call.Key != "x" || len(c.waiting) != 0 {
		t.Errorf("turnAway gave %v and left %v", results, c.waiting)
	}
}
