package stream

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/test/logged"
	"github.com/sellerstream/sellerstream/test/long"
	"github.com/sellerstream/sellerstream/test/property"
)

// gate is a network that can be stopped and let go on, as a process is by
// SIGSTOP and SIGCONT: nothing is lost, everything is late.
type gate struct {
	dial func(ctx context.Context, network, host string) (net.Conn, error)
	mu   sync.Mutex
	open chan struct{}
}

func newGate(dial func(ctx context.Context, network, host string) (net.Conn, error)) *gate {
	g := &gate{dial: dial, open: make(chan struct{})}
	close(g.open)
	return g
}

func (g *gate) stop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = make(chan struct{})
}

func (g *gate) goOn() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.open)
}

// pass waits until the gate is open, or cancel.
func (g *gate) pass(cancel <-chan struct{}) {
	g.mu.Lock()
	open := g.open
	g.mu.Unlock()
	select {
	case <-open:
	case <-cancel:
	}
}

func (g *gate) Dial(ctx context.Context, network, host string) (net.Conn, error) {
	g.pass(ctx.Done())
	conn, err := g.dial(ctx, network, host)
	if err != nil {
		return nil, err
	}
	return &gatedConn{Conn: conn, g: g, closed: make(chan struct{})}, nil
}

type gatedConn struct {
	net.Conn
	g      *gate
	once   sync.Once
	closed chan struct{}
}

func (c *gatedConn) Write(p []byte) (int, error) {
	c.g.pass(c.closed)
	return c.Conn.Write(p)
}

func (c *gatedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.g.pass(c.closed)
	return n, err
}

func (c *gatedConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// SetDeadline in the past is how the client interrupts what it has given up.
func (c *gatedConn) SetDeadline(at time.Time) error { return c.interrupt(at, c.Conn.SetDeadline) }
func (c *gatedConn) SetReadDeadline(at time.Time) error {
	return c.interrupt(at, c.Conn.SetReadDeadline)
}
func (c *gatedConn) SetWriteDeadline(at time.Time) error {
	return c.interrupt(at, c.Conn.SetWriteDeadline)
}

func (c *gatedConn) interrupt(at time.Time, set func(time.Time) error) error {
	if !at.IsZero() && !at.After(time.Now()) {
		c.once.Do(func() { close(c.closed) })
	}
	return set(at)
}

func TestZombieIsFencedAndWritesNothing(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		zombieLogs := &logged.Text{}
		g := newGate(w.net.DialContext)
		opts := w.options(newCounter)
		opts.Client = append(opts.Client, kgo.Dialer(g.Dial))
		opts.Logger = zombieLogs.Logger(slog.LevelDebug)
		zombie := w.run(opts)
		w.eventually("ready", zombie.Ready)
		for n := 1; n <= 10; n++ {
			w.produce(in1, "a", n)
		}
		w.read(out, 10)

		g.stop()
		// The zombie has records in hand whose transaction is under way.
		for n := 11; n <= 20; n++ {
			w.produce(in1, "a", n)
		}
		heirLogs := &logged.Text{}
		opts = w.options(newCounter)
		opts.Logger = heirLogs.Logger(slog.LevelDebug)
		heir := w.run(opts)
		w.read(out, 20)
		w.eventually("the heir is ready", heir.Ready)
		g.goOn()
		w.eventually("the zombie notices", func() bool {
			return zombieLogs.Has("unit was fenced") || zombieLogs.Has("expelled")
		})
		for n := 21; n <= 30; n++ {
			w.produce(in1, "a", n)
		}
		checkCounts(t, w.read(out, 30), 1, 30)
		if extra := w.readFor(out, 31, 5*time.Second); len(extra) != 30 {
			t.Errorf("%d records, want 30", len(extra))
		}
		if heirLogs.Has("unit was fenced") {
			t.Error("the zombie fenced the true owner, although the group had expelled it")
		}
		zombie.shutdown()
		heir.shutdown()
	})
}

