package eventbridge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	// maxEntries is PutEvents' limit of entries in a request.
	maxEntries = 10
	// prepareTimeout bounds all that the making of one request may wait for: the
	// registry and the writing of dead letters. Rebalances wait for it as well.
	prepareTimeout = 5 * time.Second
)

// gather makes the next request: the first records of up to 10 partitions
// whose turn it is. Records that need no request (no events, or dead letters
// that Kafka has taken) come back as settled.
func (p *Publisher) gather(ctx context.Context) (settled, request []*cursor) {
	ctx, cancel := context.WithTimeout(ctx, prepareTimeout)
	defer cancel()
	now := time.Now()
	size, most := 0, maxEntries
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
		if c.most > 0 {
			most = min(most, c.most)
		}
		if size+c.entry.size > p.opts.MaxEntryBytes || len(request) >= most {
			p.turn(i)
			return settled, request
		}
		request = append(request, c)
		size += c.entry.size
	}
	return settled, request
}

// turn makes the i-th cursor the first of the next request: those before it
// had their turn.
func (p *Publisher) turn(i int) {
	p.ring = append(append(make([]*cursor, 0, len(p.ring)), p.ring[i:]...), p.ring[:i]...)
}

// prepare makes the entry of the cursor's first record that is an event, and
// passes over those before it: a topic can hold thousands of them, and each
// need not cost a commit. It reports false when there is no entry: the first
// record is then settled without one, or postponed.
func (p *Publisher) prepare(ctx context.Context, c *cursor) bool {
	for {
		made, passed := p.entryOf(ctx, c)
		if !passed || len(c.records) == 1 {
			return made
		}
		c.settle() // the commit of a record behind it covers it
	}
}

// entryOf makes the entry of the cursor's first record. passed is true for a
// record that is no event, is there again for another role, or is not wanted.
func (p *Publisher) entryOf(ctx context.Context, c *cursor) (made, passed bool) {
	rec := c.records[0]
	if rec.Attrs.IsControl() {
		return false, true
	}
	if first, last, ok := kclient.Span(rec); ok {
		p.setAside(ctx, c, kclient.ReasonUnreadable, kclient.UnreadableMessage(first, last))
		return false, false
	}
	topic := strings.TrimPrefix(c.topic, p.opts.Prefix)
	for _, h := range rec.Headers {
		if h.Key == schemas.RetryForHeader && schemas.ForOthers(topic, group, h.Value) {
			return false, true
		}
	}
	read, err := p.read(ctx, topic, rec)
	if errors.Is(err, registry.ErrUnavailable) {
		c.postpone(time.Now())
		p.opts.Logger.Error("cannot decode a record while the schema registry is away; trying again",
			"topic", c.topic, "partition", c.number, "offset", rec.Offset, "error", err)
		return false, false
	}
	if err != nil {
		p.setAside(ctx, c, read.unfit, err.Error())
		return false, false
	}
	if !read.event || !p.wanted(rec, read.value, read.detailType) {
		return false, true
	}
	e := &entry{put: types.PutEventsRequestEntry{
		EventBusName: &p.opts.Bus, Source: &p.opts.Source,
		DetailType: aws.String(read.detailType), Detail: aws.String(string(read.detail)), Time: aws.Time(rec.Timestamp),
		Resources: p.mark(),
	}}
	// Amazon's way of counting, from the user guide: 14 bytes for the time.
	e.size = 14 + len(p.opts.Source) + len(read.detailType) + len(read.detail)
	for _, resource := range e.put.Resources {
		e.size += len(resource)
	}
	if e.size > p.opts.MaxEntryBytes {
		p.setAside(ctx, c, ReasonTooLarge, fmt.Sprintf("the event has %d bytes by Amazon's way of counting, more than the limit of %d", e.size, p.opts.MaxEntryBytes))
		return false, false
	}
	c.entry = e
	return true, false
}

