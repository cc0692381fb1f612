package faults

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/test/logged"
)

// fleet is the running workers, the oldest first.
type fleet struct {
	t       *testing.T
	set     settings
	workers []*worker
	gone    []*worker
	zombies int // suspended workers that were refused when they went on
}

// worker is a process.
type worker struct {
	t    *testing.T
	cmd  *exec.Cmd
	logs *logged.Text
	done chan error
	from int // how long its log was when it was resumed last
}

func (f *fleet) start() {
	f.t.Helper()
	text, err := json.Marshal(f.set)
	if err != nil {
		f.t.Fatal(err)
	}
	w := &worker{t: f.t, cmd: exec.Command(os.Args[0]), logs: &logged.Text{}, done: make(chan error, 1)}
	w.cmd.Env = append(os.Environ(), workerVariable+"="+string(text))
	w.cmd.Stderr, w.cmd.Stdout = w.logs, w.logs
	if err := w.cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	go func() { w.done <- w.cmd.Wait() }()
	f.workers = append(f.workers, w)
}

func (f *fleet) remove(i int) *worker {
	w := f.workers[i]
	f.workers = append(f.workers[:i], f.workers[i+1:]...)
	f.gone = append(f.gone, w)
	return w
}

// kill is kill -9.
func (f *fleet) kill(i int) {
	w := f.remove(i)
	w.signal(syscall.SIGKILL)
	<-w.done
}

// stop lets a worker leave in order.
func (f *fleet) stop(i int) {
	w := f.remove(i)
	w.signal(syscall.SIGTERM)
	select {
	case err := <-w.done:
		if err != nil {
			f.t.Errorf("a worker that was asked to stop ended with %v\n%s", err, w.logs)
		}
	case <-time.After(time.Minute):
		w.signal(syscall.SIGKILL)
		<-w.done
		f.t.Errorf("a worker did not stop within a minute\n%s", w.logs)
	}
}

func (f *fleet) suspend(i int) *worker {
	w := f.workers[i]
	w.signal(syscall.SIGSTOP)
	return w
}

func (w *worker) resume() {
	w.from = len(w.logs.String())
	w.signal(syscall.SIGCONT)
}

// logged counts a text in what a worker has logged since it was resumed last.
func (w *worker) logged(text string) int { return strings.Count(w.logs.String()[w.from:], text) }

// awaitZombie waits until resumed workers have noticed, and counts those whose
// transaction Kafka refused. What they noticed in earlier rounds does not count.
func (f *fleet) awaitZombie(workers ...*worker) {
	for deadline := time.Now().Add(4 * f.set.Session); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		noticed := 0
		for _, w := range workers {
			if w.logged("has expelled this process") > 0 {
				noticed++
			}
		}
		if noticed == len(workers) {
			break
		}
	}
	for _, w := range workers {
		if w.logged("PRODUCER_FENCED")+w.logged("INVALID_PRODUCER_EPOCH") > 0 {
			f.zombies++
		}
	}
}

// logged counts the log lines of all workers, past and present, that have text.
func (f *fleet) logged(text string) int {
	n := 0
	for _, w := range append(f.gone, f.workers...) {
		n += w.logs.Count(text)
	}
	return n
}

func (w *worker) signal(s syscall.Signal) {
	if err := w.cmd.Process.Signal(s); err != nil {
		w.t.Errorf("%v to a worker: %v; it had logged\n%s", s, err, w.logs)
	}
}

func TestEarlierRoundsMakeNoZombie(t *testing.T) {
	t.Parallel()
	w := &worker{t: t, logs: &logged.Text{}}
	f := &fleet{t: t, set: settings{Session: time.Millisecond}}
	write := func(text string) { _, _ = w.logs.Write([]byte(text + "\n")) }
	write("Kafka has expelled this process: PRODUCER_FENCED")
	w.from = len(w.logs.String()) // resumed
	if f.awaitZombie(w); f.zombies != 0 {
		t.Error("a line of an earlier round counts")
	}
	write("Kafka has expelled this process: INVALID_PRODUCER_EPOCH")
	if f.awaitZombie(w); f.zombies != 1 {
		t.Errorf("%d zombies, want the one of this round", f.zombies)
	}
}
