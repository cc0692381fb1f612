package stream

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/runtime/blame"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// oddNumber is the number of the record that a bloated machine makes too much of.
const oddNumber = 7

// bloated is a counter that makes more of one record than a topic takes.
type bloated struct {
	counter
	where string // "output", "state" or "answer"
	bytes int
	waits map[string]*payload // what waits for an answer
	calls map[string]bool     // what was asked for
}

func newBloated(where string, bytes int) func(machine.Unit) machine.Machine {
	return func(machine.Unit) machine.Machine {
		return &bloated{counter{make(map[string]int)}, where, bytes, make(map[string]*payload), make(map[string]bool)}
	}
}

func (m *bloated) Restore(key string, value any) error {
	if p := value.(*payload); strings.HasPrefix(key, todoPrefix) {
		m.waits[key] = p
		return nil
	}
	return m.counter.Restore(key, value)
}

func (m *bloated) Record(tx *machine.Tx, rec *machine.Record) {
	given := rec.Value.(*payload)
	huge := &payload{Account: rec.Account, Text: string(alnum(m.bytes))}
	switch {
	case m.where == "answer":
		key := todoPrefix + rec.Account + "/" + strconv.Itoa(given.N)
		m.waits[key] = &payload{Account: rec.Account, N: given.N}
		tx.Put(key, m.waits[key])
		return
	case given.N != oddNumber:
	case m.where == "output":
		tx.Emit(machine.Output{Topic: out, Account: rec.Account, Value: huge})
	case m.where == "state":
		tx.Put("huge", huge)
	}
	m.counter.Record(tx, rec)
}

func (m *bloated) Draw(tx *machine.Tx) {
	for key, p := range m.waits {
		if !m.calls[key] {
			m.calls[key] = true
			tx.Call(machine.Call{Account: p.Account, Operation: "get", Key: key, Request: p.N})
		}
	}
}

func (m *bloated) Result(tx *machine.Tx, res *machine.Result) {
	p := m.waits[res.Call.Key]
	text := "refused"
	if done, ok := res.Outcome.(machine.Done); ok {
		text = done.Response.(string)
	} else if res.Blame != blame.Item || !strings.Contains(res.Outcome.(machine.Reject).Err.Error(), testPrefix+out) {
		text = "refused for another reason"
	}
	tx.Delete(res.Call.Key)
	tx.Emit(machine.Output{Topic: out, Account: p.Account, Value: &payload{Account: p.Account, N: p.N, Text: text}})
}

// alnum is text that does not compress much.
func alnum(n int) []byte {
	data := noise(n)
	for i := range data {
		data[i] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-"[data[i]%64]
	}
	return data
}

// A record that is larger than its topic takes turns the input that made it into a dead
// letter, and costs nobody else anything: whether our client or the broker refuses it,
// and whether it is an output or an entry of the state.
func TestOneLetterForWhatMakesTooMuch(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		where, topic string
		bytes        int
		takes        string // max.message.bytes
	}{
		"output, refused by the client": {"output", out, 2 << 20, ""},
		"output, refused by the broker": {"output", out, 300_000, "100000"},
		"state, refused by the client":  {"state", state, 2 << 20, ""},
		"state, refused by the broker":  {"state", state, 300_000, "100000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, w *world) {
				if test.takes != "" {
					w.setTopicConfig(test.topic, "max.message.bytes", test.takes)
				}
				for n := 1; n <= 20; n++ {
					w.produce(in1, "a", n)
				}
				r := w.run(w.options(newBloated(test.where, test.bytes)))
				letter := decode[schemas.DeadLetter](t, w.read(schemas.DeadLetters, 1)[0])
				if letter.Reason != "too_large" || *letter.Offset != oddNumber-1 || !strings.Contains(letter.Message, testPrefix+test.topic) {
					t.Errorf("the letter is of offset %d: %s: %s", *letter.Offset, letter.Reason, letter.Message)
				}
				checkPassed(t, w.read(out, 19), 20)
				for n := 21; n <= 40; n++ {
					w.produce(in1, "a", n)
				}
				checkPassed(t, w.read(out, 39), 40)
				if len(r.Stopped()) > 0 || len(w.readFor(schemas.DeadLetters, 2, time.Second)) > 1 {
					t.Errorf("stopped are %v, or there are more letters", r.Stopped())
				}
				r.shutdown()
			})
		})
	}
}

// checkPassed wants an output of every record up to last, except for the odd one.
func checkPassed(t *testing.T, recs []*kgo.Record, last int) {
	t.Helper()
	want := 0
	for _, rec := range recs {
		if want++; want == oddNumber {
			want++
		}
		if p := decode[payload](t, rec); p.Text != strconv.Itoa(want) {
			t.Fatalf("an output of record %s, want %d", p.Text, want)
		}
	}
	if want != last {
		t.Errorf("the last output is of record %d, want %d", want, last)
	}
}

// The answer that makes too much is a refusal to its own call; all others are used.
func TestARefusalForTheAnswerThatMakesTooMuch(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		opts := w.options(newBloated("answer", 0))
		huge := string(alnum(2 << 20))
		opts.Execute = func(_ context.Context, call machine.Call) machine.Result {
			if call.Request == oddNumber {
				return machine.Result{Outcome: machine.Done{Response: huge}}
			}
			return machine.Result{Outcome: machine.Done{Response: "ok"}}
		}
		for n := 1; n <= 20; n++ {
			w.produce(in1, "a", n)
		}
		r := w.run(opts)
		told := make(map[int]string)
		for _, rec := range w.read(out, 20) {
			p := decode[payload](t, rec)
			told[p.N] = p.Text
		}
		for n := 1; n <= 20; n++ {
			if want := map[bool]string{false: "ok", true: "refused"}[n == oddNumber]; told[n] != want {
				t.Errorf("record %d: %q, want %q", n, told[n], want)
			}
		}
		if len(r.Stopped()) > 0 {
			t.Errorf("stopped: %v", r.Stopped())
		}
		r.shutdown()
	})
}

// A topic that does not take the batches of a full tick takes its records one by one.
func TestATopicThatTakesLittleGetsSmallBatches(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		w.setTopicConfig(out, "max.message.bytes", "1000")
		for n := 1; n <= 200; n++ {
			w.produce(in1, "a", n)
		}
		r := w.run(w.options(newCounter))
		checkCounts(t, w.read(out, 200), 1, 200)
		if len(r.Stopped()) > 0 {
			t.Errorf("stopped: %v", r.Stopped())
		}
		r.shutdown()
	})
}
