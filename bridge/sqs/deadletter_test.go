package sqs_test

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

// A queue full of what is set aside is a few lines of log, which still say how
// many there were.
func TestSettingAsideIsSummedUp(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		var log lines
		opts := w.options()
		opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
		_, stop := w.run(opts)
		for i := range 200 {
			w.put(fmt.Sprintf("not JSON %d", i))
		}
		w.put(`{"hello":"world"}`)
		time.Sleep(90 * time.Second)
		log.check(t, `"set a message aside"`, 2)
		log.check(t, "reason=not_json messages=199", 1)
		log.check(t, "set more messages aside", 1)
		// After a quiet minute the next one is told in full again.
		time.Sleep(2 * time.Minute)
		w.put("not JSON")
		w.put("not JSON either")
		time.Sleep(time.Second)
		log.check(t, `"set a message aside"`, 3)
		if err := stop(); err != nil {
			t.Error(err)
		}
		log.check(t, "reason=not_json messages=1\n", 1)
	})
}

// lines is a log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

// check says whether the text stands in the log n times.
func (l *lines) check(t *testing.T, text string, n int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if got := strings.Count(l.text.String(), text); got != n {
		t.Errorf("the log has %q %d times, want %d:\n%s", text, got, n, l.text.String())
	}
}
