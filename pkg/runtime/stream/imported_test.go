package stream

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// TestAnImportedStateIsBegunWhenItIsWhole, and the ids of events go on as where it comes
// from. Those of records do not: an offset here is another record.
func TestAnImportedStateIsBegunWhenItIsWhole(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		mark := func(finished bool) {
			w.produceRaw(&kgo.Record{
				Topic: testPrefix + state, Partition: partitionOf("a"), Key: []byte(ImportedKey),
				Value: encoded(t, &schemas.Imported{ID: "1", Finished: finished, Namespace: "there/p."}),
			})
		}
		mark(false)
		var id, source string
		options := w.options(func(machine.Unit) machine.Machine {
			m := &scripted{counter: counter{counts: map[string]int{}}}
			m.record = func(tx *machine.Tx, rec *machine.Record) {
				id, source = tx.EventID("Kind", "part"), rec.ID
				m.counter.Record(tx, rec)
			}
			return m
		})
		options.Remedies.Import = "repeat it"
		r := w.run(options)
		w.produce(in1, "a", 1)
		w.eventually("the unit stops", func() bool { return w.logs.Has("the state was imported in part only") && w.logs.Has("repeat it") })
		mark(true)
		w.read(out, 1)
		r.shutdown()
		if id != schemas.EventID("there/p.", "Kind", "part") {
			t.Errorf("the event has the id %s", id)
		}
		if strings.Contains(source, "there") || source == "" {
			t.Errorf("the record has the id %s", source)
		}
	})
}
