package eventbridge_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseventbridge "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sellerstream/sellerstream/bridge/eventbridge"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/fakekafka"
)

func TestPublishesEachOnce(t *testing.T) {
	w := newWorld(t)
	w.produce(0, 300)
	p, stop := w.run(w.options())
	w.awaitEvents(300)
	stop()
	// What was committed is not published by the next process.
	w.run(w.options())
	w.produce(300, 310)
	w.awaitEvents(310)
	w.checkOnce(310)
	if got := p.Stats(); got.Published != 300 || got.Failed+got.Resent+got.DeadLetters != 0 {
		t.Errorf("stats %+v", got)
	}
}

func TestEvent(t *testing.T) {
	w := newWorld(t)
	at := time.UnixMilli(1_800_000_000_123)
	rec := &kgo.Record{Topic: prefix + schemas.Orders, Key: []byte("account-00"), Value: []byte("one"), Timestamp: at}
	if err := w.producer.ProduceSync(t.Context(), rec).FirstErr(); err != nil {
		t.Fatal(err)
	}
	w.run(w.options())
	w.awaitEvents(1)
	events, _ := w.Events(0)
	e := events[0]
	if e.Bus != "default" || e.Source != "sellerstream" || e.DetailType != "OrderChanged" || e.Detail != `{"id":"one"}` || len(e.Resources) != 0 {
		t.Errorf("event %+v", e)
	}
	if !time.UnixMilli(int64(e.EntryTime*1000 + 0.5)).Equal(at) {
		t.Errorf("time %v, want the record's own", e.EntryTime)
	}
}

func TestEntriesFailInPart(t *testing.T) {
	w := newWorld(t)
	simulatortest.Fault(t, w.Simulator, simulator.Rule{Part: simulator.EventBridge, Operation: "PutEvents", Times: 40, Action: simulator.Action{EntryShare: 0.3, EntryCode: "ThrottlingException"}})
	w.produce(0, 150)
	p, _ := w.run(w.options())
	w.awaitEvents(150)
	w.checkOnce(150)
	if p.Stats().Failed == 0 {
		t.Error("no entry failed: the test shows nothing")
	}
	if n := p.Stats().Resent; n != 0 { // consumers count on it: it reports what may come twice
		t.Errorf("%d entries count as sent again, though EventBridge refused what failed", n)
	}
}

func TestRequestsFail(t *testing.T) {
	w := newWorld(t)
	simulatortest.Fault(t, w.Simulator, simulator.Rule{Part: simulator.EventBridge, Operation: "PutEvents", Skip: 2, Times: 3, Action: simulator.Action{Status: 503}})
	w.produce(0, 60)
	w.run(w.options())
	w.awaitEvents(60)
	w.checkOnce(60) // a refused request brought nothing
}

// When an answer is lost, the request is sent again, byte for byte, and
// nothing else.
func TestAnswerLost(t *testing.T) {
	w := newWorld(t)
	simulatortest.Fault(t, w.Simulator, simulator.Rule{Part: simulator.EventBridge, Operation: "PutEvents", Skip: 3, Times: 1, Action: simulator.Action{LoseAnswer: true}})
	w.produce(0, 60)
	p, _ := w.run(w.options())
	w.awaitEvents(60)
	repeated := 0
	for _, n := range w.counts() {
		repeated += n - 1
	}
	unanswered := 0
	events, _ := w.Events(0)
	for _, e := range events {
		if !e.Answered {
			unanswered++
		}
	}
	if unanswered == 0 || repeated != unanswered || p.Stats().Resent != int64(unanswered) {
		t.Errorf("%d events repeated and %d counted as resent, want the %d whose answer was lost", repeated, p.Stats().Resent, unanswered)
	}
	w.checkOrder()
}

func TestSetsAsideAndGoesOn(t *testing.T) {
	w := newWorld(t)
	for _, value := range []string{"account-00/1", strings.Repeat("x", 2000), "undecodable", "unmappable", "panicking", "silent", "account-00/2"} {
		w.produceValue("account-00", value)
	}
	opts := w.options()
	opts.MaxEntryBytes = 1000
	p, _ := w.run(opts)
	w.awaitEvents(2)
	w.checkOnce(2)
	letters := w.deadLetters(4)
	want := []string{
		eventbridge.ReasonTooLarge + " " + strings.Repeat("x", 100),
		eventbridge.ReasonUndecodable + " undecodable",
		eventbridge.ReasonUnmappable + " unmappable",
		schemas.ReasonFault + " panicking",
	}
	slices.Sort(letters) // they are written at once
	slices.Sort(want)
	if fmt.Sprint(letters) != fmt.Sprint(want) {
		t.Errorf("dead letters %q, want %q", letters, want)
	}
	if p.Stats().DeadLetters != 4 {
		t.Errorf("stats %+v", p.Stats())
	}
}

