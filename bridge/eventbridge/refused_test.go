package eventbridge_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseventbridge "github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/sellerstream/sellerstream/bridge/eventbridge"
)

// An entry that EventBridge itself finds too large is set aside as well, and
// one that it calls malformed; the others of the request go out.
func TestEventBridgeRefuses(t *testing.T) {
	w := newWorld(t)
	opts := w.options()
	opts.Client = &refuses{API: opts.Client}
	large := strings.Repeat("x", 300<<10)
	for i, value := range []string{"account-00/1", large, "malformed", "account-01/1"} {
		w.produceValue(account(i), value)
	}
	w.run(opts)
	w.awaitEvents(2)
	w.deadLetters(2)
	w.checkOnce(2)
}

// refuses stands for a region that takes 256 KiB at most.
type refuses struct{ eventbridge.API }

func (r *refuses) PutEvents(ctx context.Context, in *awseventbridge.PutEventsInput, opts ...func(*awseventbridge.Options)) (*awseventbridge.PutEventsOutput, error) {
	total := 0
	malformed := -1
	for i, e := range in.Entries {
		total += len(*e.Detail)
		if strings.Contains(*e.Detail, "malformed") {
			malformed = i
		}
	}
	if total > 256<<10 {
		return nil, validation("too large")
	}
	if malformed >= 0 {
		in.Entries[malformed].Detail = aws.String("{")
	}
	return r.API.PutEvents(ctx, in, opts...)
}

// A request that is too much together goes out in parts: nothing is set aside
// or waits, although no entry is too large.
func TestRequestTooLargeTogether(t *testing.T) {
	w := newWorld(t)
	opts := w.options()
	opts.Client = &refuses{API: opts.Client}
	for i := range 18 {
		w.produceValue(account(i), fmt.Sprintf("%s/%06d", account(i), i)+strings.Repeat("x", 100<<10))
	}
	p, _ := w.run(opts)
	w.awaitEvents(18)
	w.checkOnce(18)
	if got := p.Stats(); got.DeadLetters != 0 || got.Failed == 0 {
		t.Errorf("stats %+v, want a refused request and no dead letter", got)
	}
}

// One entry for which EventBridge refuses every request that it is in is set
// aside, and keeps no other back.
func TestEntryInvalidatesRequest(t *testing.T) {
	w := newWorld(t)
	opts := w.options()
	opts.Client = refusesText{opts.Client, "account-04/000013", validation("1 validation error detected: Value at 'entries.1.member.detail' failed to satisfy constraint")}
	w.produce(0, 45)
	p, _ := w.run(opts)
	w.awaitEvents(44)
	if got, want := w.deadLetters(1), eventbridge.ReasonRefused+" account-04/000013"; got[0] != want {
		t.Errorf("dead letter %q, want %q", got[0], want)
	}
	w.checkOnce(44)
	if got := p.Stats(); got.DeadLetters != 1 {
		t.Errorf("stats %+v", got)
	}
}

// A bus whose name is not valid is no fault of the events: none is set aside.
func TestInvalidBusSetsNothingAside(t *testing.T) {
	w := newWorld(t)
	opts := w.options()
	opts.Client = refusesText{opts.Client, "", validation("1 validation error detected: Value 'a bus' at 'entries.1.member.eventBusName' failed to satisfy constraint")}
	w.produce(0, 1)
	p, _ := w.run(opts)
	w.await("a third try", func() bool { return p.Stats().Failed >= 3 })
	if got := p.Stats(); got.DeadLetters != 0 {
		t.Errorf("stats %+v", got)
	}
}

// refusesText fails every request with an entry that contains the text.
type refusesText struct {
	eventbridge.API
	text string
	err  error
}

func (r refusesText) PutEvents(ctx context.Context, in *awseventbridge.PutEventsInput, opts ...func(*awseventbridge.Options)) (*awseventbridge.PutEventsOutput, error) {
	for _, e := range in.Entries {
		if strings.Contains(*e.Detail, r.text) {
			return nil, r.err
		}
	}
	return r.API.PutEvents(ctx, in, opts...)
}

// A bus that does not exist is one line for each request, which names the
// configuration's key.
func TestMissingBusIsLoggedOncePerRequest(t *testing.T) {
	w := newWorld(t)
	var log lines
	opts := w.options()
	opts.Bus = "absent"
	requests := &countsRequests{API: opts.Client}
	opts.Client = requests
	opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
	w.produce(0, 90)
	p, stop := w.run(opts)
	w.await("refused entries", func() bool { return p.Stats().Failed >= 20 })
	stop()
	if got, n := log.containing("check events.bus"), int(requests.n.Load()); got != n || int64(n) >= p.Stats().Failed {
		t.Errorf("%d lines with the remedy for %d requests and %d refused entries", got, n, p.Stats().Failed)
	}
}

type countsRequests struct {
	eventbridge.API
	n atomic.Int32
}

func (c *countsRequests) PutEvents(ctx context.Context, in *awseventbridge.PutEventsInput, opts ...func(*awseventbridge.Options)) (*awseventbridge.PutEventsOutput, error) {
	c.n.Add(1)
	return c.API.PutEvents(ctx, in, opts...)
}

// lines is a log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

// containing counts the lines that contain the text.
func (l *lines) containing(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}
