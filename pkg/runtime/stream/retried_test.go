package stream

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

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
