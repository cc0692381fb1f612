package secrets

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	// fetchTimeout is for one reading, its transport's own retries included.
	fetchTimeout = 15 * time.Second
	// readAgainAfter is the least time between two readings of the same secret:
	// a refused credential must not become a storm, nor a store that is down.
	readAgainAfter = 10 * time.Second
)

// ErrUnavailable is wrapped by the error of a source that may well answer
// later: the place where the secret is kept cannot be reached, or is busy.
var ErrUnavailable = errors.New("the place where the secret is kept does not answer")

// Fetch reads a secret by its name. Its errors name the secret and never
// repeat its content; one that waiting may mend wraps ErrUnavailable.
type Fetch func(ctx context.Context, name string) (Secret, error)

// Store keeps secrets that are slow or dear to read. Each is read when it is
// first asked for, again when its time to live is over, and at once when Renew
// says that it was refused; however many ask, one reading is under way for it.
// While the place does not answer, the last value serves on. A Store may be
// used from any goroutine. All its times are real.
type Store struct {
	fetch   Fetch
	ttl     time.Duration
	flights singleflight.Group

	mu   sync.Mutex
	kept map[string]reading
}

type reading struct {
	secret Secret
	at     time.Time
	next   time.Time // when it is to be read again
}

// NewStore makes a store; nothing is read yet.
func NewStore(fetch Fetch, ttl time.Duration) *Store {
	return &Store{fetch: fetch, ttl: ttl, kept: make(map[string]reading)}
}

// Source is the secret called name or, with a key, that member of the JSON
// object that it holds.
func (s *Store) Source(name, key string) Source { return stored{s, name, key} }

func (s *Store) get(ctx context.Context, name string) (Secret, error) {
	if last := s.last(name); time.Now().Before(last.next) {
		return last.secret, nil
	}
	flight := s.flights.DoChan(name, func() (any, error) {
		// The flight serves many callers: it must not end with the first one's context.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
		defer cancel()
		return s.read(ctx, name)
	})
	select {
	case done := <-flight:
		if done.Err != nil {
			return Secret{}, done.Err
		}
		return done.Val.(Secret), nil
	case <-ctx.Done():
		return Secret{}, fmt.Errorf("secret %s: %w: %w", name, ErrUnavailable, context.Cause(ctx))
	}
}

// read runs in one flight per name.
func (s *Store) read(ctx context.Context, name string) (Secret, error) {
	last, now := s.last(name), time.Now()
	if now.Before(last.next) {
		return last.secret, nil // the flight before this one has just read it
	}
	fresh, err := s.fetch(ctx, name)
	next := reading{secret: fresh, at: now, next: now.Add(s.ttl)}
	switch {
	case err == nil:
	case errors.Is(err, ErrUnavailable) && !last.secret.Empty():
		next.secret, next.next = last.secret, now.Add(readAgainAfter)
	default:
		return Secret{}, err
	}
	s.mu.Lock()
	s.kept[name] = next
	s.mu.Unlock()
	return next.secret, nil
}

func (s *Store) last(name string) reading {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept[name]
}

// expire makes the next use read a secret again, unless that has just been done.
func (s *Store) expire(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, ok := s.kept[name]; ok && time.Since(last.at) >= readAgainAfter {
		last.next = time.Time{}
		s.kept[name] = last
	}
}

type stored struct {
	store     *Store
	name, key string
}

func (s stored) Secret(ctx context.Context) (Secret, error) {
	whole, err := s.store.get(ctx, s.name)
	if err != nil || s.key == "" {
		return whole, err
	}
	return member(whole, s.name, s.key)
}

// refused makes the next use read a secret again if it is the one that would be given now.
func (s stored) refused(ctx context.Context, secret Secret) {
	if now, err := s.Secret(ctx); err == nil && same(now, secret) {
		s.store.expire(s.name)
	}
}

// member takes one text out of a JSON object. Its errors quote nothing of it.
func member(whole Secret, name, key string) (Secret, error) {
	var object map[string]json.RawMessage
	if json.Unmarshal([]byte(whole.Reveal()), &object) != nil {
		return Secret{}, fmt.Errorf("secret %s is not a JSON object, so it has no key %q: leave the key out, or store an object", name, key)
	}
	text, ok := object[key]
	if !ok {
		return Secret{}, fmt.Errorf("secret %s has no key %q", name, key)
	}
	var value string
	if json.Unmarshal(text, &value) != nil || value == "" {
		return Secret{}, fmt.Errorf("secret %s: what stands under key %q is empty or no text", name, key)
	}
	return New(value), nil
}

// Renew is what to use in place of a secret that was refused: it reads the
// source again, past whatever the source keeps. It says no when that brings
// nothing new.
func Renew(ctx context.Context, from Source, refused Secret) (Secret, bool) {
	if keeps, ok := from.(interface{ refused(context.Context, Secret) }); ok {
		keeps.refused(ctx, refused)
	}
	fresh, err := from.Secret(ctx)
	return fresh, err == nil && !same(fresh, refused)
}

func same(a, b Secret) bool {
	return subtle.ConstantTimeCompare([]byte(a.Reveal()), []byte(b.Reveal())) == 1
}
