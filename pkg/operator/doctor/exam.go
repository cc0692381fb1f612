package doctor

import (
	"context"
	"slices"
	"time"
)

// checkTimeout bounds one check. Login with Amazon alone may take
// spapi.timeout, 30 seconds by default.
const checkTimeout = 40 * time.Second

// exam is the examination of one part. One goroutine uses it.
type exam struct {
	part, name string
	results    []Result
}

// check makes a check if those that it needs have passed. What time cuts off has
// not failed.
func (e *exam) check(ctx context.Context, name string, needs []string, do func(context.Context) Finding) {
	if i := slices.IndexFunc(needs, func(n string) bool { return !e.passed(n) }); i >= 0 {
		e.add(name, skip("needs the check %q, which did not pass", needs[i]))
		return
	}
	if ctx.Err() != nil {
		e.add(name, unfinished(ctx))
		return
	}
	limited, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	found := do(limited)
	if ctx.Err() != nil && found.Status != OK {
		found = unfinished(ctx)
	}
	e.add(name, found)
}

func unfinished(ctx context.Context) Finding { return skip("not finished: %v", context.Cause(ctx)) }

func (e *exam) add(name string, f Finding) {
	e.results = append(e.results, Result{Part: e.part, Name: e.name, Check: name, Finding: f})
}

// passed reports whether a check was made and leaves the part fit for others.
func (e *exam) passed(name string) bool {
	return slices.ContainsFunc(e.results, func(r Result) bool {
		return r.Check == name && (r.Status == OK || r.Status == Warning)
	})
}

// worst is the part's state as one word.
func (e *exam) worst() Status {
	order := []Status{OK, Skipped, Warning, Failed}
	worst := 0
	for _, r := range e.results {
		worst = max(worst, slices.Index(order, r.Status))
	}
	return order[worst]
}
