package stream

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/test/rawbatch"
)

// Kafka commits what remains of a transaction in which a produce has failed,
// and says that all is well.
func TestFailedProduceIsNotCommitted(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		err  *kerr.Error
		stop bool // whether it stops the processor
	}{
		{"too large", kerr.MessageTooLarge, false}, // the next try is of one record each
		{"invalid", kerr.InvalidRecord, true},
		{"unknown", kerr.UnknownServerError, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, w *world) {
				r := w.run(w.options(newCounter))
				w.eventually("ready", r.Ready)
				// The output fails, the state and the position do not.
				failure := w.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: testPrefix + out, Err: test.err})
				w.produce(in1, "a", 1)
				if test.stop {
					stopped := r.awaitStopped(WriteRefused, partitionOf("a"))
					if !strings.Contains(stopped.Cause, testPrefix+out) || !strings.Contains(stopped.Remedy, "max.message.bytes") {
						t.Fatalf("%s; want the topic and what to do", stopped)
					}
				}
				checkCounts(t, w.read(out, 1), 1, 1)
				if failure.Hits() != 1 {
					t.Errorf("%d produce requests failed, want one", failure.Hits())
				}
				r.awaitHealed()
				r.shutdown()
			})
		})
	}
}

// TestTopicsThatAreMissingAreAwaited: other roles of the process go on meanwhile.
func TestTopicsThatAreMissingAreAwaited(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		opts := w.options(newCounter)
		opts.Inputs = []string{in1, "absent"}
		r := w.run(opts)
		w.eventually("the missing topic is named", func() bool { return strings.Contains(r.WaitsFor(), testPrefix+"absent") })
		if err := w.cluster.CreateTopic(testPrefix+"absent", testPartitions, nil); err != nil {
			t.Fatal(err)
		}
		w.eventually("ready", r.Ready)
		r.shutdown()
	})
}

func TestForeignGroupOffsetIsReportedAndIgnored(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		r := w.run(w.options(newCounter))
		for n := 1; n <= 5; n++ {
			w.produce(in1, "a", n)
		}
		w.read(out, 5)
		r.shutdown()
		admin := kadm.NewClient(w.client)
		group := testPrefix + "test"
		offsets, err := admin.FetchOffsets(t.Context(), group)
		if err != nil {
			t.Fatal(err)
		}
		if at, ok := offsets.Lookup(testPrefix+in1, partitionOf("a")); !ok || at.At != 5 {
			t.Errorf("the group's offset is %+v, want 5 for lag tools", at)
		}
		// After a crash the group's offset is behind the state's position.
		r = w.run(w.options(newCounter))
		w.eventually("ready", r.Ready)
		time.Sleep(time.Duration(1.5 * float64(commitInterval)))
		w.produce(in1, "a", 6)
		w.read(out, 6)
		r.kill()
		if err := r.wait(); err != nil {
			t.Fatal(err)
		}
		r = w.run(w.options(newCounter))
		w.eventually("ready", func() bool { return r.Ready() && w.logs.Count("unit restored") == 9 })
		r.shutdown()
		if w.logs.Has("set by another tool") {
			t.Error("our own offset was taken for another tool's")
		}

		var reset kadm.Offsets
		reset.Add(kadm.Offset{Topic: testPrefix + in1, Partition: partitionOf("a"), At: 2, LeaderEpoch: -1})
		if err := admin.CommitAllOffsets(t.Context(), group, reset); err != nil {
			t.Fatal(err)
		}
		r = w.run(w.options(newCounter))
		w.produce(in1, "a", 7)
		checkCounts(t, w.read(out, 7), 1, 7)
		if !w.logs.Has("set by another tool") {
			t.Error("the reset was not reported")
		}
		r.shutdown()
	})
}

// A commit that was under way when its unit moved must not rewind the group's
// offset of the new owner.
func TestLateGroupCommitIsRefused(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		first := w.run(w.options(newCounter))
		w.eventually("ready", first.Ready)
		w.produce(in1, "a", 1)
		w.read(out, 1)
		time.Sleep(2 * commitInterval)
		g := first.group.Load()
		member, generation := g.client.GroupMetadata()
		second := w.run(w.options(newCounter))
		w.eventually("the group has moved on", func() bool {
			_, now := g.client.GroupMetadata()
			return now > generation && second.Ready()
		})
		req := kmsg.NewPtrOffsetCommitRequest()
		req.Group, req.MemberID, req.Generation = g.p.opts.Group, member, generation
		topic := kmsg.NewOffsetCommitRequestTopic()
		topic.Topic, topic.TopicID = testPrefix+in1, w.cluster.TopicInfo(testPrefix+in1).TopicID
		partition := kmsg.NewOffsetCommitRequestTopicPartition()
		partition.Partition = partitionOf("a")
		topic.Partitions = append(topic.Partitions, partition)
		req.Topics = append(req.Topics, topic)
		resp, err := req.RequestWith(t.Context(), g.client)
		if err != nil {
			t.Fatal(err)
		}
		if err := commitError(resp); err == nil {
			t.Error("a commit of an earlier generation was accepted")
		}
		first.shutdown()
		second.shutdown()
	})
}