// TestExactlyOnceUnderRandomFaults starts, stops, kills and suspends
// processes at random while records come in.
func TestExactlyOnceUnderRandomFaults(t *testing.T) {
	t.Parallel()
	property.CheckSeeds(t, property.Seeds(long.Pick(t, 5, 20)), func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		steps := rapid.IntRange(3, 8).Draw(rt, "steps")
		inBubble(t, func(t *testing.T, w *world) {
			t.Logf("seed %d, %d steps", seed, steps)
			randomFaults(t, w, rand.New(rand.NewPCG(seed, 0)), steps)
		})
	})
}

type process struct {
	*running
	gate    *gate
	stopped bool
}

func randomFaults(t *testing.T, w *world, random *rand.Rand, steps int) {
	const accounts = 6
	start := func() *process {
		g := newGate(w.net.DialContext)
		opts := w.options(newCounter)
		opts.Client = append(opts.Client, kgo.Dialer(g.Dial))
		opts.MaxTick = 1 + random.IntN(20)
		// kfake begins to wait for its members anew with each that joins again, which each
		// does ten seconds after this time: with the default, two of them keep a group from
		// ever coming together. Kafka does not.
		opts.RebalanceTimeout = 5 * time.Second
		return &process{running: w.run(opts), gate: g}
	}
	processes := []*process{start()}
	n := 0
	for range steps {
		for range 5 {
			n++
			for account := range accounts {
				w.produce(in1, fmt.Sprintf("account-%d", account), n)
			}
		}
		p := processes[random.IntN(len(processes))]
		switch random.IntN(6) {
		case 0:
			p.kill()
		case 1:
			if !p.stopped {
				p.stop()
			}
		case 2:
			if !p.stopped {
				p.gate.stop()
				p.stopped = true
			}
		case 3:
			if p.stopped {
				p.gate.goOn()
				p.stopped = false
			}
		default:
			processes = append(processes, start())
		}
		time.Sleep(time.Duration(random.IntN(8_000)) * time.Millisecond)
	}
	for _, p := range processes {
		if p.stopped {
			p.gate.goOn()
		}
	}
	last := start()
	checkCounts(t, w.read(out, n*accounts), accounts, n)
	if recs := w.readFor(out, n*accounts+1, 10*time.Second); len(recs) != n*accounts {
		t.Fatalf("%d records came out, want %d", len(recs), n*accounts)
	}
	for _, p := range append(processes, last) {
		p.stop()
		if err := p.wait(); err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

func TestStateSurvivesCompactionAndTombstones(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		e := instantly()
		r := w.run(w.withCaller(e, nil))
		for n := 1; n <= 50; n++ {
			w.produce(in1, "a", n)
		}
		w.read(out, 50)
		r.shutdown()
		restart := func(n int) {
			r := w.run(w.withCaller(e, nil))
			w.eventually("ready", r.Ready)
			w.produce(in1, "a", n)
			w.read(out, n)
			if e.count() != n {
				t.Errorf("%d calls, want %d: deleted entries came back", e.count(), n)
			}
			r.shutdown()
		}
		restart(51)
		w.setTopicConfig(state, "cleanup.policy", "compact")
		w.cluster.Compact()
		restart(52)
	})
}

func TestRestoreReadsTheWholeState(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		opts := w.options(newCounter)
		opts.MaxTick = 1
		// A fetch brings one batch, so that the restore needs many. (With
		// FetchMaxBytes(1) the fake broker would forget to say which were aborted.)
		opts.Client = append(opts.Client, kgo.FetchMaxPartitionBytes(1))
		for n := 1; n <= 30; n++ {
			for account := range 3 {
				w.produce(in1, fmt.Sprintf("account-%d", account), n)
			}
		}
		for n := 30; n <= 90; n += 30 {
			r := w.run(opts)
			w.read(out, n)
			r.kill()
			if err := r.wait(); err != nil {
				t.Fatalf("Run: %v", err)
			}
		}
		checkCounts(t, w.read(out, 90), 3, 30)
	})
}
