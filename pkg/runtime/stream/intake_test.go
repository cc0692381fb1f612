package stream

import (
	"bytes"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

func TestBadRecordsBecomeDeadLettersAndOthersGoOn(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		good := newOwners(0, testPartitions)
		var ours, other string
		for n := 0; ours == "" || other == ""; n++ {
			if name := fmt.Sprintf("account-%d", n); good.ours(name) {
				ours = name
			} else {
				other = name
			}
		}
		value := encoded(t, &payload{Account: ours, N: 1})
		headers := []kgo.RecordHeader{{Key: "trace", Value: []byte("x\xff")}, {Key: "bad\xff", Value: nil}}
		bad := []struct {
			key, value []byte
			reason     string
			says       string
		}{
			{[]byte(ours), []byte("not a value"), "undecodable", "cannot be decoded"},
			{[]byte(ours), nil, "undecodable", "cannot be decoded"},
			{[]byte(other), value, "wrong_partition", "partitioner=murmur2_random"},
			{[]byte("\xff\xfd"), value, "wrong_partition", "murmur2"},
			{nil, value, "no_account", "no key"},
			{[]byte{}, value, "no_account", "no key"},
		}
		if good.ours("\xff\xfd") {
			t.Fatal("the test needs a key of another partition")
		}
		var records []*kgo.Record
		for _, b := range bad {
			records = append(records, &kgo.Record{Topic: testPrefix + in1, Partition: 0, Key: b.key, Value: b.value, Headers: headers})
		}
		records = append(records, &kgo.Record{Topic: testPrefix + in1, Partition: 0, Key: []byte(ours), Value: value})
		w.produceRaw(records...)
		r := w.run(w.options(newCounter))
		checkCounts(t, w.read(out, 1), 1, 1)
		letters := w.read(schemas.DeadLetters, len(bad))
		ids := make(map[string]bool)
		for i, rec := range letters {
			letter := decode[schemas.DeadLetter](t, rec)
			want := bad[i]
			if letter.Reason != want.reason || !strings.Contains(letter.Message, want.says) {
				t.Errorf("%d: reason %q, message %q; want %q with %q", i, letter.Reason, letter.Message, want.reason, want.says)
			}
			if !bytes.Equal(letter.Value, want.value) || !bytes.Equal(rec.Key, want.key) || !bytes.Equal(letter.Key, want.key) {
				t.Errorf("%d: the bytes were not kept: value %q, key %q, record's key %q", i, letter.Value, letter.Key, rec.Key)
			}
			if letter.Source != testPrefix+in1 || *letter.Partition != 0 || *letter.Offset != int64(i) || letter.Role != "test" {
				t.Errorf("%d: from %s/%d/%d by %s, want offset %d of %s/0 by test", i, letter.Source, *letter.Partition, *letter.Offset, letter.Role, i, testPrefix+in1)
			}
			if string(letter.Attributes["trace"]) != "x\xff" || letter.SourceTime.IsZero() {
				t.Errorf("%d: headers %v, time %s", i, letter.Attributes, letter.SourceTime)
			}
			ids[letter.ID] = true
		}
		if len(ids) != len(bad) {
			t.Errorf("%d different ids, want %d", len(ids), len(bad))
		}
		r.shutdown()
	})
}

func TestMachineRejectIsADeadLetter(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		r := w.run(w.options(func(machine.Unit) machine.Machine {
			return &scripted{record: func(tx *machine.Tx, rec *machine.Record) {
				tx.Reject(rec, "unknown_account", strings.Repeat("no such account ", 1000))
			}}
		}))
		w.produce(in1, "a", 7)
		rec := w.read(schemas.DeadLetters, 1)[0]
		letter := decode[schemas.DeadLetter](t, rec)
		if letter.Reason != "unknown_account" || letter.Account != "a" || len(letter.Message) > 2_010 || letter.Cut[schemas.CutMessage] == 0 {
			t.Errorf("letter %+v", letter)
		}
		r.shutdown()
	})
}

func TestWorkThatIsSetAsideIsADeadLetter(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		r := w.run(w.options(func(machine.Unit) machine.Machine {
			return &scripted{record: func(tx *machine.Tx, rec *machine.Record) {
				tx.SetAside(rec.Account, fmt.Sprint("work/", rec.Offset), "order_refused", "mend it")
			}}
		}))
		w.produce(in1, "a", 7)
		w.produce(in1, "a", 8)
		ids := make(map[string]bool)
		for _, rec := range w.read(schemas.DeadLetters, 2) {
			letter := decode[schemas.DeadLetter](t, rec)
			if string(rec.Key) != "a" || letter.Account != "a" || letter.Reason != "order_refused" || letter.Message != "mend it" || letter.Role != "test" {
				t.Errorf("key %q, letter %+v", rec.Key, letter)
			}
			if letter.Source != testPrefix+state || !strings.HasPrefix(string(letter.Key), "work/") || letter.Value != nil || letter.Partition != nil || letter.Offset != nil {
				t.Errorf("letter %+v", letter)
			}
			ids[letter.ID] = true
		}
		if len(ids) != 2 {
			t.Errorf("%d different ids, want 2", len(ids))
		}
		r.shutdown()
	})
}

