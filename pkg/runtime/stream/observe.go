package stream

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/lag"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
)

// Observer hears of what units do, for metrics. Its methods are called by the
// units' goroutines and must return at once.
type Observer interface {
	// Restored says that a unit was taken over, and how long that took.
	Restored(took time.Duration)
	// Committed says that a transaction was committed, and how long that took. tx must
	// neither be changed nor kept. A value in it may be a machine.Entry.
	Committed(tx *machine.Tx, took time.Duration)
	// Failed reports that a transaction was not committed. fenced means that another
	// owner has taken the unit over.
	Failed(fenced bool)
}

// unobserved is the Observer where none is given.
type unobserved struct{}

func (unobserved) Restored(time.Duration)               {}
func (unobserved) Committed(*machine.Tx, time.Duration) {}
func (unobserved) Failed(bool)                          {}

// Stats is how the units of a processor are doing in this process.
type Stats struct {
	Expected int       // units that all processes together have, one for each partition; 1 before that is known: a role has some
	Assigned int       // units that the group has given to this process
	Restored int       // of these, those that work
	Stopped  []Stopped // of these, those that stand still, and partitions without a unit
	Paused   int       // of these, those whose intake rests because too much is pending
	Pending  int       // the machines' Pending
	Unknown  int       // entries of their state that this version does not know
	// Lag is how many records of each topic, by logical name, the units have not
	// applied, those that are stopped or not restored yet included; markers of
	// transactions count. A topic is left out, and Lag is nil, where Kafka did not
	// say where topics end.
	Lag map[string]int64
	// Machines are the numbers of the machines that have any, each from the last
	// time that its unit could be asked.
	Machines []*machine.Stats
}

// answerTimeout is how long units may take to answer. One that commits or is restored
// just then is not waited for.
const answerTimeout = 250 * time.Millisecond

// Stats asks the units, within a quarter of a second, and Kafka, until ctx ends.
// followed are accounts whose own numbers are wanted. It costs the units nothing
// while nobody asks.
func (p *Processor) Stats(ctx context.Context, followed []string) Stats {
	g := p.group.Load()
	if g == nil {
		return Stats{Expected: 1}
	}
	g.mu.Lock()
	units := make([]*unit, 0, len(g.units))
	for _, u := range g.units {
		units = append(units, u)
	}
	g.mu.Unlock()
	stats := Stats{Expected: max(1, int(p.topology.partitions)), Assigned: len(units), Stopped: p.Stopped()}
	var asking sync.WaitGroup
	deadline := make(chan struct{})
	defer time.AfterFunc(answerTimeout, func() { close(deadline) }).Stop()
	for _, u := range units {
		asking.Go(func() { u.ask(deadline, followed) })
	}
	stats.Lag = lag.Of(ctx, kadm.NewClient(g.client), p.opts.Group, p.opts.Prefix, p.positions(units))
	asking.Wait()
	for _, u := range units {
		stats.add(u)
	}
	return stats
}

func (s *Stats) add(u *unit) {
	if u.restored.Load() && u.stopped.Load() == nil {
		s.Restored++
		if u.paused.Load() {
			s.Paused++
		}
	}
	s.Pending += int(u.pending.Load())
	s.Unknown += int(u.carried.Load())
	if m := u.observed.Load(); m != nil {
		s.Machines = append(s.Machines, m)
	}
}

// ask makes the unit observe its machine, unless it is busy until deadline.
func (u *unit) ask(deadline <-chan struct{}, followed []string) {
	done := make(chan struct{})
	select {
	case u.asked <- question{followed, done}:
		<-done
	case <-u.done:
	case <-deadline:
	}
}

// question is somebody's wish to know how a machine is doing; done is closed when
// it has been observed.
type question struct {
	followed []string
	done     chan struct{}
}

// answer observes the machine.
func (s *session) answer(q question) {
	defer close(q.done)
	if m, ok := s.machine.(machine.Observed); ok {
		stats := &machine.Stats{Now: s.opts.Clock.Now(), Followed: q.followed}
		m.Observe(stats)
		s.u.observed.Store(stats)
	}
}

// publish shows others what a tick has changed.
func (s *session) publish(pending int) {
	s.u.pending.Store(int64(pending))
	s.u.paused.Store(s.intake.full)
	for _, i := range s.intake.inputs {
		i.applied.Store(i.next)
	}
}

// newApplied makes the positions that publish shows, by topic.
func (p *Processor) newApplied() map[string]*atomic.Int64 {
	applied := make(map[string]*atomic.Int64)
	for _, logical := range p.opts.consumed() {
		at := new(atomic.Int64)
		at.Store(-1) // not known
		applied[p.opts.topic(logical)] = at
	}
	return applied
}

// positions are where the units stand, restored or not. What the group has counts for a
// unit without a session only.
func (p *Processor) positions(units []*unit) lag.Positions {
	at := make(lag.Positions)
	for _, logical := range p.opts.consumed() {
		at[logical] = make(map[int32]int64, len(units))
		for _, u := range units {
			next := u.applied[p.opts.topic(logical)].Load()
			if next < 0 && u.restored.Load() {
				next = lag.Beginning
			}
			at[logical][u.partition] = next
		}
	}
	return at
}
