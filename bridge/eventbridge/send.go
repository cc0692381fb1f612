package eventbridge

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/sellerstream/sellerstream/schemas"
)

// begin notes that a request is under way; p.mu is held.
func (p *Publisher) begin(request []*item) {
	p.window.begin()
	p.began = time.Now()
	p.spend(len(request))
	for _, it := range request {
		it.cursor.flying++
		if it.doubtful {
			p.stats.resent.Add(1)
			p.opts.Observe(it.observation(Resent, ""))
		}
	}
}

// deliver sends one request and settles the items whose entry was accepted; the others
// are tried again, or set aside.
func (p *Publisher) deliver(work context.Context, request []*item) {
	input := &eventbridge.PutEventsInput{Entries: make([]types.PutEventsRequestEntry, len(request))}
	for i, it := range request {
		input.Entries[i] = it.entry.put
	}
	call, cancel := context.WithTimeout(work, p.opts.CallTimeout)
	defer cancel()
	began := time.Now()
	out, err := p.opts.Client.PutEvents(call, input)
	took := time.Since(began)
	if err == nil && len(out.Entries) != len(request) {
		err = fmt.Errorf("the answer has %d entries for a request of %d", len(out.Entries), len(request))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.wake()
	if err != nil {
		p.requestFailed(work, request, took, err)
		return
	}
	p.answered(work, request, took, out.Entries)
}

// refused are the entries that Amazon refused with one code, and will take later.
type refused struct {
	first   *item
	message string // of the first
	entries int
}

// answered takes in an answer. It logs one line for all entries that Amazon refused
// with one code.
func (p *Publisher) answered(work context.Context, request []*item, took time.Duration, results []types.PutEventsResultEntry) {
	now := time.Now()
	again := make(map[string]refused)
	accepted, limited := 0, false
	for i, it := range request {
		code, message := aws.ToString(results[i].ErrorCode), aws.ToString(results[i].ErrorMessage)
		if code == "" {
			accepted++
			p.accepted(it)
			continue
		}
		p.stats.failed.Add(1)
		if code == "MalformedDetail" { // Amazon's verdict on the content: another try cannot help
			p.rejectSent(work, it, fmt.Sprintf("EventBridge refused the event: %s: %s", schemas.Brief(code), schemas.Brief(message)))
			continue
		}
		p.opts.Observe(it.observation(Failed, ""))
		it.doubtful = false // refused, so certainly not taken
		if throttles(code) {
			limited = true
			p.giveBack(it)
		} else {
			p.delay(it, now.Add(backoff(it.attempts)))
		}
		r := again[code]
		if r.entries++; r.entries == 1 {
			r.first, r.message = it, message
		}
		again[code] = r
	}
	p.meter.add(now, accepted)
	if accepted > 0 || !limited {
		p.window.failures = 0
	}
	if limited {
		p.window.failed(now, true)
	} else {
		p.window.answered(time.Now(), took)
	}
	for code, r := range again {
		if accepted == 0 {
			p.refuses(now, fmt.Sprintf("%s %s: %s", schemas.Brief(code), schemas.Brief(r.message), remedy(code)))
		}
		p.opts.Logger.Warn("EventBridge refused events: "+remedy(code)+"; trying again", "bus", p.opts.Bus, "code", code, "message", r.message,
			"events", r.entries, "topic", r.first.cursor.topic, "partition", r.first.cursor.number, "offset", r.first.rec.Offset,
			"events_per_second", p.meter.rate(now))
	}
}

func (p *Publisher) accepted(it *item) {
	p.refusal = Refusal{}
	p.stats.published.Add(1)
	p.opts.Observe(it.observation(Accepted, ""))
	p.commits.accepted++
	it.cursor.flying--
	p.settle(it)
}

// giveBack lets an item go with the next request.
func (p *Publisher) giveBack(it *item) {
	it.cursor.flying--
	it.cursor.back(it)
}

// delay puts an item's next try off.
func (p *Publisher) delay(it *item, until time.Time) {
	it.cursor.flying--
	it.notBefore = until
	it.attempts++
	p.later.add(it)
}

// requestFailed decides on a request that failed as a whole.
func (p *Publisher) requestFailed(work context.Context, request []*item, took time.Duration, err error) {
	p.stats.failed.Add(int64(len(request)))
	if invalid(err) && len(request) == 1 {
		p.window.answered(time.Now(), took)
		p.rejectSent(work, request[0], fmt.Sprintf("EventBridge refused the event, of %d bytes by Amazon's way of counting, sent alone: %v", request[0].entry.size, err))
		return
	}
	for _, it := range request {
		p.opts.Observe(it.observation(Failed, ""))
	}
	now := time.Now()
	if !invalid(err) {
		p.refuses(now, causeOf(err))
	}
	switch {
	case invalid(err):
		p.window.answered(time.Now(), took)
		// Which of the entries is at fault, or whether they are only too much
		// together, shows when each goes with half as many, down to one.
		for _, it := range request {
			it.most = len(request) / 2
			p.giveBack(it)
		}
		p.opts.Logger.Warn("EventBridge refused a whole request as invalid or too large; sending its events again at once, in halves",
			"bus", p.opts.Bus, "events", len(request), "error", err)
	case throttled(err):
		p.window.failed(now, true)
		for _, it := range request {
			p.giveBack(it)
		}
		p.opts.Logger.Warn("EventBridge throttles PutEvents: its quota of this region seems to be about events_per_second; ask for more at Service Quotas, or set events.max_rate below it; sending slower",
			"bus", p.opts.Bus, "events_per_second", p.meter.rate(now), "requests_at_once", int(p.window.size), "error", err)
	default:
		p.postpone(request, now, err)
	}
}

// apart is after how many failures in a row an entry goes with half as many others: one
// that makes its requests fail is found so. (While EventBridge is away that makes
// requests small, which costs some seconds when it is back.)
const apart = 3

// postpone postpones a whole request. Where no answer came, Amazon may have taken
// its events.
func (p *Publisher) postpone(request []*item, now time.Time, err error) {
	doubtful, failures := taken(err), 0
	for _, it := range request {
		failures = max(failures, it.attempts)
	}
	next := now.Add(backoff(failures)) // the same for all, so that they stay one request
	for _, it := range request {
		it.doubtful = it.doubtful || doubtful
		if it.attempts >= apart {
			it.most = max(len(request)/2, 1)
		}
		p.delay(it, next)
	}
	p.window.failed(now, false)
	p.opts.Logger.Error("PutEvents failed: "+advice(err)+"; trying again",
		"bus", p.opts.Bus, "entries", len(request), "again_in", next.Sub(now), "error", err)
}
