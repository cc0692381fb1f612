package eventbridge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"

	"github.com/sellerstream/sellerstream/pkg/registry"
)

const (
	// maxEntries is PutEvents' limit of entries in a request.
	maxEntries = 10
	// prepareTimeout bounds all that the making of one request may wait for: the
	// registry and the writing of dead letters. Rebalances wait for it as well.
	prepareTimeout = 5 * time.Second
	// smallestLimit is the entry size that every region takes: Amazon's limit
	// until January 2026.
	smallestLimit = 256 << 10
)

// gather makes the next request: the first records of up to 10 partitions
// whose turn it is. Records that need no request (no events, or dead letters
// that Kafka has taken) come back as settled.
func (p *Publisher) gather(ctx context.Context) (settled, request []*cursor) {
	ctx, cancel := context.WithTimeout(ctx, prepareTimeout)
	defer cancel()
	now := time.Now()
	size := 0
	for i, c := range p.ring {
		if !c.ready(now) {
			continue
		}
		if c.entry == nil && !p.prepare(ctx, c) {
			if c.ready(now) {
				settled = append(settled, c)
			}
			continue
		}
		if size+c.entry.size > p.opts.MaxEntryBytes || len(request) == maxEntries {
			// The others had their turn: this one is the first next time.
			p.ring = append(append(make([]*cursor, 0, len(p.ring)), p.ring[i:]...), p.ring[:i]...)
			return settled, request
		}
		request = append(request, c)
		size += c.entry.size
	}
	return settled, request
}

// prepare makes the entry of the cursor's first record. It says false when
// there is none: the record is settled without one, or postponed.
func (p *Publisher) prepare(ctx context.Context, c *cursor) bool {
	rec := c.records[0]
	topic := strings.TrimPrefix(c.topic, p.opts.Prefix)
	value, err := p.opts.Codec.Decode(ctx, topic, rec.Value)
	if errors.Is(err, registry.ErrUnavailable) {
		c.postpone(time.Now())
		p.opts.Logger.Error("cannot decode a record while the schema registry is away; trying again",
			"topic", c.topic, "partition", c.number, "offset", rec.Offset, "error", err)
		return false
	}
	if err != nil {
		p.setAside(ctx, c, ReasonUndecodable, fmt.Sprintf("the record's value cannot be decoded: %v", err))
		return false
	}
	detailType, detail, ok, err := p.opts.Details(topic, value)
	if err != nil {
		p.setAside(ctx, c, ReasonUnmappable, fmt.Sprintf("no event can be made of the record: %v", err))
		return false
	}
	if !ok {
		return false
	}
	e := &entry{put: types.PutEventsRequestEntry{
		EventBusName: &p.opts.Bus, Source: &p.opts.Source,
		DetailType: aws.String(detailType), Detail: aws.String(string(detail)), Time: aws.Time(rec.Timestamp),
	}}
	// Amazon's way of counting, from the user guide: 14 bytes for the time.
	e.size = 14 + len(p.opts.Source) + len(detailType) + len(detail)
	if e.size > p.opts.MaxEntryBytes {
		p.setAside(ctx, c, ReasonTooLarge, fmt.Sprintf("the event has %d bytes by Amazon's way of counting, more than the limit of %d", e.size, p.opts.MaxEntryBytes))
		return false
	}
	c.entry = e
	return true
}

// send sends one request and gives back the cursors whose entry was accepted
// or set aside; the others are postponed.
func (p *Publisher) send(ctx context.Context, request []*cursor) (settled []*cursor) {
	input := &eventbridge.PutEventsInput{Entries: make([]types.PutEventsRequestEntry, len(request))}
	for i, c := range request {
		input.Entries[i] = c.entry.put
		if c.doubtful {
			p.stats.resent.Add(1)
		}
	}
	call, cancel := context.WithTimeout(ctx, p.opts.CallTimeout)
	defer cancel()
	out, err := p.opts.Client.PutEvents(call, input)
	if err == nil && len(out.Entries) != len(request) {
		err = fmt.Errorf("the answer has %d entries for a request of %d", len(out.Entries), len(request))
	}
	if err != nil {
		return p.requestFailed(ctx, request, err)
	}
	now := time.Now()
	for i, c := range request {
		switch code := aws.ToString(out.Entries[i].ErrorCode); code {
		case "":
			settled = append(settled, c)
			p.stats.published.Add(1)
			continue
		case "MalformedDetail":
			// Amazon's verdict on the content: another try cannot help.
			if p.setAside(ctx, c, ReasonRefused, fmt.Sprintf("EventBridge refused the event: %s: %s", code, aws.ToString(out.Entries[i].ErrorMessage))) {
				settled = append(settled, c)
			}
		default:
			c.doubtful = false // refused, so certainly not taken
			c.postpone(now)
			p.opts.Logger.Warn("EventBridge refused an event; trying again", "topic", c.topic, "partition", c.number,
				"offset", c.records[0].Offset, "code", code, "message", aws.ToString(out.Entries[i].ErrorMessage), "again_in", c.notBefore.Sub(now))
		}
		p.stats.failed.Add(1)
	}
	return settled
}

// requestFailed postpones a whole request. Where no answer came, Amazon may
// have taken its events.
func (p *Publisher) requestFailed(ctx context.Context, request []*cursor, err error) (settled []*cursor) {
	now := time.Now()
	var answer smithy.APIError
	answered := errors.As(err, &answer)
	invalid := answered && (answer.ErrorCode() == "ValidationException" || answer.ErrorCode() == "RequestEntityTooLarge")
	var next time.Time // the same for all, so that they stay one request
	for _, c := range request {
		c.doubtful = c.doubtful || !answered || answer.ErrorFault() != smithy.FaultClient
		if invalid && c.entry.size > smallestLimit {
			if p.setAside(ctx, c, ReasonTooLarge, fmt.Sprintf("EventBridge refused the event of %d bytes: %v: lower the configured entry size to what the region takes", c.entry.size, err)) {
				settled = append(settled, c)
			}
			continue
		}
		c.postpone(now)
		if c.notBefore.After(next) {
			next = c.notBefore
		}
	}
	for _, c := range request {
		if c.attempts > 0 {
			c.notBefore = next
		}
	}
	p.stats.failed.Add(int64(len(request)))
	p.opts.Logger.Error("PutEvents failed: check the bus, its policy and the credentials; trying again",
		"bus", p.opts.Bus, "entries", len(request), "again_in", max(0, next.Sub(now)), "error", err)
	return settled
}