// Records that are no events are passed over many at a time: a feed's outcomes
// are thousands of them, and a commit for each would hold their partition up.
func TestPassesOverWhatIsNoEvent(t *testing.T) {
	w := newWorld(t)
	for range 1000 {
		w.produceValue("account-00", "silent")
	}
	w.produceValue("account-00", "account-00/1")
	var commits atomic.Int32
	w.cluster.ControlKey(kmsg.OffsetCommit.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
		w.cluster.KeepControl()
		commits.Add(1)
		return nil, nil, false
	})
	w.run(w.options())
	w.awaitEvents(1)
	w.checkOnce(1)
	if n := commits.Load(); n > 100 {
		t.Errorf("1000 records that are no events cost %d commits", n)
	}
}

// A record that an operator has put back for a processor was published when it
// came first; one that is put back for the publisher is published.
func TestPassesOverWhatIsRetriedForOthers(t *testing.T) {
	w := newWorld(t)
	for i, role := range []string{"shipments", "events"} {
		rec := &kgo.Record{
			Topic: prefix + schemas.Orders, Key: []byte("account-00"), Value: fmt.Append(nil, "account-00/", i),
			Headers: []kgo.RecordHeader{{Key: schemas.RetryForHeader, Value: []byte(role)}},
		}
		if err := w.producer.ProduceSync(t.Context(), rec).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	w.run(w.options())
	w.awaitEvents(1)
	for detail := range w.counts() {
		if !strings.Contains(detail, "account-00/1") {
			t.Errorf("published %s", detail)
		}
	}
	w.checkOnce(1)
}

// The order of an entity is kept while its entries fail, and everything else goes on,
// what is behind it in its partition included.
func TestFailedEntryHoldsBackItsEntityOnly(t *testing.T) {
	w := newWorld(t)
	opts := w.options()
	stuck := &failsAccount{API: opts.Client, account: "account-03"}
	opts.Client = stuck
	w.produce(0, 90)
	w.run(opts)
	w.awaitEvents(80)
	for detail := range w.counts() {
		if strings.Contains(detail, stuck.account) {
			t.Errorf("%s was accepted", detail)
		}
	}
	stuck.healed.Store(true)
	w.awaitEvents(90)
	w.checkOnce(90)
}

// failsAccount fails the entries of one account, as long as it is not healed. It sends
// the others.
type failsAccount struct {
	eventbridge.API
	account string
	healed  atomic.Bool
}

func (f *failsAccount) PutEvents(ctx context.Context, in *awseventbridge.PutEventsInput, opts ...func(*awseventbridge.Options)) (*awseventbridge.PutEventsOutput, error) {
	var failing []int
	sent := *in
	sent.Entries = nil
	for i, e := range in.Entries {
		if !f.healed.Load() && strings.Contains(*e.Detail, f.account) {
			failing = append(failing, i)
			continue
		}
		sent.Entries = append(sent.Entries, e)
	}
	out := &awseventbridge.PutEventsOutput{}
	if len(sent.Entries) > 0 {
		var err error
		if out, err = f.API.PutEvents(ctx, &sent, opts...); err != nil {
			return nil, err
		}
	}
	for _, i := range failing {
		out.Entries = slices.Insert(out.Entries, i, types.PutEventsResultEntry{ErrorCode: aws.String("InternalFailure")})
	}
	return out, nil
}

// A process that dies after EventBridge has taken requests and before their commit
// leaves no more than what came since the last commit to be sent again, byte for byte.
func TestCrashBeforeCommit(t *testing.T) {
	w := newWorld(t)
	simulatortest.Fault(t, w.Simulator, simulator.Rule{Part: simulator.EventBridge, Operation: "PutEvents", Action: simulator.Action{Delay: 20 * time.Millisecond}})
	w.produce(0, 180)
	crashed := make(chan struct{})
	const well = 3 // commits
	var commits, before atomic.Int32
	w.cluster.ControlKey(kmsg.OffsetCommit.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		w.cluster.KeepControl()
		n := commits.Add(1)
		if n == well-1 { // the next one holds whatever was answered before this one
			before.Store(int32(len(w.counts())))
		}
		if n <= well {
			return nil, nil, false
		}
		select {
		case <-crashed:
			return nil, nil, false
		default:
		}
		return refusedCommit(req.(*kmsg.OffsetCommitRequest), kerr.CoordinatorLoadInProgress), nil, true
	})
	opts := w.options()
	opts.DrainTimeout = time.Millisecond
	_, stop := w.run(opts)
	w.await("refused commit", func() bool { return commits.Load() > well })
	stop()
	close(crashed)
	sent := len(w.counts())
	w.run(w.options())
	w.awaitEvents(180)
	repeated := 0
	for detail, n := range w.counts() {
		if n > 2 {
			t.Errorf("%s was received %d times", detail, n)
		}
		repeated += n - 1
	}
	// One entry of each account was under way at most when the commit before was written.
	if most := sent - int(before.Load()) + 9; repeated == 0 || repeated > most {
		t.Errorf("%d of %d events were sent again, want some, and at most %d", repeated, sent, most)
	}
	w.checkOrderOfFirst()
}

