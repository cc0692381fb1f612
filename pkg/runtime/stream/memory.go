package stream

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

const (
	// maxRestores is how many units of a process restore their state at the same time,
	// and maxRestored how many bytes of entries they hold together. The one that began
	// first always goes on, and so do those that hold little.
	maxRestores = 8
	maxRestored = 32 << 20
	// turnPatience is how long a unit waits without another one's end, once in its turn:
	// one that does not come to its end must not hold up the others (containment rule 3).
	turnPatience = 30 * time.Second
	// floorShare is the part of the process's bound that is the units' own, in equal
	// parts: however much the others have pending, a unit may have that much.
	floorShare = 8
	// entryOverhead is what a pending piece of work takes in memory besides the bytes of
	// its entry, about.
	entryOverhead = 256
)

// Load is an amount of work that is pending: pieces, the bytes that they take in memory,
// about, and the bytes of records that wait to become such.
type Load struct{ Records, Bytes, Queued int }

// Memory is what all units of a process share of its memory (containment rule 1): one
// bound on what is pending, and turns at restoring. It is safe for concurrent use.
type Memory struct {
	most Load
	log  *slog.Logger

	mu       sync.Mutex
	shares   map[*share]struct{}
	turns    []*turn // the eldest first
	restored int     // bytes that they hold
	ended    chan struct{}
	since    restores
}

// restores are the units that were restored while one or more always were.
type restores struct {
	began          time.Time
	units, entries int
}

// NewMemory makes the bound of a process. Processors that have the same Memory keep it
// together. A unit looks at it between ticks, so each may exceed it by one tick.
func NewMemory(most Load, log *slog.Logger) *Memory {
	return &Memory{most: most, log: log, shares: make(map[*share]struct{}), ended: make(chan struct{})}
}

// share is a unit's part of the bound.
type share struct {
	m     *Memory
	load  Load
	full  bool
	freed chan struct{} // full when the unit may go on
}

func (m *Memory) share() *share {
	s := &share{m: m, freed: make(chan struct{}, 1)}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.shares[s] = struct{}{}
	return s
}

// close ends the share of a unit that has ended.
func (s *share) close() {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	delete(s.m.shares, s)
	s.m.tell(s.m.level())
}

// set notes what the unit has pending, and reports whether it is to take nothing more
// now. A unit with nothing pending always takes something: what is pending elsewhere may
// stand for long.
func (s *share) set(load Load) (full bool) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	s.load = load
	l := s.m.level()
	s.full = s.exhausted(l)
	s.m.tell(l)
	return s.full
}

// level is how far the bound is used: of each unit's own part, and by what all have
// beyond theirs.
type level struct{ floor, used Load }

func (m *Memory) level() level {
	units := floorShare * max(1, len(m.shares))
	l := level{floor: Load{Records: m.most.Records / units, Bytes: m.most.Bytes / units}}
	for s := range m.shares {
		l.used.Records += max(0, s.load.Records-l.floor.Records)
		l.used.Bytes += max(0, s.load.Bytes+s.load.Queued-l.floor.Bytes)
	}
	return l
}

// exhausted reports whether a unit has its own part of the bound, and all together the
// rest. What it has queued does not fill its part: while it is full that never shrinks.
func (s *share) exhausted(l level) bool {
	most := s.m.most
	return s.load.Records > 0 &&
		(s.load.Records > l.floor.Records && l.used.Records > s.common(most.Records) ||
			s.load.Bytes > l.floor.Bytes && l.used.Bytes > s.common(most.Bytes))
}

// common is the part of a bound that is no unit's own.
func (s *share) common(most int) int {
	common := most - most/floorShare
	if s.full { // not to and fro: a pause drops what was fetched
		common -= common / 8
	}
	return common
}

// tell wakes units that may go on.
func (m *Memory) tell(l level) {
	for s := range m.shares {
		if s.full && !s.exhausted(l) {
			select {
			case s.freed <- struct{}{}:
			default:
			}
		}
	}
}

// turn is a unit's at restoring.
type turn struct {
	m     *Memory
	bytes int
	late  bool // it has waited for its patience, and waits no more
}

// turn waits for a turn.
func (m *Memory) turn(ctx context.Context) (*turn, error) {
	t := &turn{m: m}
	m.mu.Lock()
	if len(m.turns) == 0 {
		m.since = restores{began: time.Now()}
	}
	m.turns = append(m.turns, t)
	m.mu.Unlock()
	if err := t.hold(ctx, 0); err != nil {
		t.end()
		return nil, err
	}
	return t, nil
}

// hold counts bytes more of entries, and waits while all hold too much together.
func (t *turn) hold(ctx context.Context, bytes int) error {
	m := t.m
	m.mu.Lock()
	defer m.mu.Unlock()
	t.bytes += bytes
	m.restored += bytes
	for {
		at := slices.Index(m.turns, t)
		if t.late || at == 0 || at < maxRestores && (m.restored <= maxRestored || t.bytes <= maxRestored/maxRestores) {
			return nil
		}
		ended := m.ended
		m.mu.Unlock()
		waited := sleepUntil(ctx, ended, turnPatience)
		m.mu.Lock()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		t.late = !waited
	}
}

// sleepUntil waits until ended is closed, and reports whether it was within so long.
func sleepUntil(ctx context.Context, ended <-chan struct{}, most time.Duration) bool {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-ended:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// restored notes that the unit is, with so many entries.
func (t *turn) restored(entries int) {
	t.m.mu.Lock()
	defer t.m.mu.Unlock()
	t.m.since.units++
	t.m.since.entries += entries
}

// end gives the turn to the next. Where there is none it logs what all have restored:
// dozens of units begin with a process.
func (t *turn) end() {
	m := t.m
	m.mu.Lock()
	defer m.mu.Unlock()
	m.turns = slices.DeleteFunc(m.turns, func(other *turn) bool { return other == t })
	m.restored -= t.bytes
	close(m.ended)
	m.ended = make(chan struct{})
	if len(m.turns) == 0 && m.since.units > 0 {
		m.log.Info("units restored", "units", m.since.units, "entries", m.since.entries, "took", time.Since(m.since.began))
	}
}

// meanSize is the mean size of the entries that a unit has read and written lately.
type meanSize struct{ bytes, n int }

func (s *meanSize) add(bytes int) {
	if s.n++; s.n > 1<<16 {
		s.n, s.bytes = s.n/2, s.bytes/2
	}
	s.bytes += bytes
}

// of is what n pending pieces of work take in memory, about.
func (s *meanSize) of(n int) int { return n * (entryOverhead + s.bytes/max(1, s.n)) }
