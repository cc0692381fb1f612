package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/sellerstream/sellerstream/pkg/machine"
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

	restored    atomic.Bool
	positions   *positions
	changed     *changes
	machineTime stopwatch // runs while the machine has the word
	done        chan struct{}

	// What Stats shows.
	asked    chan question
	observed atomic.Pointer[machine.Stats] // the last answer
	pending  atomic.Int64
	paused   atomic.Bool
	applied  map[string]*atomic.Int64 // positions by topic; the map does not change
}

func newUnit(g *group, partition int32, previous *unit) *unit {
	u := &unit{
		g: g, p: g.p, partition: partition, previous: previous,
		log:         g.p.opts.Logger.With("partition", partition),
		positions:   newPositions(partition),
		changed:     newChanges(),
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
	for attempt := 0; u.intake.Err() == nil; attempt++ {
		progress, err := u.session()
		u.restored.Store(false)
		if progress {
			attempt = 0
		}
		if err = u.ended(err); err != nil {
			return
		}
		if sleep(u.intake, backoff(attempt)) != nil {
			return
		}
	}
}

// ended notes how a session ended. The unit ends with an error and goes on without.
func (u *unit) ended(err error) error {
	var fatal *fatalError
	switch {
	case errors.Is(err, errDrained):
		u.log.Info("unit handed over")
	case u.work.Err() != nil:
		u.log.Info("unit dropped", "error", err)
		return context.Cause(u.work)
	case errors.As(err, &fatal):
		u.log.Error("unit cannot go on; the processor stops", "error", err)
		u.g.fail(err)
	case isFenced(err):
		u.log.Warn("unit was fenced; taking over again once the group confirms this process", "error", err)
		return nil
	default:
		u.log.Warn("unit failed; it starts again from its committed state", "error", err)
		return nil
	}
	return err
}

// session takes the unit over and runs it until something fails or the unit
// is handed over. It tells whether a tick has committed something.
func (u *unit) session() (progress bool, err error) {
	if err := u.g.confirm(u.intake); err != nil {
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
	err = s.loop()
	return s.tick.committed, err
}

func (u *unit) machineUnit() machine.Unit {
	return machine.Unit{Processor: u.p.opts.Processor, Partition: u.partition, Partitions: u.p.partitions}
}
