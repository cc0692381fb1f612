package stream

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// Ready tells whether the process is a member of its group and every unit that
// is assigned to it has been restored.
func (p *Processor) Ready() bool { return p.WaitsFor() == "" }

// WaitsFor says what keeps the processor from being ready; "" when it is.
func (p *Processor) WaitsFor() string {
	g := p.group.Load()
	if g == nil {
		return "the topics"
	}
	return g.waitsFor()
}

// waitsFor wants a first assignment to have come and each of its units to run.
func (g *group) waitsFor() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.stopping:
		return "nothing: it is stopping"
	case !g.joined:
		return "the consumer group " + g.p.opts.Group
	}
	missing := 0
	for _, u := range g.units {
		if !u.restored.Load() {
			missing++
		}
	}
	if missing > 0 {
		return fmt.Sprintf("%d of %d units to be restored", missing, len(g.units))
	}
	return ""
}

// Hung lists the partitions of which a machine has not come back for longer than
// limit, in real time. A machine does not wait for anything, so its unit hangs;
// one that waits for Kafka, the registry or a call is not among them.
func (p *Processor) Hung(limit time.Duration) []int32 {
	g := p.group.Load()
	if g == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	var hung []int32
	for partition, u := range g.units {
		if u.machineTime.since() > limit {
			hung = append(hung, partition)
		}
	}
	slices.Sort(hung)
	return hung
}

// stopwatch measures, for others to see, how long its owner has been at it.
type stopwatch struct {
	origin  time.Time
	started atomic.Int64 // nanoseconds since origin; 0 when it does not run
}

func (w *stopwatch) start() { w.started.Store(max(1, int64(time.Since(w.origin)))) }

func (w *stopwatch) stop() { w.started.Store(0) }

// since is for how long it has run; 0 when it does not.
func (w *stopwatch) since() time.Duration {
	started := w.started.Load()
	if started == 0 {
		return 0
	}
	return time.Since(w.origin) - time.Duration(started)
}
