package stream

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
)

// awaitStopped waits until the unit of a partition, and no other, is stopped.
func (r *running) awaitStopped(reason StopCode, partition int32) Stopped {
	r.w.t.Helper()
	var found []Stopped
	r.w.eventually(fmt.Sprintf("the unit of partition %d is stopped: %s", partition, reason), func() bool {
		found = r.Stopped()
		return len(found) > 0
	})
	if len(found) != 1 || found[0].Reason != reason || found[0].Partition != partition {
		r.w.t.Fatalf("stopped are %v, want partition %d only: %s", found, partition, reason)
	}
	return found[0]
}

// awaitHealed waits until no unit is stopped.
func (r *running) awaitHealed() {
	r.w.t.Helper()
	r.w.eventually("no unit is stopped", func() bool { return len(r.Stopped()) == 0 && r.Stats(r.w.t.Context(), nil).Restored == testPartitions })
}

// othersGoOn wants the units of all other partitions to do their work.
func (r *running) othersGoOn(stopped int32) {
	r.w.t.Helper()
	w := r.w
	before := len(w.readFor(out, 1000, 2*time.Second))
	for p := range int32(testPartitions) {
		if p != stopped {
			w.produce(in1, accountOf(func(account string) bool { return partitionOf(account) == p }), 1)
		}
	}
	w.read(out, before+testPartitions-1)
	select {
	case <-r.finished:
		w.t.Fatalf("Run has ended: %v", r.err)
	default:
	}
	if !r.Ready() {
		w.t.Errorf("not ready: it waits for %s", r.WaitsFor())
	}
}

// TestOneUnitStopsAloneAndHeals is containment rule 3 for a position outside the
// log: others go on, operators see it, and the command of the remedy
// heals it while all runs.
func TestOneUnitStopsAloneAndHeals(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		r := w.run(w.options(newCounter))
		w.produce(in1, "a", 1)
		p := w.read(out, 1)[0].Partition
		r.shutdown()
		w.produce(in1, "a", 2)
		w.produce(in1, "a", 3)
		w.deleteRecords(in1, p, 2)
		r = w.run(w.options(newCounter))
		stopped := r.awaitStopped(PositionLost, p)
		r.othersGoOn(p)

		// Operators' commands learn of it from Kafka.
		admin := kadm.NewClient(w.client)
		reset := w.reset()
		w.eventually("the group says so", func() bool {
			told, err := ReadStopped(t.Context(), admin, reset.Group)
			return err == nil && len(told) == 1 && told[0].Reason == PositionLost && told[0].Partition == p && told[0].Remedy == stopped.Remedy
		})
		if first := strings.Count(w.logs.String(), "level=ERROR"); first != 1 {
			t.Errorf("%d errors are in the log, want one", first)
		}

		// Another unit may not be moved while it works, this one may.
		other := (p + 1) % testPartitions
		if err := reset.Movable(t.Context(), admin, []int32{p, other}); err == nil {
			t.Error("a unit that works may be moved")
		}
		if err := reset.Movable(t.Context(), admin, []int32{p}); err != nil {
			t.Fatal(err)
		}
		places, err := reset.Places(t.Context(), admin)
		if err != nil {
			t.Fatal(err)
		}
		if err := reset.Move(t.Context(), "reset-1", places, map[int32]int64{p: 2}); err != nil {
			t.Fatal(err)
		}
		got := w.read(out, 1+testPartitions) // of the others, and record 3, which is there
		if last := decode[payload](t, got[len(got)-1]); last.Account != "a" || last.Text != "3" {
			t.Errorf("the last output is %+v, want that of record 3", last)
		}
		r.awaitHealed()
		w.eventually("the group says nothing any more", func() bool {
			told, err := ReadStopped(t.Context(), admin, reset.Group)
			return err == nil && len(told) == 0
		})
		r.shutdown()
	})
}

// TestStoppedUnitTriesAgainEverMoreSeldom, but at least every few minutes.
func TestStoppedUnitTriesAgainEverMoreSeldom(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		w.produceRaw(&kgo.Record{Topic: testPrefix + state, Partition: 1, Key: []byte("x"), Value: []byte("garbage")})
		r := w.run(w.options(newCounter))
		r.awaitStopped(StateUnreadable, 1)
		count := func() int { return strings.Count(w.logs.String(), "unit stopped") }
		time.Sleep(time.Minute)
		first := count()
		time.Sleep(time.Hour)
		hour := count() - first
		if first < 2 || first > 6 || hour < 20 || hour > 40 {
			t.Errorf("%d tries in the first minute and %d in the hour after it", first, hour)
		}
		if r.shutdown(); strings.Count(w.logs.String(), "level=ERROR") != 1 {
			t.Error("each try is an error in the log, want only the first")
		}
	})
}

// TestARolloutThatCannotReadAnyStateIsNotReady, so that it does not go on.
func TestARolloutThatCannotReadAnyStateIsNotReady(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		spoil := func(p int32) {
			w.produceRaw(&kgo.Record{Topic: testPrefix + state, Partition: p, Key: []byte("x"), Value: []byte("garbage")})
		}
		for p := range int32(testPartitions - 1) {
			spoil(p)
		}
		r := w.run(w.options(newCounter))
		w.eventually("all but one are stopped", func() bool { return len(r.Stopped()) == testPartitions-1 && r.Ready() })
		r.shutdown()
		spoil(testPartitions - 1)
		r = w.run(w.options(newCounter))
		w.eventually("all are stopped", func() bool { return len(r.Stopped()) == testPartitions })
		if r.Ready() {
			t.Error("ready, although no state can be read")
		}
		r.shutdown()
	})
}