// send sends one request and returns the cursors whose entry was accepted
// or set aside; the others are postponed.
func (p *Publisher) send(ctx context.Context, request []*cursor) (settled []*cursor) {
	input := &eventbridge.PutEventsInput{Entries: make([]types.PutEventsRequestEntry, len(request))}
	for i, c := range request {
		input.Entries[i] = c.entry.put
		if c.doubtful {
			p.stats.resent.Add(1)
			p.opts.Observe(c.observation(Resent, ""))
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
	return p.answered(ctx, request, out.Entries)
}

// answered returns the cursors of a request that Amazon says are done. It
// logs one line for all entries that Amazon refused with one code.
func (p *Publisher) answered(ctx context.Context, request []*cursor, results []types.PutEventsResultEntry) (settled []*cursor) {
	now := time.Now()
	refused := make(map[string][]*cursor)
	messages := make(map[string]string) // of the first of each code
	for i, c := range request {
		code, message := aws.ToString(results[i].ErrorCode), aws.ToString(results[i].ErrorMessage)
		switch code {
		case "":
			settled = append(settled, c)
			p.stats.published.Add(1)
			p.opts.Observe(c.observation(Accepted, ""))
			continue
		case "MalformedDetail":
			// Amazon's verdict on the content: another try cannot help.
			if p.setAside(ctx, c, ReasonRefused, fmt.Sprintf("EventBridge refused the event: %s: %s", schemas.Brief(code), schemas.Brief(message))) {
				settled = append(settled, c)
			}
		default:
			p.opts.Observe(c.observation(Failed, ""))
			c.doubtful = false // refused, so certainly not taken
			c.postpone(now)
			if refused[code] == nil {
				messages[code] = message
			}
			refused[code] = append(refused[code], c)
		}
		p.stats.failed.Add(1)
	}
	for code, cursors := range refused {
		p.opts.Logger.Warn("EventBridge refused events: "+remedy(code)+"; trying again", "bus", p.opts.Bus, "code", code, "message", messages[code],
			"events", len(cursors), "topic", cursors[0].topic, "partition", cursors[0].number, "offset", cursors[0].records[0].Offset)
	}
	return settled
}

// remedy is what to do about entries refused with the code, in the terms of
// the configuration. The codes are those of PutEventsResultEntry.
func remedy(code string) string {
	switch code {
	case "ResourceNotFoundException", "InvalidAccountIdException", "InvalidArgument":
		return "check events.bus, which must name an event bus that exists"
	case "AccessDeniedException", "NotAuthorizedForSource", "NotAuthorizedForSourceException", "NotAuthorizedForDetailTypeException":
		return "check events.bus and its policy, and that the credentials may put events on it"
	default:
		return "Amazon's service limits or its own failure"
	}
}

// requestFailed decides on a request that failed as a whole.
func (p *Publisher) requestFailed(ctx context.Context, request []*cursor, err error) (settled []*cursor) {
	p.stats.failed.Add(int64(len(request)))
	switch {
	case !invalid(err):
		p.failed(request)
		p.postponeAll(request, err)
		return nil
	case len(request) > 1:
		p.failed(request)
		// Which of the entries is at fault, or whether they are only too much
		// together, shows when each goes with half as many, down to one.
		for _, c := range request {
			c.most = len(request) / 2
		}
		p.opts.Logger.Warn("EventBridge refused a whole request as invalid or too large; sending its events again at once, in halves",
			"bus", p.opts.Bus, "events", len(request), "error", err)
		return nil
	}
	c := request[0]
	if p.setAside(ctx, c, ReasonRefused, fmt.Sprintf("EventBridge refused the event, of %d bytes by Amazon's way of counting, sent alone: %v", c.entry.size, err)) {
		return request
	}
	return nil
}

// failed reports entries that are tried again.
func (p *Publisher) failed(request []*cursor) {
	for _, c := range request {
		p.opts.Observe(c.observation(Failed, ""))
	}
}

// invalid reports whether Amazon will never take the request as it is because of
// its events. A bus or a source that is not valid is the configuration's fault
// and no reason to set events aside. The status decides as well as the code: 413
// can come from what stands before Amazon, with an empty or an HTML body.
func invalid(err error) bool {
	if status(err) == http.StatusRequestEntityTooLarge {
		return true
	}
	var answer smithy.APIError
	if !errors.As(err, &answer) {
		return false
	}
	switch answer.ErrorCode() {
	case "ValidationException":
		return !strings.Contains(answer.ErrorMessage(), ".member.eventBusName'") && !strings.Contains(answer.ErrorMessage(), ".member.source'")
	case "RequestEntityTooLarge":
		return true
	}
	return false
}

// status is that of the answer with which a request failed; 0 for none.
func status(err error) int {
	var answer *smithyhttp.ResponseError
	if !errors.As(err, &answer) || answer.Response == nil || answer.Response.Response == nil {
		return 0
	}
	return answer.HTTPStatusCode()
}

// advice returns what to do about a request that failed as a whole.
func advice(err error) string {
	var answer smithy.APIError
	switch code := status(err); {
	case code == 0 && !errors.As(err, &answer):
		return "no answer came: look at the way to EventBridge (network, proxy, aws.eventbridge_endpoint)"
	case code >= 500 || code == http.StatusTooManyRequests || errors.As(err, &answer) && strings.Contains(answer.ErrorCode(), "Throttl"):
		return "Amazon's own failure or its limits, which pass"
	}
	return "check events.bus, its policy and the credentials"
}

// postponeAll postpones a whole request. Where no answer came, Amazon may have
// taken its events.
func (p *Publisher) postponeAll(request []*cursor, err error) {
	now := time.Now()
	var answer smithy.APIError
	doubtful := !errors.As(err, &answer) || answer.ErrorFault() != smithy.FaultClient
	var next time.Time // the same for all, so that they stay one request
	for _, c := range request {
		c.doubtful = c.doubtful || doubtful
		c.postpone(now)
		if c.notBefore.After(next) {
			next = c.notBefore
		}
	}
	for _, c := range request {
		c.notBefore = next
	}
	p.opts.Logger.Error("PutEvents failed: "+advice(err)+"; trying again",
		"bus", p.opts.Bus, "entries", len(request), "again_in", next.Sub(now), "error", err)
}