// refusedCommit answers every partition of a commit with an error.
func refusedCommit(req *kmsg.OffsetCommitRequest, reason *kerr.Error) *kmsg.OffsetCommitResponse {
	answer := req.ResponseKind().(*kmsg.OffsetCommitResponse)
	for _, topic := range req.Topics {
		refused := kmsg.OffsetCommitResponseTopic{Topic: topic.Topic, TopicID: topic.TopicID}
		for _, p := range topic.Partitions {
			refused.Partitions = append(refused.Partitions, kmsg.OffsetCommitResponseTopicPartition{Partition: p.Partition, ErrorCode: reason.Code})
		}
		answer.Topics = append(answer.Topics, refused)
	}
	return answer
}

// Members join and leave while events flow, and calls are slow enough to be
// under way at every rebalance: each event is published once.
func TestJoinsAndLeaves(t *testing.T) {
	w := newWorld(t)
	simulatortest.Fault(t, w.Simulator, simulator.Rule{Part: simulator.EventBridge, Operation: "PutEvents", Probability: 0.2, Action: simulator.Action{Delay: 100 * time.Millisecond}})
	_, stopFirst := w.run(w.options())
	n := 0
	var stops []func()
	for round := range 6 {
		for range 40 {
			w.produce(n, n+1)
			n++
		}
		_, stop := w.run(w.options())
		stops = append(stops, stop)
		if round%2 == 1 {
			stops[0]()
			stops = stops[1:]
		}
	}
	stopFirst()
	w.produce(n, n+40)
	n += 40
	w.awaitEvents(n)
	for _, stop := range stops {
		stop()
	}
	w.checkOnce(n)
}

// Whatever fails, and whoever joins and leaves meanwhile: each event arrives,
// in the order of its account, and comes again only where an answer was lost.
func TestAnyFault(t *testing.T) {
	w := newWorld(t)
	for _, action := range []simulator.Action{
		{EntryShare: 0.5}, {LoseAnswer: true}, {Status: 500}, {Status: 400}, {Drop: true}, {Delay: 50 * time.Millisecond},
	} {
		simulatortest.Fault(t, w.Simulator, simulator.Rule{Part: simulator.EventBridge, Operation: "PutEvents", Probability: 0.05, Action: action})
	}
	events := 0
	for range 6 {
		w.produce(events, events+70)
		events += 70
		_, stop := w.run(w.options())
		w.awaitEvents(events - 50)
		w.run(w.options())
		stop()
	}
	w.awaitEvents(events)
	answered, first := make(map[string]int), make(map[string]string)
	got, _ := w.Events(0)
	for _, e := range got {
		if e.Answered {
			answered[e.Detail]++
		}
		key := e.Detail[:len(`{"id":"account-00`)]
		if e.Detail > first[key] {
			first[key] = e.Detail
		} else if w.counts()[e.Detail] == 1 {
			t.Errorf("%s came after %s", e.Detail, first[key])
		}
	}
	for detail, n := range answered {
		if n > 1 {
			t.Errorf("%s was accepted %d times with an answer", detail, n)
		}
	}
}

func TestReadsOnlyWhatIsCommitted(t *testing.T) {
	w := newWorld(t)
	tx := fakekafka.Client(w.t, w.cluster, kgo.TransactionalID("tx"))
	defer tx.Close()
	for i, end := range []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit} {
		if err := tx.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		value := fmt.Sprintf("account-00/%d", i)
		rec := &kgo.Record{Topic: prefix + schemas.Orders, Key: []byte("account-00"), Value: []byte(value)}
		if err := tx.ProduceSync(t.Context(), rec).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := tx.EndTransaction(t.Context(), end); err != nil {
			t.Fatal(err)
		}
	}
	w.run(w.options())
	w.awaitEvents(1)
	if got := w.counts(); got[`{"id":"account-00/1"}`] != 1 || len(got) != 1 {
		t.Errorf("events %v, want the committed one", got)
	}
}

func TestRegistryAway(t *testing.T) {
	w := newWorld(t)
	opts := w.options()
	codec := &awayCodec{}
	codec.away.Store(3)
	opts.Codec = codec
	w.produce(0, 9)
	p, _ := w.run(opts)
	w.awaitEvents(9)
	w.checkOnce(9)
	if codec.away.Load() >= 0 || p.Stats().DeadLetters != 0 {
		t.Errorf("dead letters %d", p.Stats().DeadLetters)
	}
}

// awayCodec cannot decode at first.
type awayCodec struct {
	plain
	away atomic.Int32
}

func (c *awayCodec) Decode(ctx context.Context, topic string, data []byte) (any, error) {
	if c.away.Add(-1) >= 0 {
		return nil, fmt.Errorf("schema 1: %w", registry.ErrUnavailable)
	}
	return c.plain.Decode(ctx, topic, data)
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	_, err := eventbridge.New(eventbridge.Options{})
	for _, name := range []string{"Client", "Codec", "Details", "Topics", "Kafka"} {
		if err == nil || !strings.Contains(err.Error(), "Options."+name) {
			t.Errorf("the error does not name %s: %v", name, err)
		}
	}
}
