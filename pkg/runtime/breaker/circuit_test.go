package breaker

import (
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/test/property"
)

var (
	start   = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	errDown = errors.New("down")
)

// one makes a call of no duration and reports whether it was let through.
func one(c *circuit, now time.Time, v verdict) bool {
	_, ok := c.enter(now, true)
	if ok {
		c.exit(now, ended{era: c.era, account: "a", verdict: v, cause: errDown})
	}
	return ok
}

func TestOpensByFailuresInARowAndByTheirShare(t *testing.T) {
	t.Parallel()
	alternating := slices.Repeat([]verdict{good, bad}, 10)
	for _, test := range []struct {
		name  string
		calls []verdict
		apart time.Duration
		open  bool
	}{
		{"four in a row", []verdict{bad, bad, bad, bad}, 0, false},
		{"five in a row, however slowly", []verdict{bad, bad, bad, bad, bad}, time.Hour, true},
		{"five with a good one between", []verdict{bad, bad, bad, good, bad, bad}, 0, false},
		{"five with one that says nothing between", []verdict{bad, bad, bad, nothing, bad, bad}, 0, true},
		{"half of nineteen", alternating[:19], time.Second, false},
		{"half of twenty", alternating, time.Second, true},
		{"half of twenty, too slowly", alternating, 10 * time.Second, false},
	} {
		c := newCircuit(hostPolicy(), start)
		now := start
		for _, v := range test.calls {
			one(c, now, v)
			now = now.Add(test.apart)
		}
		if open := c.position == Open; open != test.open {
			t.Errorf("%s: %s", test.name, c.position)
		}
	}
}

func opened(t interface{ Fatalf(string, ...any) }, now time.Time) *circuit {
	c := newCircuit(hostPolicy(), now)
	for range 5 {
		one(c, now, bad)
	}
	if c.position != Open {
		t.Fatalf("%s after five failures", c.position)
	}
	return c
}

func TestTheWaitDoublesWithEachFailedProbe(t *testing.T) {
	t.Parallel()
	now := start
	c := opened(t, now)
	for _, seconds := range []int{5, 10, 20, 40, 60, 60} {
		want := time.Duration(seconds) * time.Second
		wait, ok := c.enter(now, true)
		if ok || wait != want {
			t.Fatalf("waits %v, want %v", wait, want)
		}
		now = now.Add(wait)
		if !one(c, now, bad) {
			t.Fatalf("no probe after %v", wait)
		}
	}
	now = c.probeAt
	one(c, now, good)
	if c.position != Closed || c.cause != nil {
		t.Fatalf("%s by %v after a good probe", c.position, c.cause)
	}
	for range 5 {
		one(c, now.Add(time.Second), bad)
	}
	if c.delay != time.Minute {
		t.Fatalf("waits %v after it closed for a second, want it to grow on", c.delay)
	}
}

func TestAProbeThatComesToNothingLeavesItToTheNext(t *testing.T) {
	t.Parallel()
	c := opened(t, start)
	now := c.probeAt
	if !one(c, now, nothing) || c.position != Open {
		t.Fatalf("%s", c.position)
	}
	if !one(c, now, good) || c.position != Closed {
		t.Fatalf("%s: the next did not find out", c.position)
	}
}

func TestWhatMayNotProbeWaits(t *testing.T) {
	t.Parallel()
	c := opened(t, start)
	if wait, ok := c.enter(c.probeAt.Add(time.Hour), false); ok || wait != time.Second {
		t.Fatalf("let through %v, waits %v", ok, wait)
	}
	if !one(c, c.probeAt, good) {
		t.Fatal("no probe")
	}
	if _, ok := c.enter(c.probeAt, false); !ok {
		t.Fatal("held back by a closed circuit")
	}
}

// TestOnlyProbesPass: from the moment a circuit opens, calls pass one at a
// time, with a wait before each, until one of them is good; and calls that had
// begun before decide nothing.
func TestOnlyProbesPass(t *testing.T) {
	t.Parallel()
	property.Check(t, func(t *rapid.T) {
		c := newCircuit(hostPolicy(), start)
		now := start
		var underWay []int // eras
		probe, earliest := 0, start
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 5000).Draw(t, "wait")) * time.Millisecond)
			was := c.position
			if rapid.Bool().Draw(t, "enter") {
				wait, ok := c.enter(now, rapid.Bool().Draw(t, "probes"))
				switch {
				case !ok && (wait <= 0 || was == Closed):
					t.Fatalf("held back for %v while %s", wait, was)
				case ok && was == HalfOpen:
					t.Fatal("a second call while one finds out")
				case ok && was == Open:
					if now.Before(earliest) || c.position != HalfOpen {
						t.Fatalf("a probe at %v, before %v", now, earliest)
					}
					probe = c.era
				}
				if ok {
					underWay = append(underWay, c.era)
				}
				continue
			}
			if len(underWay) == 0 {
				continue
			}
			i := rapid.IntRange(0, len(underWay)-1).Draw(t, "which")
			era := underWay[i]
			underWay = append(underWay[:i], underWay[i+1:]...)
			v := verdict(rapid.IntRange(0, 2).Draw(t, "verdict"))
			c.exit(now, ended{era: era, account: "a", verdict: v, cause: errDown})
			if was == HalfOpen && era != probe && c.position != HalfOpen {
				t.Fatalf("%s by a call that had begun before", c.position)
			}
			if was == Open && c.position != Open {
				t.Fatalf("%s without a probe", c.position)
			}
			if was == HalfOpen && era == probe && v == good && c.position != Closed {
				t.Fatalf("%s after a good probe", c.position)
			}
			if c.position == Open && was != Open {
				earliest = c.probeAt
				if v == bad && c.probeAt.Sub(now) < hostPolicy().base {
					t.Fatalf("waits only %v", c.probeAt.Sub(now))
				}
			}
		}
	})
}
