package stream

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sellerstream/sellerstream/pkg/clock"
	"github.com/sellerstream/sellerstream/pkg/machine"
)

func TestCallsRunAtMostLimitAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newExecutor()
		c := newCalls(t.Context(), e.execute, 2)
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

func TestLeaseBoundsStartAndEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newExecutor()
		c := newCalls(t.Context(), e.execute, 1)
		defer c.stop()
		began := time.Now()
		// The first call runs until its lease ends, when the second's is over too.
		c.start([]machine.Call{{Key: "first", Lease: 3 * time.Second}, {Key: "second", Lease: 3 * time.Second}}, began)
		first := <-c.done
		if waited := time.Since(began); waited != 3*time.Second {
			t.Errorf("the first call's context ended after %s, want 3s", waited)
		}
		if outcome, ok := first.Outcome.(machine.Ambiguous); !ok || !errors.Is(outcome.Err, errLeaseOver) {
			t.Errorf("first outcome %#v, want the cause that its lease is over", first.Outcome)
		}
		c.ended()
		second := <-c.done
		if outcome, ok := second.Outcome.(machine.Snooze); !ok || !errors.Is(outcome.Err, errLeaseOver) || second.Call.Key != "second" {
			t.Errorf("second result %#v, want a snooze", second)
		}
		if e.count() != 1 {
			t.Errorf("%d calls started, want only the first", e.count())
		}
	})
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
		w.eventually("a commit was refused", func() bool { return w.logs.has("unit was fenced") })
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
		if w.logs.has("expelled") {
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
		if w.logs.has("unit handed over") {
			t.Error("a unit was handed over while its calls were running")
		}
		close(e.release)
		w.read(out, 6)
		w.eventually("the second is ready", second.Ready)
		if e.count() != 6 {
			t.Errorf("%d calls, want 6: a drained call is not made again", e.count())
		}
		w.eventually("a handover", func() bool { return w.logs.has("unit handed over") })
		if w.logs.has("expelled") {
			t.Error("the group expelled a process while it drained")
		}
		first.shutdown()
		second.shutdown()
	})
}

func TestTurnAwayEmptiesTheQueue(t *testing.T) {
	t.Parallel()
	c := newCalls(context.Background(), nil, 1)
	c.waiting = []leased{{call: machine.Call{Key: "x"}}}
	results := c.turnAway()
	if len(results) != 1 || results[0].Call.Key != "x" || len(c.waiting) != 0 {
		t.Errorf("turnAway gave %v and left %v", results, c.waiting)
	}
}
