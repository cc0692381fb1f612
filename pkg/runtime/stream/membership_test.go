package stream

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
)

func TestLostUnitWritesNothing(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		e := newExecutor()
		r := w.run(w.withCaller(e, nil))
		w.produce(in1, "a", 1)
		w.eventually("the call", func() bool { return e.count() == 1 })
		// The group forgets the member at its next heartbeat.
		w.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, TopLevel: true, Err: kerr.UnknownMemberID})
		// The cancelled call's result is dropped, and its intent is found again.
		w.eventually("the second call", func() bool { return e.count() == 2 })
		if !w.logs.Has("unit dropped") || w.logs.Has("unit handed over") {
			t.Errorf("want the unit dropped, not handed over\n%s", w.logs)
		}
		close(e.release)
		if got := w.readFor(out, 2, 10*time.Second); len(got) != 1 {
			t.Errorf("%d outputs, want 1", len(got))
		}
		r.shutdown()
	})
}

func TestUnitWaitsForItsPredecessor(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		e := newExecutor()
		e.ignore = true
		r := w.run(w.withCaller(e, nil))
		w.produce(in1, "a", 1)
		w.eventually("the call", func() bool { return e.count() == 1 })
		// The group forgets the member at its next heartbeat.
		w.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, TopLevel: true, Err: kerr.UnknownMemberID})
		time.Sleep(30 * time.Second)
		if e.count() != 1 || r.Ready() {
			t.Errorf("%d calls, ready %t: two units of one partition at the same time", e.count(), r.Ready())
		}
		close(e.release)
		w.eventually("the second call", func() bool { return e.count() == 2 })
		w.read(out, 1)
		r.shutdown()
	})
}

// The runtime takes over again when something else used its transactional id.
func TestFencedUnitTakesOverAgain(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		r := w.run(w.options(newCounter))
		w.produce(in1, "a", 1)
		w.read(out, 1)
		other := w.newClient(kgo.TransactionalID(fmt.Sprintf("txn-test-%d", partitionOf("a"))))
		defer other.Close()
		if _, _, err := other.ProducerID(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.produce(in1, "a", 2)
		checkCounts(t, w.read(out, 2), 1, 2)
		if !w.logs.Has("unit was fenced") {
			t.Error("the unit was not fenced")
		}
		w.eventually("ready again", r.Ready)
		r.shutdown()
	})
}

// A unit that was fenced must not fence the new owner in turn: it waits until
// the group confirms that the unit is still its own.
func TestFencedUnitWaitsForTheGroup(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		r := w.run(w.options(newCounter))
		w.eventually("ready", r.Ready)
		speak := w.silenceGroup()
		heir := w.newClient(kgo.TransactionalID(fmt.Sprintf("txn-test-%d", partitionOf("a"))))
		defer heir.Close()
		if _, _, err := heir.ProducerID(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.produce(in1, "a", 1)
		w.eventually("the unit was fenced", func() bool { return w.logs.Has("unit was fenced") })
		time.Sleep(3 * time.Second) // less than the session
		if got := w.logs.Count("unit restored"); got != testPartitions {
			t.Errorf("%d takeovers, want %d: the unit took over while the group was silent", got, testPartitions)
		}
		speak()
		checkCounts(t, w.read(out, 1), 1, 1)
		r.shutdown()
	})
}

// A unit that may be another's by the time its turn at restoring comes asks the group again.
func TestUnitAsksTheGroupInItsTurn(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		opts := w.options(newCounter)
		m := NewMemory(Load{Records: 1 << 20, Bytes: 1 << 30}, opts.Logger)
		opts.Memory = m
		var before []*turn
		for range maxRestores {
			turn, err := m.turn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			before = append(before, turn)
		}
		r := w.run(opts)
		w.eventually("all units wait for their turn", func() bool {
			m.mu.Lock()
			defer m.mu.Unlock()
			return len(m.turns) == maxRestores+testPartitions
		})
		speak := w.silenceGroup()
		for _, turn := range before {
			turn.end()
		}
		time.Sleep(3 * time.Second) // less than the session
		if w.logs.Has("unit restored") {
			t.Error("a unit took over while the group was silent")
		}
		speak()
		w.eventually("ready", r.Ready)
		if one := fmt.Sprintf(`msg="units restored" units=%d entries=`, testPartitions); w.logs.Count("units restored") != 1 || !w.logs.Has(one) {
			t.Errorf("want one line with %s:\n%s", one, w.logs)
		}
		r.shutdown()
	})
}

