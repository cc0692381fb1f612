package pipeline

import (
	"context"

	"github.com/sellerstream/sellerstream/bridge/eventbridge"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
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
	publisher, err := eventbridge.New(opts)
	if err != nil {
		return err
	}
	p.sources.Lags = map[string]func(context.Context) map[string]int64{string(Events): publisher.Lag}
	p.roles = append(p.roles, runner{Events, publisher.Run, publisher.WaitsFor})
	return nil
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
