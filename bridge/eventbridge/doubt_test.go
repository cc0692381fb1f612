package eventbridge_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseventbridge "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"

	"github.com/sellerstream/sellerstream/bridge/eventbridge"
)

// scripted answers the first requests itself, one after the other, and notes how many
// entries each had.
type scripted struct {
	eventbridge.API
	answers []func(in *awseventbridge.PutEventsInput) (*awseventbridge.PutEventsOutput, error)

	mu    sync.Mutex
	sizes []int
}

func (s *scripted) PutEvents(ctx context.Context, in *awseventbridge.PutEventsInput, opts ...func(*awseventbridge.Options)) (*awseventbridge.PutEventsOutput, error) {
	s.mu.Lock()
	n := len(s.sizes)
	s.sizes = append(s.sizes, len(in.Entries))
	s.mu.Unlock()
	if n < len(s.answers) {
		return s.answers[n](in)
	}
	return s.API.PutEvents(ctx, in, opts...)
}

// fails answers a request with an error.
func fails(err error) func(*awseventbridge.PutEventsInput) (*awseventbridge.PutEventsOutput, error) {
	return func(*awseventbridge.PutEventsInput) (*awseventbridge.PutEventsOutput, error) { return nil, err }
}

// throttled refuses each entry of a request.
func throttled(in *awseventbridge.PutEventsInput) (*awseventbridge.PutEventsOutput, error) {
	out := &awseventbridge.PutEventsOutput{FailedEntryCount: int32(len(in.Entries))}
	for range in.Entries {
		out.Entries = append(out.Entries, types.PutEventsResultEntry{ErrorCode: aws.String("ThrottlingException")})
	}
	return out, nil
}

// An event counts as sent again, which tells consumers of a possible repeat, only
// while an earlier request may have brought it: not after a refusal.
func TestOnlyAnEventInDoubtCountsAsSentAgain(t *testing.T) {
	denied := &smithy.GenericAPIError{Code: "AccessDeniedException", Fault: smithy.FaultClient}
	for name, c := range map[string]struct {
		answers []func(*awseventbridge.PutEventsInput) (*awseventbridge.PutEventsOutput, error)
		resent  int64
	}{
		"refused as a whole":       {[]func(*awseventbridge.PutEventsInput) (*awseventbridge.PutEventsOutput, error){fails(denied), fails(denied)}, 0},
		"lost":                     {[]func(*awseventbridge.PutEventsInput) (*awseventbridge.PutEventsOutput, error){fails(errors.New("cut"))}, 1},
		"lost, then refused":       {[]func(*awseventbridge.PutEventsInput) (*awseventbridge.PutEventsOutput, error){fails(errors.New("cut")), throttled}, 1},
		"lost, refused as a whole": {[]func(*awseventbridge.PutEventsInput) (*awseventbridge.PutEventsOutput, error){fails(errors.New("cut")), fails(denied)}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			opts := w.options()
			opts.Client = &scripted{API: opts.Client, answers: c.answers}
			w.produce(0, 1)
			p, _ := w.run(opts)
			w.awaitEvents(1)
			if got := p.Stats().Resent; got != c.resent {
				t.Errorf("%d entries count as sent again, want %d", got, c.resent)
			}
		})
	}
}

// What a refused request made small is full again for the events behind it.
func TestRequestsAreFullAgainAfterARefusedOne(t *testing.T) {
	w := newWorld(t)
	w.produce(0, 90)
	opts := w.options()
	client := &scripted{API: opts.Client, answers: []func(*awseventbridge.PutEventsInput) (*awseventbridge.PutEventsOutput, error){
		fails(validation("too large")),
	}}
	opts.Client = client
	w.run(opts)
	w.awaitEvents(90)
	w.checkOnce(90)
	client.mu.Lock()
	defer client.mu.Unlock()
	full := 0
	for _, n := range client.sizes[1:] {
		if n > client.sizes[0]/2 {
			full++
		}
	}
	if client.sizes[0] < 4 || full < 3 {
		t.Errorf("requests of %v entries", client.sizes)
	}
}

// The events of a request that failed as a whole are tried again as one request.
func TestAFailedRequestStaysOne(t *testing.T) {
	w := newWorld(t)
	w.produce(0, 9)
	opts := w.options()
	client := &scripted{API: opts.Client}
	for range 3 {
		client.answers = append(client.answers, fails(errors.New("cut")))
	}
	opts.Client = client
	w.run(opts)
	w.awaitEvents(9)
	client.mu.Lock()
	defer client.mu.Unlock()
	// The first request is made of what the first poll brings, and others with the rest
	// may come in between.
	if len(client.sizes) > 8 {
		t.Errorf("requests of %v entries for 9 events", client.sizes)
	}
}