// silenceGroup makes the group confirm nobody until speak is called.
func (w *world) silenceGroup() (speak func()) {
	var silent atomic.Bool
	silent.Store(true)
	w.cluster.ControlKey(int16(kmsg.Heartbeat), func(req kmsg.Request) (kmsg.Response, error, bool) {
		if !silent.Load() {
			return nil, nil, false
		}
		w.cluster.KeepControl()
		resp := req.ResponseKind().(*kmsg.HeartbeatResponse)
		resp.ErrorCode = kerr.CoordinatorLoadInProgress.Code
		return resp, nil, true
	})
	return func() { silent.Store(false) }
}

// A commit whose outcome is unknown ends the session; the state tells what
// became of it.
func TestUnknownCommitIsNeitherLostNorDoubled(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		r := w.run(w.options(newCounter))
		w.eventually("ready", r.Ready)
		w.cluster.ControlKey(int16(kmsg.EndTxn), func(req kmsg.Request) (kmsg.Response, error, bool) {
			resp := req.ResponseKind().(*kmsg.EndTxnResponse)
			resp.ErrorCode = kerr.UnknownServerError.Code
			return resp, nil, true
		})
		for n := 1; n <= 3; n++ {
			w.produce(in1, "a", n)
		}
		checkCounts(t, w.read(out, 3), 1, 3)
		if !w.logs.Has("unit failed") {
			t.Error("the session went on after a commit of unknown outcome")
		}
		r.shutdown()
	})
}

func TestReadyOnlyAfterTheRestore(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		var hold atomic.Bool
		hold.Store(true)
		w.cluster.ControlKey(int16(kmsg.InitProducerID), func(req kmsg.Request) (kmsg.Response, error, bool) {
			if !hold.Load() {
				return nil, nil, false
			}
			w.cluster.KeepControl()
			resp := req.ResponseKind().(*kmsg.InitProducerIDResponse)
			resp.ErrorCode = kerr.CoordinatorLoadInProgress.Code
			return resp, nil, true
		})
		r := w.run(w.options(newCounter))
		time.Sleep(20 * time.Second)
		if r.Ready() {
			t.Error("ready although no unit could take over")
		}
		hold.Store(false)
		w.eventually("ready", r.Ready)
		r.shutdown()
		if r.Ready() {
			t.Error("ready after the shutdown")
		}
	})
}

func TestNewReportsEveryFault(t *testing.T) {
	t.Parallel()
	_, err := New(Options{
		Inputs: []string{"a", "a", "b"}, Outputs: []string{"b"}, State: "a",
		SessionTimeout: time.Second, HeartbeatInterval: 2 * time.Second,
		DrainTimeout: time.Hour, TransactionTimeout: -1,
		MaxPending: 10, ResumePending: 11, MaxTick: -1, MaxCalls: -1, NeverPaused: []string{"c"},
	})
	if err == nil {
		t.Fatal("New took it")
	}
	for _, part := range []string{
		"Processor", "New is nil", "Codec", `State "a"`, `"a" is named twice`, `"b" is an input and an output`,
		"HeartbeatInterval", "SessionTimeout", "DrainTimeout", "TransactionTimeout", "ResumePending", "MaxTick", "MaxCalls", `NeverPaused "c"`,
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not name %q:\n%v", part, err)
		}
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	p, err := New(Options{
		Processor: "orders", Inputs: []string{"in"}, State: "state",
		New: func(machine.Unit) machine.Machine { return nil }, Codec: codec(nil),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := p.opts; got.Group != "sellerstream.orders" || got.TransactionalPrefix != "sellerstream.tx" || got.ResumePending != 75_000 || got.DrainTimeout != 30*time.Second {
		t.Errorf("defaults: %+v", got)
	}
}

// TestWorkOutlivesAStop by the time that is given, and no longer.
func TestWorkOutlivesAStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		time.Sleep(2 * time.Hour)
		work, release := outlive(ctx, 20*time.Second)
		defer release()
		time.Sleep(2 * time.Hour)
		stop()
		time.Sleep(20*time.Second - time.Millisecond)
		if err := context.Cause(work); err != nil {
			t.Errorf("work ended within the drain timeout: %v", err)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if work.Err() == nil {
			t.Error("work goes on for ever")
		}
	})
}
