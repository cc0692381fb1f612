package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/pkg/platform/boundedhttp"
)

const (
	// tellAfter is the part of the patience after which a wait is reported.
	tellAfter = 5
	// leastPatience is what every schema has of it.
	leastPatience = time.Minute
)

// Wait is a schema that values wait for, since the registry does not give it.
type Wait struct {
	ID    int
	Since time.Time // of the first failure while the registry gave other schemas
	Err   error     // the last failure
}

// waits are the schemas that are waited for.
type waits struct {
	mu   sync.Mutex
	open map[int]*wait
}

type wait struct {
	Wait
	patience time.Duration // that this schema has
	last     time.Time     // of the last failure
	told     bool
}

func (w *wait) givenUp() bool { return w.last.Sub(w.Since) >= w.patience }

// Waits returns the schemas that values wait for although the registry gives
// others, the longest wait first.
func (c *Codec) Waits() []Wait {
	c.waits.mu.Lock()
	defer c.waits.mu.Unlock()
	var all []Wait
	for _, w := range c.waits.open {
		all = append(all, w.Wait)
	}
	slices.SortFunc(all, func(a, b Wait) int { return a.Since.Compare(b.Since) })
	return all
}

func (w *waits) over(id int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.open, id)
}

// failed notes a failure and returns how the wait stands, and whether that is to be
// reported now.
func (w *waits) failed(id int, err error, patience time.Duration) (stands wait, tell bool) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	one := w.open[id]
	if one == nil {
		if w.open == nil {
			w.open = make(map[int]*wait)
		}
		for other := range w.open { // ids come from outside: the map must not grow with them
			if len(w.open) < maxCached {
				break
			}
			delete(w.open, other)
		}
		one = &wait{Wait: Wait{ID: id, Since: now}, patience: w.share(now, patience)}
		w.open[id] = one
	}
	one.Err, one.last = err, now
	if now.Sub(one.Since) >= one.patience/tellAfter && !one.told {
		one.told, tell = true, true
	}
	return *one, tell
}

// share is the patience of one more schema. Values wait for one schema after the other,
// so each that was given up of late halves it: however many the registry does not give,
// a partition stands for little longer than for one.
func (w *waits) share(now time.Time, patience time.Duration) time.Duration {
	share := patience
	for _, one := range w.open {
		if one.givenUp() && now.Sub(one.last) < patience {
			share /= 2
		}
	}
	return max(share, min(patience, leastPatience))
}

// unanswered decides what a failed question about a schema means. It returns
// why the schema cannot be had, or "" where it may come yet (containment rule
// 5). A registry that does not give our own schemas either is down, which says
// nothing about this one.
func (c *Codec) unanswered(ctx context.Context, id int, err error) (verdict string) {
	var answer *sr.ResponseError
	var tooLarge *boundedhttp.TooLargeError
	isAnswer := errors.As(err, &answer)
	switch {
	case isAnswer && answer.ErrorCode == sr.ErrSchemaNotFound.Code:
		c.waits.over(id)
		return fmt.Sprintf("the schema registry knows no schema with id %d", id)
	case !c.gives(ctx):
		c.waits.over(id)
		return ""
	case isAnswer && answer.StatusCode == http.StatusNotFound:
		// Without the registry's own code it could be a wrong path, but on that path
		// another schema was found.
		c.waits.over(id)
		return fmt.Sprintf("the schema registry knows no schema with id %d (it answers 404, and gives others)", id)
	case errors.As(err, &tooLarge):
		c.waits.over(id)
		return fmt.Sprintf("schema id %d: %v", id, err)
	}
	now, tell := c.waits.failed(id, err, c.patience)
	waited := now.last.Sub(now.Since).Round(time.Second)
	if now.givenUp() {
		return fmt.Sprintf("the schema registry has not given schema id %d for %v, although it gives others: %.300v", id, waited, err)
	}
	if tell {
		c.log.WarnContext(ctx, "the schema registry gives other schemas and not this one; values with it become dead letters when the wait ends",
			"schema_id", id, "waited", waited, "wait", now.patience, "error", err)
	}
	return ""
}

// gives reports whether the registry gives one of our own schemas now.
func (c *Codec) gives(ctx context.Context) bool {
	if len(c.own) == 0 {
		return false
	}
	_, err := c.client.SchemaByID(ctx, c.probe)
	return err == nil
}
