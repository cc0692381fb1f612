package subscriptions

import (
	"context"
	"sync"
	"time"
)

// changes are the accounts that are to be looked at again before their time.
type changes struct {
	mu       sync.Mutex
	accounts []string
	signal   chan struct{} // full while there are any
}

func (c *changes) add(accounts []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.accounts = append(c.accounts, accounts...)
	select {
	case c.signal <- struct{}{}:
	default:
	}
}

func (c *changes) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	accounts := c.accounts
	c.accounts = nil
	return accounts
}

// Changed makes the keeper look at accounts now if it is this process's turn: they are new,
// configured otherwise, or may make calls again. It does not wait, and may be
// called from any goroutine.
func (k *Keeper) Changed(accounts []string) {
	if len(accounts) == 0 {
		return
	}
	k.pacer.forget(accounts)
	k.changes.add(accounts)
}

// keep looks after the targets until ctx ends.
func (k *Keeper) keep(ctx context.Context) {
	for ctx.Err() == nil {
		k.round(ctx, k.opts.Clock.Now().Add(k.opts.Every))
	}
}

// round looks at every account once before next, and again at those that have
// failed or changed.
func (k *Keeper) round(ctx context.Context, next time.Time) {
	looked := map[string]bool{}
	k.changes.take() // they are looked at anyway
	for {
		wake := next
		if left := k.left(looked); len(left) > 0 {
			report := k.pass(ctx, left, action{create: true})
			if ctx.Err() != nil {
				return // what was cut off has not failed
			}
			report.log(ctx, k.opts.Logger)
			if again := failed(left, report); len(again) > 0 {
				mark(looked, again, false)
				wake = earlier(next, k.opts.Clock.Now().Add(k.opts.Retry))
			}
		}
		changed, err := k.sleep(ctx, wake)
		if err != nil || len(changed) == 0 && !wake.Before(next) {
			return
		}
		for _, account := range changed {
			delete(looked, account)
		}
	}
}

// left is what of the targets has not been looked at, which it notes down as
// looked at.
func (k *Keeper) left(looked map[string]bool) []Target {
	var left []Target
	for _, t := range k.opts.Targets() {
		all := t.Accounts
		t.Accounts = nil
		for _, a := range all {
			if !looked[a.ID] {
				t.Accounts = append(t.Accounts, a)
			}
		}
		if len(t.Accounts) > 0 {
			left = append(left, t)
		}
	}
	mark(looked, left, true)
	return left
}

func mark(looked map[string]bool, targets []Target, as bool) {
	for _, t := range targets {
		for _, a := range t.Accounts {
			looked[a.ID] = as
		}
	}
}

// sleep waits until wake, or until accounts have changed, and returns which.
func (k *Keeper) sleep(ctx context.Context, wake time.Time) (changed []string, err error) {
	timer := time.NewTimer(k.opts.Clock.Real(wake.Sub(k.opts.Clock.Now())))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil, nil
	case <-k.changes.signal:
		return k.changes.take(), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