func TestInputWaitsForItsSchemaWhileOthersGoOn(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		var away atomic.Bool
		away.Store(true)
		opts := w.options(newCounter)
		opts.Codec = codec(func(topic string) error {
			if topic == in1 && away.Load() {
				return fmt.Errorf("schema id 7: %w", registry.ErrUnavailable)
			}
			return nil
		})
		r := w.run(opts)
		w.eventually("ready", r.Ready)
		w.produce(in1, "a", 3)
		w.produce(in1, "a", 4)
		w.produce(in2, "a", 1)
		w.read(out, 1)
		w.produce(in2, "a", 2)
		if got := w.readFor(out, 3, time.Minute); len(got) != 2 {
			t.Fatalf("%d records, want the two of the other input", len(got))
		}
		away.Store(false)
		checkCounts(t, w.read(out, 4), 1, 4)
		if letters := w.readFor(schemas.DeadLetters, 1, 5*time.Second); len(letters) > 0 {
			t.Errorf("%d dead letters, want none", len(letters))
		}
		r.shutdown()
	})
}

func TestStateWaitsForItsSchema(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		r := w.run(w.options(newCounter))
		w.produce(in1, "a", 1)
		w.read(out, 1)
		r.shutdown()

		var away atomic.Bool
		away.Store(true)
		opts := w.options(newCounter)
		opts.Codec = codec(func(topic string) error {
			if topic == state && away.Load() {
				return registry.ErrUnavailable
			}
			return nil
		})
		r = w.run(opts)
		time.Sleep(20 * time.Second)
		if r.Ready() {
			t.Error("ready without its state")
		}
		away.Store(false)
		w.produce(in1, "a", 2)
		checkCounts(t, w.read(out, 2), 1, 2)
		r.shutdown()
	})
}

func TestIntakePausesWhilePendingIsAboveTheMark(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		e := newExecutor()
		opts := w.withCaller(e, nil)
		opts.MaxPending, opts.ResumePending, opts.MaxTick, opts.MaxCalls = 10, 5, 4, 1000
		r := w.run(opts)
		w.eventually("ready", r.Ready)
		const n = 100
		for i := 1; i <= n; i++ {
			w.produce(in1, "a", i)
		}
		time.Sleep(10 * time.Second)
		// One tick may go over the mark.
		if got := e.count(); got <= opts.MaxPending || got > opts.MaxPending+opts.MaxTick {
			t.Fatalf("%d records were taken in, want just above %d", got, opts.MaxPending)
		}
		close(e.release)
		if got := w.read(out, n); len(got) != n {
			t.Errorf("%d records came out, want %d", len(got), n)
		}
		r.shutdown()
	})
}

func TestAnInputThatIsNeverPaused(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		e := newExecutor()
		opts := w.withCaller(e, nil)
		opts.Inputs, opts.NeverPaused = []string{in1, in2}, []string{in2}
		opts.MaxPending, opts.ResumePending, opts.MaxTick, opts.MaxCalls = 10, 5, 4, 1000
		r := w.run(opts)
		w.eventually("ready", r.Ready)
		const n = 100
		for i := 1; i <= n; i++ {
			w.produce(in1, "a", i)
		}
		time.Sleep(10 * time.Second)
		paused := e.count()
		if paused > opts.MaxPending+opts.MaxTick {
			t.Fatalf("%d records were taken in, want just above %d", paused, opts.MaxPending)
		}
		for i := 1; i <= n; i++ {
			w.produce(in2, "a", 1000+i)
		}
		w.eventually("the other input flows", func() bool { return e.count() == paused+n })
		close(e.release)
		if got := w.read(out, 2*n); len(got) != 2*n {
			t.Errorf("%d records came out, want %d", len(got), 2*n)
		}
		r.shutdown()
	})
}

// TestAnInputOfWhichTheRecentCount begins with a new input of a unit that has run before: a week
// of records that are of no use is not read, and a restart goes on where it was.
func TestAnInputOfWhichTheRecentCount(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		opts := w.options(newCounter)
		opts.Inputs = []string{in1}
		r := w.run(opts)
		w.produce(in1, "a", 1)
		w.read(out, 1)
		r.shutdown()
		w.produce(in2, "a", 2)
		time.Sleep(2 * time.Hour)
		w.produce(in2, "a", 3)
		opts.Inputs, opts.Recent = []string{in1, in2}, map[string]time.Duration{in2: time.Hour}
		r = w.run(opts)
		w.read(out, 2)
		r.shutdown()
		w.produce(in2, "a", 4)
		time.Sleep(2 * time.Hour)
		r = w.run(opts)
		defer r.shutdown()
		var got []string
		for _, rec := range w.read(out, 3) {
			got = append(got, decode[payload](t, rec).Text)
		}
		if want := "[1 3 4]"; fmt.Sprint(got) != want {
			t.Errorf("read %v, want %v", got, want)
		}
	})
}

