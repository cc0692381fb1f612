package pipeline

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/sellerstream/sellerstream/pkg/operator/positions"
	"github.com/sellerstream/sellerstream/pkg/operator/tail"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
	"github.com/sellerstream/sellerstream/schemas"
)

// OpenTopic connects an operator's command to a topic of ours that it looks at. stop must
// be called when the topic is no longer used.
func OpenTopic(ctx context.Context, s Settings, name string) (topic tail.Topic, stop func(), err error) {
	ctx, cancel := s.Connecting(ctx)
	defer cancel()
	client, err := OpenKafka(ctx, s)
	if err != nil {
		return topic, nil, err
	}
	if err := thereIs(ctx, client, s.Config, name); err != nil {
		client.Close()
		return topic, nil, err
	}
	codec, err := s.reading(ctx)
	if err != nil {
		client.Close()
		return topic, nil, err
	}
	reader := topicread.Reader{Admin: kadm.NewClient(client), Client: kafkaOptions(s.Config, s.Secrets)}
	return tail.Topic{Name: s.Config.Prefix + name, Reader: reader, Decoder: codec}, client.Close, nil
}

// ReadPositions returns how far s.Roles have read their topics; nothing for named roles that
// read none, or whose topics are not there. Where none are named, that is an error.
func ReadPositions(ctx context.Context, s Settings) ([]positions.Position, error) {
	client, err := OpenKafka(ctx, s)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	enabled := s.Roles
	if len(enabled) == 0 {
		enabled = DefaultRoles(s.Config, false)
	}
	reader := topicread.Reader{Admin: kadm.NewClient(client), Client: kafkaOptions(s.Config, s.Secrets)}
	all, err := positions.Look(ctx, reader, s.Config.Prefix, names(enabled))
	if err == nil && len(all) == 0 { // the words of a topic that is not there
		asking, cancel := s.Connecting(ctx)
		defer cancel()
		if err = thereIs(asking, client, s.Config, schemas.Orders); err == nil && len(s.Roles) == 0 {
			err = fmt.Errorf("no topic under the prefix %q is read by a role", s.Config.Prefix)
		}
	}
	return all, err
}
