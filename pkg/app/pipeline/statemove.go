package pipeline

import (
	"context"

	"github.com/sellerstream/sellerstream/pkg/operator/statemove"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
)

// OpenState connects to what a pipeline remembers: to export it, or to write it, for which
// our schemas are registered. stop must be called at the end.
func OpenState(ctx context.Context, s Settings, write bool, progress func(format string, args ...any)) (opened *statemove.Pipeline, stop func(), err error) {
	client, err := OpenKafka(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	s.Config.Registry.Register = s.Config.Registry.Register && write
	codec, err := s.stateCodec(ctx, write)
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

// stateCodec needs this version's schemas only to write: a backup before an upgrade is made
// by the new version, which the registry does not know yet. A registry that has answered may
// take its time for all of them.
func (s Settings) stateCodec(ctx context.Context, write bool) (*registry.Codec, error) {
	codec, err := s.reading(ctx)
	if err != nil {
		return nil, err
	}
	asking, cancel := s.Connecting(ctx)
	defer cancel()
	if err := codec.Answers(asking); err != nil || !write {
		return codec, err
	}
	return openRegistry(ctx, s.Config, s.Secrets, s.Logger)
}
