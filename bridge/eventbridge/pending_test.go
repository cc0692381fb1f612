package eventbridge_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseventbridge "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/bridge/eventbridge"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/fakekafka"
)

// TestBacklogCountsAllPartitions, also those that another member has and does not read.
func TestBacklogCountsAllPartitions(t *testing.T) {
	w := newWorld(t)
	down, err := w.Faults.Add(simulator.Rule{Part: simulator.EventBridge, Action: simulator.Action{Status: 503}})
	if err != nil {
		t.Fatal(err)
	}
	idle := fakekafka.Client(t, w.cluster, kgo.ConsumerGroup(prefix+"events"), kgo.ConsumeTopics(prefix+schemas.Orders),
		kgo.Balancers(kgo.CooperativeStickyBalancer()), kgo.DisableAutoCommit(), kgo.HeartbeatInterval(50*time.Millisecond))
	p, _ := w.run(w.options())
	w.produce(0, 500)
	w.await("a part is behind here, and all in the group", func() bool {
		behind, backlog := p.Lag(t.Context())[schemas.Orders], p.Backlog(t.Context())
		return behind > 0 && behind < 500 && backlog.Pending == 500 && !backlog.Oldest.IsZero()
	})
	idle.Close()
	w.Faults.Remove(down)
	w.await("nothing is behind", func() bool {
		backlog := p.Backlog(t.Context())
		return backlog.Pending == 0 && backlog.Oldest.IsZero()
	})
	w.checkOnce(500)
}

// bus answers as it is told: "" takes the events.
type bus struct {
	eventbridge.API
	answer atomic.Pointer[string]
}

func (b *bus) PutEvents(ctx context.Context, in *awseventbridge.PutEventsInput, opts ...func(*awseventbridge.Options)) (*awseventbridge.PutEventsOutput, error) {
	switch code := *b.answer.Load(); {
	case code == "":
		return b.API.PutEvents(ctx, in, opts...)
	case strings.HasPrefix(code, "Entry"):
		out := &awseventbridge.PutEventsOutput{FailedEntryCount: int32(len(in.Entries))}
		for range in.Entries {
			out.Entries = append(out.Entries, types.PutEventsResultEntry{ErrorCode: aws.String(strings.TrimPrefix(code, "Entry")), ErrorMessage: aws.String("no")})
		}
		return out, nil
	default:
		return nil, &smithy.GenericAPIError{Code: code, Message: "no", Fault: smithy.FaultClient}
	}
}

// TestARefusalLastsUntilAnEventIsTaken, whatever EventBridge refuses with.
func TestARefusalLastsUntilAnEventIsTaken(t *testing.T) {
	for code, says := range map[string]string{
		"AccessDeniedException":          "check events.bus, its policy and the credentials",
		"ThrottlingException":            "limits",
		"EntryResourceNotFoundException": "which must name an event bus that exists",
		"EntryThrottlingException":       "limits",
	} {
		t.Run(code, func(t *testing.T) {
			w := newWorld(t)
			opts := w.options()
			client := &bus{API: opts.Client}
			client.answer.Store(&code)
			opts.Client = client
			p, _ := w.run(opts)
			if r := p.Refusal(); !r.Since.IsZero() {
				t.Errorf("before anything was sent: %+v", r)
			}
			before := time.Now()
			w.produce(0, 30)
			w.await("a refusal", func() bool { return !p.Refusal().Since.IsZero() })
			first := p.Refusal()
			if !strings.Contains(first.Cause, says) || first.Since.Before(before) {
				t.Errorf("%+v, want %q", first, says)
			}
			failed := p.Stats().Failed
			w.await("more failures", func() bool { return p.Stats().Failed > failed })
			if again := p.Refusal(); again.Since != first.Since {
				t.Errorf("it began at %v, and at %v", first.Since, again.Since)
			}
			taken := ""
			client.answer.Store(&taken)
			w.awaitEvents(30)
			w.await("no refusal", func() bool { return p.Refusal() == eventbridge.Refusal{} })
		})
	}
}

// TestARefusalEndsWithWhatWaits: who has nothing left to send does not say for ever that
// EventBridge takes nothing.
func TestARefusalEndsWithWhatWaits(t *testing.T) {
	w := newWorld(t)
	opts := w.options()
	client, code := &bus{API: opts.Client}, "AccessDeniedException"
	client.answer.Store(&code)
	opts.Client = client
	p, _ := w.run(opts)
	w.produce(0, 3)
	w.await("a refusal", func() bool { return !p.Refusal().Since.IsZero() })
	malformed := "EntryMalformedDetail"
	client.answer.Store(&malformed) // they become dead letters
	w.await("no refusal", func() bool { return p.Refusal() == eventbridge.Refusal{} })
}
