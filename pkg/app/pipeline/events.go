package pipeline

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/bridge/eventbridge"
	"github.com/sellerstream/sellerstream/pkg/app/telemetry"
	"github.com/sellerstream/sellerstream/pkg/operator/deadletters"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/pkg/platform/level"
	"github.com/sellerstream/sellerstream/schemas"
)

// addEvents adds the way from the output topics to EventBridge.
func (p *pipeline) addEvents(ctx context.Context) error {
	var client eventbridge.API = putEvents{p.shadow}
	if !p.DryRun {
		awsConfig, err := openAWS(ctx, p.Config.AWS)
		if err != nil {
			return err
		}
		client = eventbridge.NewClient(awsConfig, p.Config.AWS.EventBridgeEndpoint)
	}
	opts := p.publisherOptions(client)
	opts.DryRun, opts.Observe = p.DryRun, p.observeEvent
	opts.Kafka = append(opts.Kafka, kgo.ClientID(level.ClientID(string(Events), p.Version, level.Newest)))
	publisher, err := eventbridge.New(opts)
	if err != nil {
		return err
	}
	p.sources.Lags = map[string]func(context.Context) map[string]int64{string(Events): publisher.Lag}
	if !p.DryRun { // whose group commits nothing, so that everything would wait
		p.sources.Events = func(ctx context.Context) telemetry.Events { return eventNumbers(ctx, publisher) }
	}
	tally, err := p.newTally()
	if err != nil {
		return err
	}
	run := func(ctx context.Context) error {
		counting, stop := context.WithCancel(ctx)
		var beside sync.WaitGroup
		beside.Go(func() { tally.Run(counting) })
		defer beside.Wait()
		defer stop()
		return publisher.Run(ctx)
	}
	p.roles = append(p.roles, runner{
		name: Events, run: run, waitsFor: publisher.WaitsFor,
		degraded: func() string { return refused(publisher.Refusal()) },
	})
	return nil
}

// newTally counts the open dead letters beside the publisher: every pipeline has this role.
func (p *pipeline) newTally() (*deadletters.Tally, error) {
	kafka := kafkaOptions(p.Config, p.Secrets)
	client, err := kclient.NewClient(kafka...)
	if err != nil {
		return nil, fmt.Errorf("Kafka client: %w", err)
	}
	p.closers = append(p.closers, client.Close)
	tally := deadletters.NewTally(client, deadletters.TallyOptions{
		Kafka: kafka, Prefix: p.Config.Prefix, Codec: p.codec, Logger: p.Logger.With("role", Events), Most: deadletters.MaxTallied,
	})
	p.sources.DeadLetters = tally.Open
	return tally, nil
}

// refusedFrom is how long EventBridge takes nothing before that degrades the role: single
// failures are over by then.
const refusedFrom = 30 * time.Second

// refused is how EventBridge degrades the role; "" for not.
func refused(r eventbridge.Refusal) string {
	if r.Since.IsZero() || time.Since(r.Since) < refusedFrom {
		return ""
	}
	return fmt.Sprintf("EventBridge has taken no event for %s: %s; the events wait in Kafka", time.Since(r.Since).Round(time.Second), r.Cause)
}

// eventNumbers are a publisher's, in real time.
func eventNumbers(ctx context.Context, publisher *eventbridge.Publisher) telemetry.Events {
	backlog, refusal := publisher.Backlog(ctx), publisher.Refusal()
	return telemetry.Events{Pending: backlog.Pending, Oldest: elapsed(backlog.Oldest), Refused: elapsed(refusal.Since)}
}

// elapsed is the real time since a time; 0 for the zero time.
func elapsed(t time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	return max(0, time.Since(t))
}

// publisherOptions are those of whoever publishes events.
func (p *pipeline) publisherOptions(client eventbridge.API) eventbridge.Options {
	return eventbridge.Options{
		Client: client, Codec: p.codec, Details: details(p.Config.Events), Kafka: groupOptions(p.Config, p.Secrets),
		Prefix: p.Config.Prefix, Topics: schemas.EventTopics(),
		Bus: p.Config.Events.Bus, Source: p.Config.Events.Source, MaxEntryBytes: p.Config.Events.MaxEntryBytes,
		MaxInFlight: p.Config.Events.MaxInFlight, Rate: p.Config.Events.MaxRate,
		Clock: p.Clock, Logger: p.Logger.With("role", Events), DrainTimeout: p.Config.Runtime.DrainTimeout,
	}
}

// besideDetail is what an entry holds besides its detail and its source, at the most: time,
// detail-type and the mark of a replay.
const besideDetail = 512

// details makes events of records. They say false for a record that is no event:
// not all records on the topics of events are.
func details(cfg config.Events) eventbridge.Details {
	limit := cfg.MaxEntryBytes - len(cfg.Source) - besideDetail
	return func(_ string, value any) (event eventbridge.Event, ok bool, err error) {
		event.Detail, event.Type, err = schemas.AppendDetailWithin(nil, value, limit)
		event.Entity = schemas.Entity(value)
		return event, event.Type != "", err
	}
}
