package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// unit is one partition of the processor, from its assignment to its end. It
// outlives its sessions: each failed transaction ends a session, and the next
// one begins from the committed state.
type unit struct {
	g         *group
	p         *Processor
	partition int32
	previous  *unit // same partition, possibly still ending
	log       *slog.Logger

	work       context.Context // ends when nothing may be written any more
	stopWork   context.CancelFunc
	intake     context.Context // ends when the unit is to be handed over; child of work
	stopIntake context.CancelCauseFunc

	restored atomic.Bool
	stopped  atomic.Pointer[Stopped] // why it is stopped, as others see it

	// Of run's goroutine.
	attempt int       // failed sessions since the last progress
	failing time.Time // since when it fails; zero while it does not
	stops   int       // stops since it was healed

	positions   *positions
	changed     *changes
	letterBytes int       // what dead-letters takes; less than it should after a refusal
	odd         odd       // items that make records that are too large
	machineTime stopwatch // runs while the machine runs
	done        chan struct{}

	// What Stats shows.
	asked    chan question
	observed atomic.Pointer[machine.Stats] // the last answer
	pending  atomic.Int64
	carried  atomic.Int64 // entries of the state that this version does not know
	paused   atomic.Bool
	applied  map[string]*atomic.Int64 // positions by topic; the map does not change
}

func newUnit(g *group, partition int32, previous *unit) *unit {
	u := &unit{
		g: g, p: g.p, partition: partition, previous: previous,
		log:         g.p.opts.Logger.With("partition", partition),
		positions:   newPositions(partition),
		changed:     newChanges(),
		letterBytes: schemas.MaxDeadLetterBytes,
		machineTime: stopwatch{origin: time.Now()},
		done:        make(chan struct{}),
		asked:       make(chan question),
		applied:     g.p.newApplied(),
	}
	u.work, u.stopWork = context.WithCancel(g.work)
	u.intake, u.stopIntake = context.WithCancelCause(u.work)
	return u
}

// run is the unit's goroutine.
func (u *unit) run() {
	defer close(u.done)
	defer u.stopWork()
	if u.previous != nil {
		<-u.previous.done
		u.previous = nil
	}
	for u.intake.Err() == nil {
		progress, err := u.session()
		u.restored.Store(false)
		if progress {
			u.attempt, u.failing = 0, time.Time{}
		}
		wait, over := u.ended(err)
		if over || sleep(u.intake, wait) != nil {
			return
		}
	}
}

// ended notes how a session ended: the unit is over, or begins another session
// after a wait.
func (u *unit) ended(err error) (wait time.Duration, over bool) {
	var stop *stopError
	switch {
	case errors.Is(err, errDrained):
		u.log.Info("unit handed over")
		return 0, true
	case u.work.Err() != nil:
		u.log.Info("unit dropped", "error", err)
		return 0, true
	case errors.As(err, &stop):
		return u.stop(stop), false
	case isFenced(err):
		u.log.Warn("unit was fenced; taking over again once the group confirms this process", "error", err)
	default:
		u.log.Warn("unit failed; it starts again from its committed state", "error", err)
		u.fails(err)
	}
	u.attempt++
	return backoff(u.attempt - 1), false
}

// fails makes a unit that has failed for long count as stopped.
func (u *unit) fails(err error) {
	if u.failing.IsZero() {
		u.failing = time.Now()
	}
	if u.stopped.Load() == nil && time.Since(u.failing) > failingAfter {
		u.stop(&stopError{Failing, err, "look at Kafka, its permissions and the network: the unit goes on by itself when the cause is gone"})
	}
}

// session takes the unit over and runs it until something fails or the unit
// is handed over. It reports whether a tick has committed something.
func (u *unit) session() (progress bool, err error) {
	defer u.recovered(&err)
	if err := u.g.confirm(u.intake); err != nil {
		return false, err
	}
	if err := u.p.topology.fits(u.partition); err != nil {
		return false, err
	}
	s, err := newSession(u)
	if err != nil {
		return false, err
	}
	defer s.close()
	if err := s.takeOver(u.intake); err != nil {
		return false, fmt.Errorf("take over: %w", err)
	}
	u.restored.Store(true)
	s.healed.Reset(healedAfter)
	err = s.loop()
	return s.tick.committed, err
}

// recovered makes a panic of the machine, or of what reads its state, the unit's own
// fault: the process has other units (containment rule 3). A transaction that is open
// then is aborted by the next session, which fences this one.
func (u *unit) recovered(err *error) {
	fault := recover()
	if fault == nil {
		return
	}
	u.machineTime.stop()
	u.log.Error("the unit panicked", "panic", schemas.Brief(fmt.Sprint(fault)), "stack", string(debug.Stack()))
	*err = stopf(Faulty, u.p.opts.Remedies.Fault, "it panicked: %v", fault)
}

func (u *unit) machineUnit() machine.Unit {
	return machine.Unit{Processor: u.p.opts.Processor, Partition: u.partition, Partitions: u.p.topology.partitions}
}