// TestWhereTheRecentBeginIsCommitted before a record comes: one that comes while nothing runs is
// read, however long that is, and until then the input does not lag.
func TestWhereTheRecentBeginIsCommitted(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		w.produce(in2, "a", 1)
		time.Sleep(2 * time.Hour)
		opts := w.options(newCounter)
		opts.Inputs, opts.Recent = []string{in1, in2}, map[string]time.Duration{in2: time.Hour}
		r := w.run(opts)
		w.produce(in1, "a", 2)
		w.read(out, 1)
		w.eventually("all units are restored", func() bool { return r.Stats(t.Context(), nil).Restored == testPartitions })
		if at := r.Stats(t.Context(), nil).Lag[in2]; at != 0 {
			t.Errorf("it lags by %d", at)
		}
		r.shutdown()
		w.produce(in2, "a", 3)
		time.Sleep(3 * time.Hour)
		r = w.run(opts)
		defer r.shutdown()
		if got := decode[payload](t, w.read(out, 2)[1]).Text; got != "3" {
			t.Errorf("the second is %s", got)
		}
	})
}

func TestPositionOutsideTheLogStops(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		position *schemas.Position // that is written while nothing runs; nil where records are removed
	}{
		{"records were removed", nil},
		{"the log is shorter", &schemas.Position{Topic: in1, Offset: 100, Epoch: -1}},
		{"the log is shorter, its epoch is known", &schemas.Position{Topic: in1, Offset: 100, Epoch: 0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, w *world) {
				r := w.run(w.options(newCounter))
				w.produce(in1, "a", 1)
				p := w.read(out, 1)[0].Partition
				r.shutdown()
				if test.position == nil {
					w.produce(in1, "a", 2)
					w.produce(in1, "a", 3)
					w.deleteRecords(in1, p, 2)
				} else {
					w.produceRaw(&kgo.Record{
						Topic: testPrefix + state, Partition: p, Key: []byte(positionPrefix + in1), Value: encoded(t, test.position),
					})
				}
				r = w.run(w.options(newCounter))
				stopped := r.awaitStopped(PositionLost, p)
				for _, part := range []string{testPrefix + in1, fmt.Sprintf("partition %d", p), "position", "it has offsets"} {
					if !strings.Contains(stopped.Cause, part) {
						t.Errorf("cause %q does not name %q", stopped.Cause, part)
					}
				}
				if want := fmt.Sprintf("Reset.Move: role test, topic %s, partition %d, offset ", in1, p); !strings.Contains(stopped.Remedy, want) {
					t.Errorf("remedy %q does not say %q", stopped.Remedy, want)
				}
				if got := w.readFor(out, 2, 5*time.Second); len(got) != 1 {
					t.Errorf("%d outputs, want 1: the position has jumped", len(got))
				}
			})
		})
	}
}

func (w *world) deleteRecords(topic string, partition int32, before int64) {
	w.t.Helper()
	if err := w.cluster.DeleteRecords(testPrefix+topic, partition, before); err != nil {
		w.t.Fatalf("delete records: %v", err)
	}
}

// A transaction's marker stands behind its last record. When retention has
// removed both, a position between them is outside the log although nothing
// was lost.
func TestPositionPassesTransactionMarkers(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		writer := w.newClient(kgo.TransactionalID("upstream"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		defer writer.Close()
		partition := partitionOf("a")
		send := func(n int) {
			if err := writer.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			rec := &kgo.Record{Topic: testPrefix + in1, Partition: partition, Key: []byte("a"), Value: encoded(t, &payload{Account: "a", N: n})}
			if err := writer.ProduceSync(t.Context(), rec).FirstErr(); err != nil {
				t.Fatal(err)
			}
			if err := writer.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
				t.Fatal(err)
			}
		}
		position := func() int64 {
			last := int64(-1)
			for _, rec := range w.readFor(state, 1000, time.Second) {
				if string(rec.Key) == positionPrefix+in1 {
					last = decode[schemas.Position](t, rec).Offset
				}
			}
			return last
		}
		r := w.run(w.options(newCounter))
		send(1)
		w.read(out, 1)
		time.Sleep(markerDelay + time.Second)
		if got := position(); got != 2 {
			t.Errorf("position %d after a minute, want 2, behind the marker", got)
		}
		send(2)
		w.read(out, 2)
		r.shutdown()
		if got := position(); got != 4 {
			t.Errorf("position %d after the shutdown, want 4, behind the marker", got)
		}
		w.deleteRecords(in1, partition, 4)
		r = w.run(w.options(newCounter))
		send(3)
		checkCounts(t, w.read(out, 3), 1, 3)
		r.shutdown()
	})
}

func partitionOf(account string) int32 {
	o := newOwners(0, testPartitions)
	return o.partitionOf([]byte(account))
}
