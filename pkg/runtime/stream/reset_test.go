package stream

import (
	"errors"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// reset is that of the processor that options run.
func (w *world) reset() *Reset {
	return &Reset{
		Processor: "test", Prefix: testPrefix, Group: testPrefix + "test", TransactionalPrefix: "txn",
		State: state, Topic: in1, Own: codec(nil), Client: w.clientOptions(),
	}
}

// move moves the unit of account a.
func (w *world) move(to int64) error {
	w.t.Helper()
	places, err := w.reset().Places(w.t.Context(), kadm.NewClient(w.client))
	if err != nil {
		w.t.Fatal(err)
	}
	return w.reset().Move(w.t.Context(), "r1", places, map[int32]int64{partitionOf("a"): to})
}

func TestResetIsRefusedWhileTheGroupRuns(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		r := w.run(w.options(newCounter))
		w.produce(in1, "a", 1)
		w.read(out, 1)
		err := w.move(0)
		if !errors.Is(err, ErrRunning) || !strings.Contains(err.Error(), testPrefix+"test") {
			t.Errorf("error %v, want ErrRunning and the group's name", err)
		}
		w.produce(in1, "a", 2)
		checkCounts(t, w.read(out, 2), 1, 2)
		r.shutdown()
	})
}

// Records that were read before are processed again as the replay, new ones are not. If
// the unit is moved once more before it is through, the first range still counts as
// read.
func TestResetHasRecordsProcessedAgain(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		m := &notebook{}
		options := w.options(func(machine.Unit) machine.Machine { return m })
		r := w.run(options)
		for n := range 5 {
			w.produce(in1, "a", n)
		}
		w.eventually("five records", func() bool { return len(m.taken()) == 5 })
		r.shutdown()
		w.produce(in1, "a", 5)
		for _, to := range []int64{1, 3} {
			if err := w.move(to); err != nil {
				t.Fatal(err)
			}
		}
		places, err := w.reset().Places(t.Context(), kadm.NewClient(w.client))
		if err != nil || places[partitionOf("a")] != (Place{Next: 3, Read: 5}) {
			t.Errorf("the units stand at %v (%v), want 3 with 5 read", places, err)
		}
		r = w.run(options)
		w.eventually("three more records", func() bool { return len(m.taken()) == 8 })
		r.shutdown()
		for i, rec := range m.taken()[5:] {
			again := machine.Replay{ID: "r1", Effects: true}
			if rec.Offset != int64(3+i) || (rec.Offset < 5) != (rec.Replay != nil) || rec.Replay != nil && *rec.Replay != again {
				t.Errorf("offset %d came as %+v", rec.Offset, rec.Replay)
			}
		}
		if w.logs.Has("set by another tool") {
			t.Error("a reset was taken for another tool's")
		}
	})
}

// The command that the answer to a foreign offset names does what the operator wanted.
func TestForeignOffsetNamesTheCommand(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		r := w.run(w.options(newCounter))
		for n := range 3 {
			w.produce(in1, "a", n)
		}
		w.read(out, 3)
		r.shutdown()
		var foreign kadm.Offsets
		foreign.Add(kadm.Offset{Topic: testPrefix + in1, Partition: partitionOf("a"), At: 2, LeaderEpoch: -1})
		if err := kadm.NewClient(w.client).CommitAllOffsets(t.Context(), testPrefix+"test", foreign); err != nil {
			t.Fatal(err)
		}
		r = w.run(w.options(newCounter))
		command := Remedies{}.withDefaults().Reset("test", in1, partitionOf("a"), "2")
		w.eventually("the command", func() bool { return w.logs.Has(command) })
		r.shutdown()
		if err := w.move(2); err != nil {
			t.Fatal(err)
		}
		r = w.run(w.options(newCounter))
		if got := decode[payload](t, w.read(out, 4)[3]); got.N != 4 || got.Text != "2" {
			t.Errorf("the fourth output is %+v, want the third record again", got)
		}
		r.shutdown()
	})
}

// Nobody can move a unit in the copies to process again, so no command is named.
func TestForeignOffsetOfReplaysNamesNoCommand(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		m := &notebook{}
		w.again(schemas.Origin{Replay: "r1", Topic: in1}, "a", 0)
		r := w.run(w.withReplays(m))
		w.eventually("one record", func() bool { return len(m.taken()) == 1 })
		r.shutdown()
		var foreign kadm.Offsets
		foreign.Add(kadm.Offset{Topic: testPrefix + replays, Partition: partitionOf("a"), At: 0, LeaderEpoch: -1})
		if err := kadm.NewClient(w.client).CommitAllOffsets(t.Context(), testPrefix+"test", foreign); err != nil {
			t.Fatal(err)
		}
		r = w.run(w.withReplays(m))
		w.eventually("the warning", func() bool { return w.logs.Has("set by another tool") })
		r.shutdown()
		if w.logs.Has("Reset.Move") {
			t.Error("the log names a command that refuses the topic")
		}
	})
}

func TestReplaysThatWereRemovedStopNobody(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		m := &notebook{}
		again := func(offset int64) { w.again(schemas.Origin{Replay: "r1", Topic: in1, Offset: offset}, "a", 0) }
		again(0)
		r := w.run(w.withReplays(m))
		w.eventually("one record", func() bool { return len(m.taken()) == 1 })
		r.shutdown()
		again(1)
		again(2)
		w.deleteRecords(replays, partitionOf("a"), 2)
		r = w.run(w.withReplays(m))
		w.eventually("what is left", func() bool { return len(m.taken()) == 2 })
		w.produce(in1, "a", 7)
		w.eventually("a new record", func() bool { return len(m.taken()) == 3 })
		r.shutdown()
		if got := m.taken()[1]; got.Offset != 2 || !w.logs.Has("replay them again") {
			t.Errorf("offset %d was taken, want 2 and an error in the log", got.Offset)
		}
	})
}
