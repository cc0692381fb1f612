package stream

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
)

const (
	apart       = "apart"
	apartPrefix = "apart/"
)

// keeper counts as counter does, and keeps the counts apart. An account's third
// record begins anew.
type keeper struct{ counter }

func (m *keeper) Restore(key string, value any) error {
	return m.counter.Restore(strings.TrimPrefix(key, apartPrefix), value)
}

func (m *keeper) Record(tx *machine.Tx, rec *machine.Record) {
	m.counter.Record(tx, rec)
	count := tx.State[rec.Account]
	delete(tx.State, rec.Account)
	if m.counts[rec.Account] == 3 {
		delete(m.counts, rec.Account)
		count = nil
	}
	tx.Put(apartPrefix+rec.Account, count)
}

// Entries that stand apart are written, deleted and restored as the others are.
func TestStateThatStandsApart(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		if err := w.cluster.CreateTopic(testPrefix+apart, testPartitions, nil); err != nil {
			t.Fatal(err)
		}
		opts := w.options(func(machine.Unit) machine.Machine { return &keeper{counter{counts: make(map[string]int)}} })
		opts.MoreState = []StateTopic{{Topic: apart, Prefix: apartPrefix}}
		for n, want := range []int{1, 2, 3, 1} {
			r := w.run(opts)
			w.produce(in1, "a", n)
			recs := w.read(out, n+1)
			if got := decode[payload](t, recs[n]).N; got != want {
				t.Errorf("record %d has number %d after a restart, want %d", n, got, want)
			}
			r.shutdown()
		}
		for _, rec := range w.readFor(state, 1000, patience) {
			if !strings.HasPrefix(string(rec.Key), reservedKey) {
				t.Errorf("%s stands on the state topic", rec.Key)
			}
		}
		var keys []string
		for _, rec := range w.readFor(apart, 1000, patience) {
			if key := string(rec.Key); key != claimKey {
				keys = append(keys, key+map[bool]string{true: " deleted"}[rec.Value == nil])
			}
		}
		if got := strings.Join(keys, "-"); got != "a-a-a deleted-a" {
			t.Errorf("apart stand %s", got)
		}
	})
}

func TestStateApartIsTheRuntimesOwn(t *testing.T) {
	t.Parallel()
	for says, more := range map[string]StateTopic{
		"has another use":       {Topic: out, Prefix: apartPrefix},
		"cannot begin its keys": {Topic: apart},
	} {
		_, err := New(Options{
			Processor: "test", Inputs: []string{in1}, Outputs: []string{out}, State: state, MoreState: []StateTopic{more},
			New: newCounter, Codec: codec(nil), Client: []kgo.Opt{kgo.SeedBrokers("127.0.0.1:1")},
		})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %v, want %q", more, err, says)
		}
	}
}
