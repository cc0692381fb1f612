package pipeline

import (
	"context"

	"github.com/sellerstream/sellerstream/pkg/operator/statemove"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/schemas"
)

// OpenState connects to what a pipeline remembers: to export it, or to write it, for which
// our schemas are registered. stop must be called at the end.
func OpenState(ctx context.Context, s Settings, write bool, progress func(format string, args ...any)) (opened *statemove.Pipeline, stop func(), err error) {
	client, err := OpenKafka(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	topics := []string{schemas.Switches} // of which to know one is enough to read all
	if write {
		topics = nil
	} else {
		s.Config.Registry.Register = false
	}
	reachable, cancel := s.Connecting(ctx)
	defer cancel()
	codec, err := openRegistry(reachable, s.Config, s.Secrets, s.Logger, topics...)
	if err != nil {
		client.Close()
		return nil, nil, err
	}
	options, err := registryOptions(ctx, s.Config, s.Secrets)
	if err != nil {
		client.Close()
		return nil, nil, err
	}
	texts, err := registry.NewTexts(registry.Config{Client: options, Prefix: s.Config.Prefix, Register: s.Config.Registry.Register})
	if err != nil {
		client.Close()
		return nil, nil, err
	}
	return &statemove.Pipeline{
		Prefix: s.Config.Prefix, TransactionalPrefix: s.TransactionalPrefix, Kafka: kafkaOptions(s.Config, s.Secrets),
		Client: client, Codec: codec, Texts: texts, Progress: progress,
	}, client.Close, nil
}
