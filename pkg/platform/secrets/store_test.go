package secrets

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// place is where a test keeps a secret.
type place struct {
	mu     sync.Mutex
	value  string
	err    error
	reads  int
	answer chan struct{} // if not nil, closed to let readings end
}

func (p *place) fetch(ctx context.Context, name string) (Secret, error) {
	p.mu.Lock()
	p.reads++
	value, err, answer := p.value, p.err, p.answer
	p.mu.Unlock()
	if answer != nil {
		select {
		case <-answer:
		case <-ctx.Done():
			return Secret{}, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
		}
	}
	if err != nil {
		return Secret{}, fmt.Errorf("secret %s: %w", name, err)
	}
	return New(value), nil
}

func (p *place) set(value string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.value, p.err = value, err
}

func (p *place) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reads
}

func TestAStoredSecretIsKeptForItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("no such secret")
		at := &place{value: "first"}
		source := NewStore(at.fetch, 5*time.Minute).Source("a", "")
		for i, step := range []struct {
			after time.Duration
			value string
			err   error
			want  string // "" for an error
			reads int
		}{
			{0, "first", nil, "first", 1},
			{4 * time.Minute, "second", nil, "first", 1},
			{2 * time.Minute, "second", nil, "second", 2},
			{6 * time.Minute, "", ErrUnavailable, "second", 3},
			{time.Second, "", ErrUnavailable, "second", 3}, // a place that is down is not asked by every caller
			{readAgainAfter, "third", nil, "third", 4},
			{6 * time.Minute, "", refused, "", 5}, // a definite no is one
		} {
			time.Sleep(step.after)
			at.set(step.value, step.err)
			got, err := source.Secret(t.Context())
			if got.Reveal() != step.want || (err == nil) != (step.want != "") || at.count() != step.reads {
				t.Errorf("step %d: got %q, %v after %d readings; want %q after %d", i, got.Reveal(), err, at.count(), step.want, step.reads)
			}
		}
	})
}

func TestManyCallersReadOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		at := &place{value: "s", answer: make(chan struct{})}
		store := NewStore(at.fetch, time.Minute)
		leaving, leave := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			_, err := store.Source("a", "").Secret(leaving)
			left <- err
		}()
		synctest.Wait()
		var callers sync.WaitGroup
		for range 100 {
			callers.Go(func() {
				if got, err := store.Source("a", "").Secret(t.Context()); got.Reveal() != "s" || err != nil {
					t.Errorf("got %q, %v", got.Reveal(), err)
				}
			})
		}
		synctest.Wait()
		leave() // the first, whose reading it is
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("the one that left: %v", err)
		}
		close(at.answer)
		callers.Wait()
		if at.count() != 1 {
			t.Errorf("%d readings", at.count())
		}
	})
}

func TestAPlaceThatHangsIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		at := &place{answer: make(chan struct{})}
		begin := time.Now()
		_, err := NewStore(at.fetch, time.Minute).Source("a", "").Secret(t.Context())
		if !errors.Is(err, ErrUnavailable) || time.Since(begin) != fetchTimeout {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}

func TestMemberOfAnObject(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ whole, key, want, fails string }{
		{`{"client_secret":"canary-x","other":1}`, "client_secret", "canary-x", ""},
		{`{"client_secret":"canary-x"}`, "", `{"client_secret":"canary-x"}`, ""},
		{`{"client_secret":"canary-x"}`, "refresh_token", "", `has no key "refresh_token"`},
		{`{"n":1,"client_secret":"canary-x"}`, "n", "", "no text"},
		{`{"n":"","client_secret":"canary-x"}`, "n", "", "empty"},
		{`canary-x`, "n", "", "not a JSON object"},
	} {
		at := &place{value: test.whole}
		got, err := NewStore(at.fetch, time.Minute).Source("prod/a", test.key).Secret(t.Context())
		if got.Reveal() != test.want || (err == nil) != (test.fails == "") {
			t.Errorf("%q of %q: got %q, %v", test.key, test.whole, got.Reveal(), err)
		}
		if err != nil && (!strings.Contains(err.Error(), test.fails) || !strings.Contains(err.Error(), "prod/a") || strings.Contains(err.Error(), "canary")) {
			t.Errorf("%q of %q: %v", test.key, test.whole, err)
		}
	}
}

func TestRenew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		at := &place{value: `{"k":"old"}`}
		source := NewStore(at.fetch, time.Hour).Source("a", "k")
		old, err := source.Secret(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		at.set(`{"k":"new"}`, nil)
		if _, ok := Renew(t.Context(), source, old); ok || at.count() != 1 {
			t.Errorf("read again at once: %t, %d readings", ok, at.count())
		}
		time.Sleep(readAgainAfter)
		fresh, ok := Renew(t.Context(), source, old)
		if !ok || fresh.Reveal() != "new" || at.count() != 2 {
			t.Errorf("after a while: %q, %t, %d readings", fresh.Reveal(), ok, at.count())
		}
		time.Sleep(readAgainAfter)
		if again, ok := Renew(t.Context(), source, old); !ok || again.Reveal() != "new" || at.count() != 2 {
			t.Errorf("what was read since is not taken: %q, %t, %d readings", again.Reveal(), ok, at.count())
		}
		at.set("", ErrUnavailable)
		if _, ok := Renew(t.Context(), source, fresh); ok {
			t.Error("a place that is down has something new")
		}
	})
	if _, ok := Renew(t.Context(), Literal(New("x")), New("x")); ok {
		t.Error("a literal is renewed")
	}
}
