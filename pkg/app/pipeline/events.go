package pipeline

import (
	"context"

	"github.com/sellerstream/sellerstream/bridge/eventbridge"
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
		Client: client, Codec: p.codec, Details: details, Kafka: groupOptions(p.Config, p.Secrets),
		Prefix: p.Config.Prefix, Topics: schemas.EventTopics(),
		Bus: p.Config.Events.Bus, Source: p.Config.Events.Source, MaxEntryBytes: p.Config.Events.MaxEntryBytes,
		Clock: p.Clock, Logger: p.Logger.With("role", Events), DrainTimeout: p.Config.Runtime.DrainTimeout,
	}
}

// details makes an event of a record. ok is false for a record that is no event:
// not all records on the topics of events are.
func details(_ string, value any) (detailType string, detail []byte, ok bool, err error) {
	detail, detailType, err = schemas.AppendDetail(nil, value)
	return detailType, detail, detailType != "", err
}
