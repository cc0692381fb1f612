package stream

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
)

// caller is a machine that makes one call per record: the record is put into
// the state, a call is drawn for it, and its result or its refusal is emitted.
type caller struct {
	lease  time.Duration
	delay  time.Duration // from a record to its call
	todo   map[string]*payload
	since  map[string]time.Time
	flying map[string]bool
}

const todoPrefix = "todo/"

func (m *caller) Restore(key string, value any) error {
	m.todo[key] = value.(*payload)
	return nil
}

func (m *caller) Record(tx *machine.Tx, rec *machine.Record) {
	p := rec.Value.(*payload)
	key := fmt.Sprintf("%s%s/%d", todoPrefix, p.Account, p.N)
	m.todo[key], m.since[key] = p, tx.Now
	tx.Put(key, p)
}

func (m *caller) Result(tx *machine.Tx, res *machine.Result) {
	key := res.Call.Key
	p := m.todo[key]
	delete(m.flying, key)
	ended := &payload{Account: p.Account, N: p.N}
	switch outcome := res.Outcome.(type) {
	case machine.Done:
		ended.Text = outcome.Response.(string)
	case machine.Reject:
		ended.Text = fmt.Sprintf("%s refused: %v", res.Blame, outcome.Err)
	case machine.Snooze:
		ended.Text = "snoozed"
		if outcome.Err != nil {
			ended.Text += ": " + outcome.Err.Error()
		}
		m.todo[key] = ended
		tx.Put(key, ended)
		return
	default:
		return
	}
	delete(m.todo, key)
	tx.Delete(key)
	tx.Emit(machine.Output{Topic: out, Account: p.Account, Value: ended})
}

func (m *caller) Draw(tx *machine.Tx) {
	for key, p := range m.todo {
		if m.flying[key] || strings.HasPrefix(p.Text, "snoozed") {
			continue
		}
		if due := m.since[key].Add(m.delay); due.After(tx.Now) {
			tx.WakeAt(due)
			continue
		}
		m.flying[key] = true
		tx.Call(machine.Call{Account: p.Account, Operation: "test", Key: key, Request: p.N, Lease: m.lease})
	}
}

func (m *caller) Pending() int { return len(m.todo) }

// executor records calls, and answers each when the test lets it.
type executor struct {
	mu      sync.Mutex
	started []machine.Call
	at      []time.Time
	release chan struct{} // closed: calls end at once
	ignore  bool          // whether a running call ignores its context
}

func newExecutor() *executor { return &executor{release: make(chan struct{})} }

// instantly answers every call at once.
func instantly() *executor {
	e := newExecutor()
	close(e.release)
	return e
}

func (e *executor) execute(ctx context.Context, call machine.Call) machine.Result {
	e.mu.Lock()
	e.started = append(e.started, call)
	e.at = append(e.at, time.Now())
	e.mu.Unlock()
	cancelled := ctx.Done()
	if e.ignore {
		cancelled = nil
	}
	select {
	case <-e.release:
		return machine.Result{Outcome: machine.Done{Response: "ok"}}
	case <-cancelled:
		return machine.Result{Outcome: machine.Ambiguous{Err: context.Cause(ctx)}}
	}
}

func (e *executor) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.started)
}

// withCaller runs callers made by adjust.
func (w *world) withCaller(e *executor, adjust func(*caller)) Options {
	opts := w.options(func(machine.Unit) machine.Machine {
		m := &caller{todo: make(map[string]*payload), since: make(map[string]time.Time), flying: make(map[string]bool)}
		if adjust != nil {
			adjust(m)
		}
		return m
	})
	opts.Execute = e.execute
	return opts
}