func TestUnreadableStateStops(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		partition := partitionOf("a")
		w.produceRaw(&kgo.Record{Topic: testPrefix + state, Partition: partition, Key: []byte("a"), Value: []byte("garbage")})
		r := w.run(w.options(newCounter))
		stopped := r.awaitStopped(StateUnreadable, partition)
		if !strings.Contains(stopped.Cause, testPrefix+state) || !strings.Contains(stopped.Cause, "key a") {
			t.Errorf("%s; want the entry", stopped)
		}
		r.othersGoOn(partition)
		// It heals when the entry is mended, here by removing it.
		w.produceRaw(&kgo.Record{Topic: testPrefix + state, Partition: partition, Key: []byte("a")})
		r.awaitHealed()
		r.shutdown()
	})
}

// A batch of the state that cannot be read stops its unit, with words that say how to
// remove it, and only then is it removed. A position behind it is enough to move the
// unit.
func TestAStateBatchThatCannotBeReadStops(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		r := w.run(w.options(newCounter))
		w.produce(in1, "a", 1)
		w.read(out, 1)
		r.shutdown()
		partition := partitionOf("a")
		offset, err := rawbatch.Produce(t.Context(), w.client, testPrefix+state, partition, rawbatch.Broken())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.reset().Places(t.Context(), kadm.NewClient(w.client)); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("offset %d of partition %d", offset+1, partition)) {
			t.Errorf("the place of a unit whose position may be hidden: %v", err)
		}
		r = w.run(w.options(newCounter))
		stopped := r.awaitStopped(StateUnreadable, partition)
		if !strings.Contains(stopped.Cause, fmt.Sprintf("offsets %d to %d", offset, offset)) ||
			!strings.HasSuffix(stopped.Remedy, "set it to compact again") || !strings.Contains(stopped.Remedy, fmt.Sprintf("offset %d of partition %d", offset+1, partition)) {
			t.Errorf("%s; want the batch and how to remove it", stopped)
		}
		r.othersGoOn(partition)
		// The position goes behind the batch, and the unit still does not go on: the batch
		// may hold other entries.
		if err := w.reset().Move(t.Context(), "r1", map[int32]Place{}, map[int32]int64{partition: 1}); err != nil {
			t.Fatal(err)
		}
		if places, err := w.reset().Places(t.Context(), kadm.NewClient(w.client)); err != nil || places[partition].Next != 1 {
			t.Errorf("the unit stands at %v: %v", places, err)
		}
		w.deleteRecords(state, partition, offset+1)
		r.awaitHealed()
		r.shutdown()
	})
}

func TestMachineFaultsStop(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		do   func(tx *machine.Tx, _ *machine.Record)
		says string
	}{
		"reserved key": {func(tx *machine.Tx, _ *machine.Record) { tx.Put("@position/in1", &payload{}) }, "runtime's own"},
		"unknown topic": {func(tx *machine.Tx, _ *machine.Record) {
			tx.Emit(machine.Output{Topic: "elsewhere", Account: "a", Value: &payload{}})
		}, `"elsewhere"`},
		"call that nothing executes": {func(tx *machine.Tx, _ *machine.Record) { tx.Call(machine.Call{Operation: "getOrder"}) }, "getOrder"},
		"foreign account": {func(tx *machine.Tx, _ *machine.Record) {
			foreign := accountOf(func(name string) bool { return partitionOf(name) != partitionOf("a") })
			tx.Emit(machine.Output{Topic: out, Account: foreign, Value: &payload{}})
		}, "does not belong"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, w *world) {
				r := w.run(w.options(func(machine.Unit) machine.Machine { return &scripted{record: test.do} }))
				w.produce(in1, "a", 1)
				if stopped := r.awaitStopped(Faulty, partitionOf("a")); !strings.Contains(stopped.Cause, test.says) {
					t.Errorf("%s; want %q", stopped, test.says)
				}
				r.shutdown()
			})
		})
	}
}

func TestRunWaitsForBrokers(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		g := newGate(w.net.DialContext)
		g.stop()
		opts := w.options(newCounter)
		opts.Client = append(opts.Client, kgo.Dialer(g.Dial), kgo.DialTimeout(time.Second))
		r := w.run(opts)
		time.Sleep(30 * time.Second)
		g.goOn()
		w.eventually("ready", r.Ready)
		r.shutdown()
	})
}

func TestStopWhileBrokersAreAway(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		opts := w.options(newCounter)
		opts.Client = []kgo.Opt{kgo.SeedBrokers("localhost:1"), kgo.Dialer(w.net.DialContext)}
		r := w.run(opts)
		time.Sleep(5 * time.Second)
		r.shutdown()
	})
}

func TestStopWhileBrokersHang(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		g := newGate(w.net.DialContext)
		opts := w.options(newCounter)
		opts.Client = append(opts.Client, kgo.Dialer(g.Dial))
		opts.DrainTimeout = 10 * time.Second
		r := w.run(opts)
		w.eventually("ready", r.Ready)
		// A transaction is under way when the brokers fall silent.
		w.cluster.ControlKey(int16(kmsg.EndTxn), func(kmsg.Request) (kmsg.Response, error, bool) {
			g.stop()
			return nil, nil, false
		})
		w.produce(in1, "a", 1)
		time.Sleep(time.Second)
		began := time.Now()
		r.shutdown()
		if took := time.Since(began); took > opts.DrainTimeout+3*commitTimeout {
			t.Errorf("stopped after %s, want about the drain's deadline of %s", took, opts.DrainTimeout)
		}
		g.goOn()
		r = w.run(w.options(newCounter))
		checkCounts(t, w.read(out, 1), 1, 1)
		r.shutdown()
	})
}
