package stream

import (
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// A record that an operator has put back on a topic is for the role that had set
// it aside: the topic's other readers had it when it came first.
func TestARetriedRecordIsForItsRoleAlone(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		m := &notebook{}
		opts := w.options(func(machine.Unit) machine.Machine { return m })
		opts.Processor, opts.Inputs = "inventory", []string{schemas.FeedResults}
		r := w.run(opts)
		for n, role := range []string{"events", "inventory", "a producer's own"} {
			w.produceRaw(&kgo.Record{
				Topic: testPrefix + schemas.FeedResults, Partition: partitionOf("a"), Key: []byte("a"), Value: encoded(t, &payload{Account: "a", N: n}),
				Headers: []kgo.RecordHeader{{Key: schemas.RetryForHeader, Value: []byte(role)}},
			})
		}
		w.eventually("two records", func() bool { return len(m.taken()) == 2 })
		for i, rec := range m.taken() {
			if rec.Value.(*payload).N != i+1 {
				t.Errorf("took %+v", rec.Value)
			}
		}
		r.shutdown()
	})
}

// A record came when Kafka got it, on the pipeline's clock; one that was put back, when the
// first one did: it would be newer than what came after that.
func TestARetriedRecordCameWhenTheFirstDid(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		m, start := &notebook{}, time.Now()
		opts := w.options(func(machine.Unit) machine.Machine { return m })
		opts.Processor, opts.Inputs, opts.Clock = "inventory", []string{schemas.FeedResults}, clock.NewScaled(start, 60)
		r := w.run(opts)
		for n, headers := range [][]kgo.RecordHeader{nil, {{Key: schemas.RetryTimeHeader, Value: strconv.AppendInt(nil, start.Add(-2*time.Second).UnixMilli(), 10)}}} {
			w.produceRaw(&kgo.Record{
				Topic: testPrefix + schemas.FeedResults, Partition: partitionOf("a"), Key: []byte("a"), Value: encoded(t, &payload{Account: "a", N: n}),
				Headers: headers, Timestamp: start.Add(-time.Second),
			})
		}
		w.eventually("two records", func() bool { return len(m.taken()) == 2 })
		for i, want := range []time.Duration{-time.Minute, -2 * time.Minute} {
			if rec := m.taken()[i]; !rec.Came.Equal(start.Add(want)) || !rec.Time.Equal(start.Add(-time.Second)) {
				t.Errorf("record %d came at %v and has the time %v", i, rec.Came.Sub(start), rec.Time.Sub(start))
			}
		}
		r.shutdown()
	})
}
