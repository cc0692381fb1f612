package pipeline

import (
	"context"

	"github.com/sellerstream/sellerstream/bridge/eventbridge"
	"github.com/sellerstream/sellerstream/pkg/operator/replays"
)

// OpenReplay connects a replay to Kafka and the schema registry. by is who replays.
// written are the topics that it encodes records for; without any it only looks, and
// nothing is written anywhere. stop must be called when the options are no longer used.
func OpenReplay(ctx context.Context, s Settings, by string, written ...string) (opts replays.Options, stop func(), err error) {
	p := &pipeline{Settings: s}
	if p.live, err = newLive(s.Config, s.Logger); err != nil {
		return opts, nil, err
	}
	ctx, cancel := s.Connecting(ctx)
	defer cancel()
	client, err := OpenKafka(ctx, s)
	if err != nil {
		return opts, nil, err
	}
	if len(written) > 0 {
		p.codec, err = s.registered(ctx, written...)
	} else {
		p.codec, err = s.reading(ctx)
	}
	if err != nil {
		client.Close()
		return opts, nil, err
	}
	return replays.Options{
		Client: client, Kafka: kafkaOptions(s.Config, s.Secrets), Group: groupOptions(s.Config, s.Secrets),
		TransactionalPrefix: s.TransactionalPrefix, Codec: p.codec, Config: s.Config, Limits: p.live.limit, By: by, Logger: s.Logger,
		DetailType: func(value any) string {
			event, _, err := details(s.Config.Events)("", value)
			if err != nil {
				return ""
			}
			return event.Type
		},
		Publisher: p.publishAgain,
	}, client.Close, nil
}

// publishAgain makes the publisher of a part of a topic.
func (p *pipeline) publishAgain(ctx context.Context, topic string, again *eventbridge.Again) (*eventbridge.Publisher, error) {
	awsConfig, err := openAWS(ctx, p.Config.AWS)
	if err != nil {
		return nil, err
	}
	opts := p.publisherOptions(eventbridge.NewClient(awsConfig, p.Config.AWS.EventBridgeEndpoint))
	opts.Topics, opts.Again = []string{topic}, again
	return eventbridge.New(opts)
}
