package stream

import (
	"context"
	"fmt"
	"reflect"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// reusing is a codec that decodes into the memory of earlier values.
type reusing struct {
	Codec
	reused *atomic.Int64
}

func (r reusing) DecodeInto(ctx context.Context, topic string, data []byte, used any) (any, error) {
	value, err := r.Decode(ctx, topic, data)
	if err != nil || reflect.TypeOf(value) != reflect.TypeOf(used) {
		return value, err
	}
	r.reused.Add(1)
	reflect.ValueOf(used).Elem().Set(reflect.ValueOf(value).Elem())
	return used, nil
}

// copying is a counter that keeps copies only, and whose entries are made late. It sets
// aside every third record.
type copying struct{ *counter }

func (c copying) Copied(any) bool { return true }

func (c copying) Record(tx *machine.Tx, rec *machine.Record) {
	if rec.Value.(*payload).N%3 == 0 {
		tx.Reject(rec, "third", "it is a third one")
		return
	}
	c.counter.Record(tx, rec)
	n, text := c.counts[rec.Account], fmt.Sprint(rec.Value.(*payload).N)
	tx.Put(rec.Account, &late{Account: rec.Account, N: n})
	tx.Outputs[len(tx.Outputs)-1].Value = &late{Account: rec.Account, N: n, Text: text}
}

// late is an entry or an output that is made at the end of the tick.
type late payload

func (l *late) Value(earlier any) any {
	value, ok := earlier.(*payload)
	if !ok {
		value = new(payload)
	}
	*value = payload(*l)
	return value
}

// A machine that copies gets its records and entries in memory that is used again. None of
// them is mixed up with another one, and what is set aside stays as it came.
func TestMemoryIsUsedAgain(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		opts := w.options(func(machine.Unit) machine.Machine { return copying{&counter{counts: make(map[string]int)}} })
		reused := new(atomic.Int64)
		opts.Codec = reusing{opts.Codec, reused}
		const accounts, rounds = 20, 6
		for restart := range 2 {
			r := w.run(opts)
			var recs []*kgo.Record
			for n := 1; n <= rounds; n++ {
				for a := range accounts {
					account := fmt.Sprint("account-", a)
					recs = append(recs, &kgo.Record{
						Topic: testPrefix + in1, Partition: partitionOf(account), Key: []byte(account), Value: encoded(t, &payload{Account: account, N: n}),
					})
				}
			}
			w.produceRaw(recs...)
			good := accounts * rounds * 2 / 3 * (restart + 1)
			last := make(map[string]int)
			for _, rec := range w.read(out, good) {
				p := decode[payload](t, rec)
				if last[p.Account]++; string(rec.Key) != p.Account || p.N != last[p.Account] || p.Text != fmt.Sprint([]int{1, 2, 4, 5}[(p.N-1)%4]) {
					t.Errorf("%+v with key %s is record %d of its account", p, rec.Key, last[p.Account])
				}
			}
			letters := make(map[string]int)
			for _, rec := range w.read(schemas.DeadLetters, accounts*rounds/3*(restart+1)) {
				letter := decode[schemas.DeadLetter](t, rec)
				p := decode[payload](t, &kgo.Record{Value: letter.Value})
				if letters[p.Account]++; string(letter.Key) != p.Account || p.N%3 != 0 || letter.Account != p.Account {
					t.Errorf("a letter of account %s holds %+v", letter.Account, p)
				}
			}
			r.shutdown()
		}
		if reused.Load() == 0 {
			t.Error("no memory was used again")
		}
	})
}
