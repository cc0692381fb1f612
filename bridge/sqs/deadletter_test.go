package sqs_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/bridge/sqs"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/logged"
)

// A queue full of what is set aside is a few lines of log, which still say how
// many there were.
func TestSettingAsideIsSummedUp(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		var log logged.Text
		opts := w.options()
		opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
		_, stop := w.run(opts)
		for i := range 200 {
			w.put(fmt.Sprintf("not JSON %d", i))
		}
		w.put(`{"hello":"world"}`)
		time.Sleep(90 * time.Second)
		wantLogged(t, &log, `"set a message aside"`, 2)
		wantLogged(t, &log, "reason=not_json messages=199", 1)
		wantLogged(t, &log, "set more messages aside", 1)
		// After a quiet minute the next one is told in full again.
		time.Sleep(2 * time.Minute)
		w.put("not JSON")
		w.put("not JSON either")
		time.Sleep(time.Second)
		wantLogged(t, &log, `"set a message aside"`, 3)
		if err := stop(); err != nil {
			t.Error(err)
		}
		wantLogged(t, &log, "reason=not_json messages=1\n", 1)
	})
}

// wantLogged wants the text to stand in the log n times.
func wantLogged(t *testing.T, log *logged.Text, text string, n int) {
	t.Helper()
	if got := log.Count(text); got != n {
		t.Errorf("the log has %q %d times, want %d:\n%s", text, got, n, log)
	}
}

// One that makes the program panic is set aside alone, with its bytes: the process
// would end at each restart.
func TestAPanicCostsItsMessageOnly(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		var log logged.Text
		opts := w.options()
		opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
		opts.Encoder = panics{opts.Encoder, "903-0000007-0000007"}
		b, stop := w.run(opts)
		w.send(20)
		time.Sleep(5 * time.Second)
		w.checkEmpty(20)
		letters := w.values(schemas.DeadLetters)
		if len(w.orders()) != 19 || len(letters) != 1 || b.Stats().Abandoned != 0 {
			t.Fatalf("%d orders and letters %+v, stats %+v", len(w.orders()), letters, b.Stats())
		}
		letter := letters[0].(*schemas.DeadLetter)
		if letter.Reason != schemas.ReasonFault || !strings.Contains(string(letter.Value), "903-0000007-0000007") {
			t.Errorf("letter %+v", letter)
		}
		if text := log.String(); !strings.Contains(text, "reading a message panicked") || strings.Contains(text, "903-0000007-0000007") {
			t.Errorf("the log tells of no panic, or quotes the body: %s", text)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// One that makes the program panic while it is set aside has a letter without its
// body: whether that holds a secret is not known.
func TestAPanicWhileSettingAside(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		opts := w.options()
		opts.Encoder = panics{opts.Encoder, "none"}
		b, _ := w.run(opts)
		w.put("no JSON that may hold " + "a secret")
		time.Sleep(5 * time.Second)
		letters := w.values(schemas.DeadLetters)
		if len(letters) != 1 || b.Stats().Deleted != 1 {
			t.Fatalf("letters %+v, stats %+v", letters, b.Stats())
		}
		if letter := letters[0].(*schemas.DeadLetter); letter.Reason != schemas.ReasonFault || len(letter.Value) > 0 {
			t.Errorf("letter %+v", letter)
		}
	})
}

// panics is an encoder that one order change is too much for.
type panics struct {
	sqs.Encoder
	order string
}

func (p panics) AppendEncode(dst []byte, topic string, value any) ([]byte, error) {
	if change, ok := value.(*schemas.OrderChange); ok && change.OrderID == p.order {
		panic("quoted: " + p.order)
	}
	if letter, ok := value.(*schemas.DeadLetter); ok && p.order == "none" && len(letter.Value) > 0 {
		panic("quoted: " + string(letter.Value))
	}
	return p.Encoder.AppendEncode(dst, topic, value)
}

// A topic for letters that takes less than it should gets a smaller one, and the
// message is done with.
func TestADeadLetterIsCutToWhatTheTopicTakes(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		w.put("not JSON " + strings.Repeat("x", 300_000))
		w.kafka.refuse = func(rec *kgo.Record) error {
			if len(rec.Key)+len(rec.Value) > 20_000 {
				return kerr.MessageTooLarge
			}
			return nil
		}
		w.run(w.options())
		time.Sleep(30 * time.Second)
		letters := w.values(schemas.DeadLetters)
		if len(letters) != 1 || letters[0].(*schemas.DeadLetter).Cut[schemas.CutValue] != 300_009 {
			t.Errorf("%d letters", len(letters))
		}
		w.checkEmpty(1)
	})
}
