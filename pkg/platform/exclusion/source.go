// Package exclusion knows which SKUs other services manage. A Source reads their
// list from a file, an HTTP endpoint or a compacted topic, reads it again when
// its time to live is over, and answers from the last good one: no caller waits
// for a reading, and a source that fails takes nothing back.
package exclusion

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
)

const (
	// DefaultTTL is how long a list holds before it is read again.
	DefaultTTL = 15 * time.Minute

	// loadTimeout bounds one reading, in real time.
	loadTimeout = time.Minute

	// retryBase and retryLimit bound the wait after a failed reading; the time to
	// live bounds it too.
	retryBase  = 5 * time.Second
	retryLimit = 5 * time.Minute

	// sayAgain is how long a source may fail on before that is logged again, with
	// the age that its list has by then.
	sayAgain = time.Hour

	// A list that loses more than all but a tenth of many entries at once is more
	// likely half a file, or an endpoint's mistake, than what somebody decided.
	many      = 20
	leastLeft = 10
)

// errShrunk is the error of a list that is not believed.
var errShrunk = errors.New("the list has lost nearly all of its entries at once, and is not believed: mend it or, if it is meant, restart the process")

// Loader reads a list from where it is kept.
type Loader interface {
	// Load reads the whole list. last is what it gave before, nil at first, and is
	// given again if it still holds.
	Load(ctx context.Context, last *List) (*List, error)
	// String names the place, without secrets.
	String() string
}

// Options describe what to read, and when.
type Options struct {
	From Loader
	// TTL is on Clock; 0 means DefaultTTL. A tenth more or less is waited, so that
	// processes that start together do not read together for ever.
	TTL   time.Duration
	Clock clock.Clock
	// Known reports whether an account is configured: entries of others are warned of,
	// since a misspelt account excludes nothing. nil knows all.
	Known  func(account string) bool
	Logger *slog.Logger
}

// Source is a list that is kept up to date. It may be used from any goroutine.
type Source struct {
	opts  Options
	list  atomic.Pointer[List]
	ready chan struct{} // closed when there is a list

	mu     sync.Mutex
	status Status
	said   time.Time // when it was last logged that the source fails
}

// Status is how a source is doing. Its times are on the source's clock.
type Status struct {
	From         string
	Count        int       // entries of the list that holds
	Ignored      int       // records of a topic whose keys name no SKU
	LoadedAt     time.Time // when it was last read, or was confirmed; zero before the first
	FailingSince time.Time // zero while all is well
	Err          error     // of the last reading; nil while all is well
}

// Age is how old the list is at a time of the source's clock.
func (s Status) Age(now time.Time) time.Duration {
	if s.LoadedAt.IsZero() {
		return 0
	}
	return now.Sub(s.LoadedAt)
}

// New makes a source that Run fills.
func New(opts Options) *Source {
	if opts.TTL == 0 {
		opts.TTL = DefaultTTL
	}
	s := &Source{opts: opts, ready: make(chan struct{})}
	s.list.Store(newList())
	s.status.From = opts.From.String()
	return s
}

// Excluded reports whether another service manages the SKU of the account, by the
// last good list. It never waits. Before the first list it excludes nothing: see
// Await.
func (s *Source) Excluded(account, sku string) bool { return s.list.Load().Has(account, sku) }

// Await waits for the first good list, or until ctx ends, and then returns its cause.
func (s *Source) Await(ctx context.Context) error {
	select {
	case <-s.ready:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the excluded SKUs of %s are not known yet: %w", s.opts.From, context.Cause(ctx))
	}
}

// Status is how the source is doing.
func (s *Source) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

// Run reads the list, again and again, until ctx ends.
func (s *Source) Run(ctx context.Context) error {
	for failures := 0; ctx.Err() == nil; {
		wait := s.opts.TTL
		if s.refresh(ctx) {
			failures = 0
		} else {
			wait = min(wait, retryLimit, retryBase<<min(failures, 10))
			failures++
		}
		_ = clock.Sleep(ctx, s.opts.Clock, jittered(wait)) // ended by ctx, it ends the loop
	}
	return nil
}

// jittered is a tenth more or less than d.
func jittered(d time.Duration) time.Duration {
	return d + time.Duration((rand.Float64()-0.5)*0.2*float64(d))
}

// refresh reads once and reports whether the list that holds is up to date.
func (s *Source) refresh(running context.Context) bool {
	ctx, cancel := context.WithTimeout(running, loadTimeout)
	defer cancel()
	var last *List
	if s.loaded() {
		last = s.list.Load()
	}
	list, err := s.opts.From.Load(ctx, last)
	if err == nil && last != nil && last.Len() >= many && list.Len()*leastLeft < last.Len() {
		err = fmt.Errorf("%w (%d entries are left of %d)", errShrunk, list.Len(), last.Len())
	}
	if err != nil {
		if running.Err() == nil { // a stop is no failure
			s.failed(err)
		}
		return false
	}
	s.take(list, last)
	return true
}

func (s *Source) loaded() bool {
	select {
	case <-s.ready:
		return true
	default:
		return false
	}
}

// take makes list the one that holds.
func (s *Source) take(list, last *List) {
	s.list.Store(list)
	s.mu.Lock()
	before := s.status
	s.status = Status{From: before.From, Count: list.Len(), Ignored: list.ignored, LoadedAt: s.opts.Clock.Now()}
	s.mu.Unlock()
	if last == nil {
		close(s.ready)
	}
	if before.Err != nil && last != nil {
		s.opts.Logger.Info("the list of excluded SKUs is renewed again", "from", before.From, "skus", list.Len())
	}
	if list == last || list.equal(last) {
		return
	}
	s.opts.Logger.Info("excluded SKUs loaded", "from", before.From, "skus", list.Len())
	if list.ignored > 0 {
		s.opts.Logger.Warn("some records exclude nothing, because their keys are not account/sku", "from", before.From, "records", list.ignored)
	}
	if s.opts.Known == nil {
		return
	}
	if n, account := list.Strangers(s.opts.Known); n > 0 {
		s.opts.Logger.Warn("some entries exclude nothing, because their accounts are not configured", "from", before.From, "entries", n, "one_of_them", account)
	}
}

// failed keeps the last list and says so, at once and as long as it lasts.
func (s *Source) failed(err error) {
	now := s.opts.Clock.Now()
	s.mu.Lock()
	first := s.status.Err == nil
	if s.status.Err = err; first {
		s.status.FailingSince = now
	}
	say := first || now.Sub(s.said) >= sayAgain
	if say {
		s.said = now
	}
	status := s.status
	s.mu.Unlock()
	switch {
	case !say:
	case status.LoadedAt.IsZero():
		s.opts.Logger.Warn("the list of excluded SKUs cannot be read; what needs it waits", "from", status.From, "error", err)
	default:
		s.opts.Logger.Warn("the list of excluded SKUs cannot be renewed; the last one holds on", "from", status.From, "error", err,
			"skus", status.Count, "age", status.Age(now).Round(time.Second))
	}
}
