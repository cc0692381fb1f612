package eventbridge_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/fakekafka"
)

// TestLagIsWhatIsNotPublished, and none is left when EventBridge is well again.
func TestLagIsWhatIsNotPublished(t *testing.T) {
	w := newWorld(t)
	down, err := w.Faults.Add(simulator.Rule{Part: simulator.EventBridge, Action: simulator.Action{Status: 503}})
	if err != nil {
		t.Fatal(err)
	}
	opts := w.options()
	opts.Kafka = append(opts.Kafka, kgo.SessionTimeout(patience)) // who loses its partitions on a busy machine has no lag
	p, _ := w.run(opts)
	lag := func() int64 {
		if lag, ok := p.Lag(t.Context())[schemas.Orders]; ok {
			return lag
		}
		return -1 // not known
	}
	w.await("a member without work", func() bool { return p.WaitsFor() == "" && lag() == 0 })
	w.produce(0, 500)
	w.await("all are behind", func() bool { return lag() == 500 })
	w.Faults.Remove(down)
	w.await("none is behind", func() bool { return lag() == 0 })
	if published := p.Stats().Published; published != 500 {
		t.Errorf("without lag after %d of 500", published)
	}
}

// TestLagCountsWhatCannotBeRead: a topic that cannot be read is not one that is
// all published.
func TestLagCountsWhatCannotBeRead(t *testing.T) {
	w := newWorld(t)
	w.produce(0, 20)
	var denied atomic.Bool
	denied.Store(true)
	w.cluster.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		w.cluster.KeepControl()
		if !denied.Load() {
			return nil, nil, false
		}
		resp := req.ResponseKind().(*kmsg.FetchResponse)
		for _, topic := range req.(*kmsg.FetchRequest).Topics {
			answer := kmsg.FetchResponseTopic{Topic: topic.Topic, TopicID: topic.TopicID}
			for _, p := range topic.Partitions {
				answer.Partitions = append(answer.Partitions, kmsg.FetchResponseTopicPartition{Partition: p.Partition, ErrorCode: kerr.TopicAuthorizationFailed.Code})
			}
			resp.Topics = append(resp.Topics, answer)
		}
		return resp, nil, true
	})
	p, _ := w.run(w.options())
	w.await("a lag of 20", func() bool { return p.WaitsFor() == "" && p.Lag(t.Context())[schemas.Orders] == 20 })
	denied.Store(false)
	w.await("no lag", func() bool { lag, ok := p.Lag(t.Context())[schemas.Orders]; return ok && lag == 0 })
	if published := p.Stats().Published; published != 20 {
		t.Errorf("without lag after %d of 20", published)
	}
}

// TestLagEndsBehindTransactions, whose markers have offsets and are no records.
func TestLagEndsBehindTransactions(t *testing.T) {
	w := newWorld(t)
	writer := fakekafka.Client(w.t, w.cluster, kgo.TransactionalID("upstream"))
	defer writer.Close()
	p, _ := w.run(w.options())
	for i := range 3 {
		if err := writer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		rec := &kgo.Record{Topic: prefix + schemas.Orders, Key: []byte(account(i)), Value: fmt.Appendf(nil, "%s/%06d", account(i), i)}
		if err := writer.ProduceSync(t.Context(), rec).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := writer.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
	}
	w.awaitEvents(3)
	w.await("no lag", func() bool { lag, ok := p.Lag(t.Context())[schemas.Orders]; return ok && lag == 0 })
}

// TestLagOfATopicWithoutAnEndIsUnknown, not 0.
func TestLagOfATopicWithoutAnEndIsUnknown(t *testing.T) {
	w := newWorld(t)
	opts := w.options()
	opts.Topics = append(opts.Topics, "gone")
	p, _ := w.run(opts)
	w.await("the lag of what is there", func() bool { _, ok := p.Lag(t.Context())[schemas.Orders]; return ok })
	if lag, ok := p.Lag(t.Context())["gone"]; ok {
		t.Errorf("a topic that is not there has a lag of %d", lag)
	}
}

// TestAFailedCommitIsNotTakenForDone: the offsets are committed again until Kafka
// has them, whether the request or one of its partitions failed, or a new owner
// would publish the events again.
func TestAFailedCommitIsNotTakenForDone(t *testing.T) {
	partition := func(reason *kerr.Error) func(*kmsg.OffsetCommitRequest) (kmsg.Response, error) {
		return func(req *kmsg.OffsetCommitRequest) (kmsg.Response, error) {
			return refusedCommit(req, reason), nil
		}
	}
	for name, fail := range map[string]func(*kmsg.OffsetCommitRequest) (kmsg.Response, error){
		"the request":   func(*kmsg.OffsetCommitRequest) (kmsg.Response, error) { return nil, errors.New("cut") },
		"one partition": partition(kerr.TopicAuthorizationFailed),
		// A rebalance has ended on the broker, and we do not know it yet.
		"an earlier generation": partition(kerr.IllegalGeneration),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			var failures atomic.Int32
			w.cluster.ControlKey(int16(kmsg.OffsetCommit), func(req kmsg.Request) (kmsg.Response, error, bool) {
				w.cluster.KeepControl()
				if failures.Add(1) > 2 {
					return nil, nil, false
				}
				resp, err := fail(req.(*kmsg.OffsetCommitRequest))
				return resp, err, true
			})
			opts := w.options()
			opts.Kafka = append(opts.Kafka, kgo.RequestRetries(0)) // or the client would hide it
			_, stop := w.run(opts)
			w.produce(0, 1)
			w.awaitEvents(1)
			stop() // which waits for the commit
			offsets, err := kadm.NewClient(w.producer).FetchOffsets(t.Context(), prefix+"events")
			if err != nil {
				t.Fatal(err)
			}
			committed := int64(0)
			offsets.Each(func(o kadm.OffsetResponse) { committed += max(0, o.At) })
			if committed != 1 || failures.Load() < 3 {
				t.Errorf("offset %d is committed after %d tries, want 1 after 3", committed, failures.Load())
			}
		})
	}
}

// A partition whose offset Kafka refuses for good, since its topic is gone or may not be
// read, holds up neither the others' events nor the end of the process.
func TestARefusedOffsetHoldsUpNothing(t *testing.T) {
	w := newWorld(t)
	gone := w.produceValue(account(0), account(0)+"/000000")
	w.cluster.ControlKey(int16(kmsg.OffsetCommit), func(req kmsg.Request) (kmsg.Response, error, bool) {
		w.cluster.KeepControl()
		answer := refusedCommit(req.(*kmsg.OffsetCommitRequest), kerr.TopicAuthorizationFailed)
		for i := range answer.Topics {
			for j := range answer.Topics[i].Partitions {
				if p := &answer.Topics[i].Partitions[j]; p.Partition != gone {
					p.ErrorCode = 0
				}
			}
		}
		return answer, nil, true
	})
	opts := w.options()
	opts.MaxInFlight = 1 // 20 events may be sent and not committed
	_, stop := w.run(opts)
	w.produce(1, 200)
	w.awaitEvents(200)
	stop()
	w.checkOnce(200)
}