// TestFailedTransactionIsAborted: readers of the topic must not wait behind it
// until Kafka gives it up.
func TestFailedTransactionIsAborted(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		w.setTopicConfig(out, "max.message.bytes", "50") // less than any topic may take
		opts := w.options(newCounter)
		opts.TransactionTimeout = 10 * time.Minute
		r := w.run(opts)
		p := partitionOf("a")
		w.produce(in1, "a", 1)
		stopped := r.awaitStopped(WriteRefused, p)
		if !strings.Contains(stopped.Cause, testPrefix+out) || !strings.Contains(stopped.Remedy, "max.message.bytes") {
			t.Errorf("%s; want the topic and what to do", stopped)
		}
		if got := w.cluster.PartitionInfo(testPrefix+state, p); got.LastStableOffset != got.HighWatermark || got.HighWatermark == 0 {
			t.Errorf("readers of the state wait at offset %d of %d", got.LastStableOffset, got.HighWatermark)
		}
		r.shutdown()
	})
}

// TestGrownTopic lets each kind of topic grow while the processor runs.
func TestGrownTopic(t *testing.T) {
	t.Parallel()
	for name, topics := range map[string][]string{
		"the first input": {in1}, "another input": {in2}, "an output": {out}, "the state": {state},
		"all": {in1, in2, out, state, "dead-letters"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, w *world) {
				opts := w.options(newCounter)
				opts.Client = append(opts.Client, kgo.MetadataMaxAge(5*time.Second))
				r := w.run(opts)
				w.eventually("ready", r.Ready)
				for _, topic := range topics {
					if _, err := kadm.NewClient(w.client).CreatePartitions(t.Context(), 1, testPrefix+topic); err != nil {
						t.Fatal(err)
					}
				}
				stopped := r.awaitStopped(PartitionsDiffer, testPartitions)
				if len(topics) == 1 && !strings.Contains(stopped.Cause, testPrefix+topics[0]) || !strings.Contains(stopped.Remedy, "as many partitions") {
					t.Errorf("%s; want the topic and the remedy", stopped)
				}
				// Accounts that are where they were go on.
				more := newOwners(0, testPartitions+1)
				w.produce(in1, accountOf(func(account string) bool { return more.partitionOf([]byte(account)) == partitionOf(account) }), 1)
				w.read(out, 1)
				r.shutdown()
			})
		})
	}
}

// TestRecordsThatAGrownTopicMisplacesAreKept: they are good, and must become no
// dead letters. Only the units of their partitions stop.
func TestRecordsThatAGrownTopicMisplacesAreKept(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		opts := w.options(newCounter)
		r := w.run(opts)
		w.eventually("ready", r.Ready)
		if _, err := kadm.NewClient(w.client).CreatePartitions(t.Context(), 1, testPrefix+in1); err != nil {
			t.Fatal(err)
		}
		more := newOwners(0, testPartitions+1)
		account := accountOf(func(account string) bool {
			now := more.partitionOf([]byte(account))
			return now != partitionOf(account) && now != testPartitions
		})
		now := more.partitionOf([]byte(account))
		// At once, before the processor has looked at its topics again.
		w.produceRaw(&kgo.Record{Topic: testPrefix + in1, Partition: now, Key: []byte(account), Value: encoded(t, &payload{Account: account, N: 1})})
		w.eventually("the unit is stopped", func() bool {
			return slices.ContainsFunc(r.Stopped(), func(s Stopped) bool {
				return s.Partition == now && s.Reason == PartitionsDiffer && strings.Contains(s.Cause, account)
			})
		})
		if letters := w.readFor("dead-letters", 1, 5*time.Second); len(letters) != 0 {
			t.Errorf("%d dead letters were written", len(letters))
		}
		r.othersGoOn(now)
		r.shutdown()
	})
}

// panicker is a counter that panics at account "odd": at its record, or when its
// state is restored.
type panicker struct {
	counter
	restoring bool
}

func (m *panicker) Restore(key string, value any) error {
	if m.restoring && key == "odd" {
		panic("no such state")
	}
	return m.counter.Restore(key, value)
}

func (m *panicker) Record(tx *machine.Tx, rec *machine.Record) {
	if !m.restoring && rec.Account == "odd" {
		panic("no such record")
	}
	m.counter.Record(tx, rec)
}

// TestAPanicStopsItsUnitAlone: a fault of the program that one record or one entry of
// the state brings out costs its unit, and neither the process nor the others.
func TestAPanicStopsItsUnitAlone(t *testing.T) {
	t.Parallel()
	for name, restoring := range map[string]bool{"at a record": false, "at restored state": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, w *world) {
				r := w.run(w.options(newCounter))
				w.produce(in1, "odd", 1)
				w.read(out, 1)
				r.shutdown()
				opts := w.options(func(machine.Unit) machine.Machine {
					return &panicker{counter: counter{counts: make(map[string]int)}, restoring: restoring}
				})
				r = w.run(opts)
				w.produce(in1, "odd", 2)
				stopped := r.awaitStopped(Faulty, partitionOf("odd"))
				if !strings.Contains(stopped.Cause, "no such") {
					t.Errorf("the cause is %q", stopped.Cause)
				}
				r.othersGoOn(partitionOf("odd"))
				r.shutdown()
			})
		})
	}
}
