package stream

import (
	"context"
	"encoding/base64"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/runtime/blame"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// oddNumber is the number of the record that makes too much.
const oddNumber = 7

// tooMuch makes counters that make more of one record than a topic takes.
func tooMuch(topic string, bytes int) func(machine.Unit) machine.Machine {
	much := text(bytes)
	return func(machine.Unit) machine.Machine {
		m := &scripted{counter: counter{counts: make(map[string]int)}}
		m.record = func(tx *machine.Tx, rec *machine.Record) {
			huge := &payload{Account: rec.Account, Text: much}
			switch odd := rec.Value.(*payload).N == oddNumber; {
			case odd && topic == out:
				tx.Emit(machine.Output{Topic: out, Account: rec.Account, Value: huge})
			case odd:
				tx.Put("huge", huge)
			}
			m.counter.Record(tx, rec)
		}
		return m
	}
}

// text does not compress much.
func text(n int) string { return base64.StdEncoding.EncodeToString(noise(n))[:n] }

// A record that is larger than its topic takes turns the input that made it into a dead
// letter, and costs nobody else anything: whether our client or the broker refuses it,
// and whether it is an output or an entry of the state.
func TestOneLetterForWhatMakesTooMuch(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		topic string
		bytes int
		takes string // max.message.bytes
	}{
		"output, refused by the client": {out, 2 << 20, ""},
		"output, refused by the broker": {out, 300_000, "100000"},
		"state, refused by the client":  {state, 2 << 20, ""},
		"state, refused by the broker":  {state, 300_000, "100000"},
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
				r := w.run(w.options(tooMuch(test.topic, test.bytes)))
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
		opts := w.withCaller(nil, nil)
		huge := text(2 << 20)
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
			refused := strings.HasPrefix(told[n], string(blame.Item)+" refused: ") && strings.Contains(told[n], testPrefix+out)
			if n == oddNumber && !refused || n != oddNumber && told[n] != "ok" {
				t.Errorf("record %d: %q", n, told[n])
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
