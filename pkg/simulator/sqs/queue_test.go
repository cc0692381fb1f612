package sqs

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/test/property"
)

// held is what the model knows of a message that it received.
type held struct {
	body   string
	handle string
	until  time.Time
}

// queueModel is what a standard queue promises, kept beside a real one.
type queueModel struct {
	q       *queue
	waiting map[string]time.Time // body → when it may be received
	held    []held               // latest deliveries, in flight or run out
	deleted map[string]bool
	sent    int
}

func (m *queueModel) send(t *rapid.T) {
	m.sent++
	body := fmt.Sprint("body ", m.sent)
	delay := time.Duration(rapid.IntRange(0, 3).Draw(t, "delay")) * time.Second
	m.q.send(body, delay)
	m.waiting[body] = time.Now().Add(delay)
}

// receive waits in the bubble's context: one of rapid's ends outside of the bubble.
func (m *queueModel) receive(ctx context.Context, t *rapid.T) {
	most := rapid.IntRange(1, 10).Draw(t, "most")
	visibility := time.Duration(rapid.IntRange(0, 4).Draw(t, "visibility")) * time.Second
	wait := time.Duration(rapid.IntRange(0, 2).Draw(t, "wait")) * time.Second
	due := func() (n int) {
		for _, at := range m.waiting {
			if !at.After(time.Now()) {
				n++
			}
		}
		return n
	}
	before := due()
	got := m.q.receive(ctx, most, visibility, wait)
	if len(got) > most || (before > 0 && visibility > 0 && len(got) != min(most, before)) || (len(got) == 0 && wait > 0 && due() > 0) {
		t.Fatalf("received %d of %d, at most %d", len(got), before, most)
	}
	for _, d := range got {
		var decoded struct{ Body string }
		if err := json.Unmarshal(fmt.Appendf(nil, "{%s}", d.message.encoded), &decoded); err != nil {
			t.Fatal(err)
		}
		body := decoded.Body
		at, known := m.waiting[body]
		if !known || at.After(time.Now()) || m.deleted[body] {
			t.Fatalf("%q was received before its time or after its end", body)
		}
		m.held = slices.DeleteFunc(m.held, func(h held) bool { return h.body == body })
		until := time.Now().Add(visibility)
		m.held = append(m.held, held{body, d.handle, until})
		m.waiting[body] = until
	}
}

func (m *queueModel) remove(t *rapid.T) {
	if len(m.held) == 0 {
		return
	}
	i := rapid.IntRange(0, len(m.held)-1).Draw(t, "which")
	h := m.held[i]
	if err := m.q.delete(h.handle); err != nil {
		t.Fatal(err)
	}
	m.held = slices.Delete(m.held, i, i+1)
	delete(m.waiting, h.body)
	m.deleted[h.body] = true
}

func (m *queueModel) extend(t *rapid.T) {
	if len(m.held) == 0 {
		return
	}
	i := rapid.IntRange(0, len(m.held)-1).Draw(t, "which")
	h := &m.held[i]
	visibility := time.Duration(rapid.IntRange(0, 5).Draw(t, "visibility")) * time.Second
	err := m.q.changeVisibility(h.handle, visibility)
	if inFlight := h.until.After(time.Now()); inFlight != (err == nil) {
		t.Fatalf("in flight %v, but: %v", inFlight, err)
	}
	if err == nil {
		h.until = time.Now().Add(visibility)
		m.waiting[h.body] = h.until
	}
}

func (m *queueModel) check(t *rapid.T) {
	stats := m.q.snapshot()
	if stats.Sent != m.sent || stats.Deleted != len(m.deleted) {
		t.Fatalf("%+v, %d sent, %d deleted", stats, m.sent, len(m.deleted))
	}
	if stats.Visible+stats.InFlight+stats.Delayed != len(m.waiting) {
		t.Fatalf("%+v, but %d messages are left", stats, len(m.waiting))
	}
	visible := 0
	for _, at := range m.waiting {
		if !at.After(time.Now()) {
			visible++
		}
	}
	if stats.Visible != visible {
		t.Fatalf("%+v, but %d are visible", stats, visible)
	}
}

// However messages are sent, received, hidden and deleted: none is lost, none
// comes back after its deletion, none is received while it is hidden.
func TestQueueKeepsItsPromises(t *testing.T) {
	t.Parallel()
	property.Check(t, func(rt *rapid.T) {
		// rapid fails a case by a panic, which must reach it outside of the bubble.
		var failure any
		synctest.Test(t, func(t *testing.T) {
			defer func() { failure = recover() }()
			m := &queueModel{q: newQueue("q", 30*time.Second), waiting: make(map[string]time.Time), deleted: make(map[string]bool)}
			rt.Repeat(map[string]func(*rapid.T){
				"send":    m.send,
				"receive": func(rt *rapid.T) { m.receive(t.Context(), rt) },
				"delete":  m.remove,
				"extend":  m.extend,
				"wait":    func(t *rapid.T) { time.Sleep(time.Duration(rapid.IntRange(1, 3).Draw(t, "seconds")) * time.Second) },
				"":        m.check,
			})
		})
		if failure != nil {
			panic(failure)
		}
	})
}

// A poll that waits gets a message at the moment when it becomes visible, be
// it new, delayed, run out or given back.
func TestQueueLongPoll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue("q", 30*time.Second)
		poll := func() (n int, took time.Duration) {
			started := time.Now()
			return len(q.receive(t.Context(), 10, 5*time.Second, 20*time.Second)), time.Since(started)
		}
		if n, took := poll(); n != 0 || took != 20*time.Second {
			t.Errorf("an empty queue: %d after %v", n, took)
		}
		time.AfterFunc(3*time.Second, func() { q.send("new", 0) })
		if n, took := poll(); n != 1 || took != 3*time.Second {
			t.Errorf("a new message: %d after %v", n, took)
		}
		if n, took := poll(); n != 1 || took != 5*time.Second {
			t.Errorf("a visibility that runs out: %d after %v", n, took)
		}
		q.purge()
		time.AfterFunc(time.Second, func() { q.send("delayed", 2*time.Second) })
		if n, took := poll(); n != 1 || took != 3*time.Second {
			t.Errorf("a delayed message: %d after %v", n, took)
		}
		q.purge()
		q.send("given back", 0)
		handle := q.receive(t.Context(), 1, time.Hour, 0)[0].handle
		time.AfterFunc(time.Second, func() {
			if err := q.changeVisibility(handle, 0); err != nil {
				t.Error(err)
			}
		})
		if n, took := poll(); n != 1 || took != time.Second {
			t.Errorf("a message given back: %d after %v", n, took)
		}
	})
}

// Every one of many waiting polls gets its message.
func TestQueueWakesEveryPoll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue("q", time.Hour)
		const polls = 20
		got := make(chan int, polls)
		for range polls {
			go func() { got <- len(q.receive(t.Context(), 1, time.Hour, 20*time.Second)) }()
		}
		synctest.Wait()
		for i := range polls {
			q.send(fmt.Sprint(i), 0)
		}
		started := time.Now()
		for range polls {
			if n := <-got; n != 1 {
				t.Errorf("a poll got %d", n)
			}
		}
		if took := time.Since(started); took != 0 {
			t.Errorf("it took %v", took)
		}
	})
}
