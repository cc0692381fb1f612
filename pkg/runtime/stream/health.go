package stream

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// Ready reports whether the process is a member of its group and every unit that
// is assigned to it has been restored, or is stopped and reported by Stopped.
func (p *Processor) Ready() bool { return p.WaitsFor() == "" }

// WaitsFor returns what keeps the processor from being ready; "" when it is.
func (p *Processor) WaitsFor() string {
	g := p.group.Load()
	if g != nil {
		return g.waitsFor()
	}
	if missing := p.missing.Load(); missing != nil {
		return "the topics: " + *missing
	}
	return "the topics"
}

// Stopped are the units of this process that stand still, and the partitions
// that have no unit, by partition.
func (p *Processor) Stopped() []Stopped {
	g := p.group.Load()
	if g == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	found := g.beyond()
	for _, u := range g.units {
		if s := u.stopped.Load(); s != nil {
			found = append(found, *s)
		}
	}
	slices.SortFunc(found, func(a, b Stopped) int { return int(a.Partition - b.Partition) })
	return found
}

// waitsFor waits for the first assignment and until each unit runs. Stopped units do
// not count: they must not hold up a rollout. Where all are stopped and this version of
// the program may be at fault, the process is not ready, so that its rollout ends here.
func (g *group) waitsFor() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.stopping:
		return "nothing: it is stopping"
	case !g.joined:
		return "the consumer group " + g.p.opts.Group
	}
	missing, refused := 0, 0
	for _, u := range g.units {
		switch s := u.stopped.Load(); {
		case s != nil && (s.Reason == StateUnreadable || s.Reason == Faulty):
			refused++
		case s == nil && !u.restored.Load():
			missing++
		}
	}
	switch {
	case missing > 0:
		return fmt.Sprintf("%d of %d units to be restored", missing, len(g.units))
	case refused > 0 && refused == len(g.units):
		return fmt.Sprintf("its %d units, which all are stopped", refused)
	}
	return ""
}

// Hung lists the partitions whose machine has not returned for longer than limit, in
// real time. A machine does not wait for anything, so its unit hangs;
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
