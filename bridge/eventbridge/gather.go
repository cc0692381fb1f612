package eventbridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	// maxEntries is PutEvents' limit of entries in a request.
	maxEntries = 10
	// decodeTimeout bounds what the making of one request may wait for the registry. The
	// codec goes on asking, and everything else waits meanwhile.
	decodeTimeout = 100 * time.Millisecond
)

// gather makes the next request: entries of the partitions in turn, one of each at a
// time, for as long as they go together. p.mu is held.
func (p *Publisher) gather(work context.Context, now time.Time) (request []*item) {
	ctx, cancel := context.WithTimeout(work, decodeTimeout)
	defer cancel()
	size, most := 0, p.allowed(now)
	var passed *cursor // the first whose turn it was, and whose item did not fit
	for idle := 0; idle < len(p.ring) && len(request) < most; {
		c := p.ring[0]
		p.ring = append(p.ring[1:], c)
		idle++
		it := p.head(ctx, work, c, now)
		if it == nil {
			continue
		}
		if it.most > 0 && it.most <= len(request) || len(request) > 0 && size+it.entry.size > p.opts.MaxEntryBytes {
			passed = cmp.Or(passed, c)
			continue
		}
		idle = 0
		c.ready = c.ready[1:]
		request, size = append(request, it), size+it.entry.size
		if it.most > 0 {
			most = min(most, it.most)
		}
	}
	if i := slices.Index(p.ring, passed); i > 0 { // it comes first in the next one
		p.ring = slices.Concat(p.ring[i:], p.ring[:i])
	}
	return request
}

// head is the next item of a cursor that may be sent; nil for none.
func (p *Publisher) head(ctx, work context.Context, c *cursor, now time.Time) *item {
	for !c.leaving {
		switch {
		case len(c.ready) > 0 && c.ready[0].entry != nil:
			return c.ready[0]
		case len(c.ready) > 0: // no event could be made of it, and its letter could not be written
			it := c.ready[0]
			c.ready = c.ready[1:]
			p.reject(work, it, it.reason, it.message)
		case !p.readable(c, now):
			return nil
		case p.examine(ctx, work, c.look()):
			c.attempts = 0
		default:
			c.unlook()
			c.notBefore = now.Add(backoff(c.attempts))
			c.attempts++
			return nil
		}
	}
	return nil
}

// examine makes an item's entry, or finds that it needs none. It reports false when
// that must be tried again.
func (p *Publisher) examine(ctx, work context.Context, it *item) bool {
	c, rec := it.cursor, it.rec
	if rec.Attrs.IsControl() || p.forOthers(it) {
		p.settle(it)
		return true
	}
	if first, last, ok := kclient.Span(rec); ok {
		p.reject(work, it, kclient.ReasonUnreadable, kclient.UnreadableMessage(first, last))
		return true
	}
	read, err := p.read(ctx, p.logical(c), rec)
	switch {
	case errors.Is(err, registry.ErrUnavailable):
		p.opts.Logger.Error("cannot decode a record while the schema registry is away; trying again",
			"topic", c.topic, "partition", c.number, "offset", rec.Offset, "error", err)
		return false
	case err != nil:
		p.reject(work, it, read.unfit, err.Error())
	case read.ok && p.wanted(rec, read.value, read.event.Type):
		p.enter(work, it, read.event)
	default:
		p.settle(it)
	}
	return true
}

// forOthers reports whether a record is there again for another role.
func (p *Publisher) forOthers(it *item) bool {
	for _, h := range it.rec.Headers {
		if h.Key == schemas.RetryForHeader && schemas.ForOthers(p.logical(it.cursor), group, h.Value) {
			return true
		}
	}
	return false
}

// logical is the name of a cursor's topic without the prefix.
func (p *Publisher) logical(c *cursor) string { return strings.TrimPrefix(c.topic, p.opts.Prefix) }

// enter makes an item's entry.
func (p *Publisher) enter(work context.Context, it *item, event Event) {
	e := &entry{put: types.PutEventsRequestEntry{
		EventBusName: &p.opts.Bus, Source: &p.opts.Source,
		DetailType: aws.String(event.Type), Detail: aws.String(string(event.Detail)), Time: aws.Time(it.rec.Timestamp),
		Resources: p.mark(),
	}}
	// Amazon's way of counting, from the user guide: 14 bytes for the time.
	e.size = 14 + len(p.opts.Source) + len(event.Type) + len(event.Detail)
	for _, resource := range e.put.Resources {
		e.size += len(resource)
	}
	if e.size > p.opts.MaxEntryBytes {
		p.reject(work, it, ReasonTooLarge, fmt.Sprintf("the event has %d bytes by Amazon's way of counting, more than the limit of %d", e.size, p.opts.MaxEntryBytes))
		return
	}
	// The key keeps accounts apart that have an entity of the same name.
	it.cursor.made(it, e, string(it.rec.Key)+"\x00"+event.Entity)
}

// settle is for an item that needs nothing more; p.mu is held.
func (p *Publisher) settle(it *item) {
	it.cursor.settle(it)
	p.commits.dirty = true
}
