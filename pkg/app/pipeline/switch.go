package pipeline

import (
	"context"
	"errors"

	"github.com/sellerstream/sellerstream/pkg/platform/pause"
	"github.com/sellerstream/sellerstream/schemas"
)

// OpenSwitches connects an operator's command to the switches, to turn them or only to
// look. stop must be called when they are no longer used. It needs no schema registry;
// see pause.Plain.
func OpenSwitches(ctx context.Context, s Settings, turn bool) (opened *pause.Switches, stop func(), err error) {
	ctx, cancel := s.Connecting(ctx)
	defer cancel()
	client, err := openTopic(ctx, s, schemas.Switches)
	if err != nil {
		return nil, nil, err
	}
	client.Close()
	codec, err := s.switchCodec(ctx, turn)
	if err != nil {
		return nil, nil, err
	}
	opened, err = pause.Open(ctx, pause.Options{Kafka: s.commandOptions(), Prefix: s.Config.Prefix, Codec: codec, Logger: s.Logger})
	if err != nil {
		return nil, nil, err
	}
	return opened, opened.Close, nil
}

func (s Settings) switchCodec(ctx context.Context, turn bool) (pause.Codec, error) {
	decoder := s.stateDecoder(ctx)
	if _, answers := decoder.(byRegistry); !answers || !turn {
		return pause.Plain{Decoder: decoder}, nil
	}
	asked, cancel := context.WithTimeoutCause(ctx, s.answers()/3, errors.New("no answer"))
	defer cancel()
	codec, err := openRegistry(asked, s.Config, s.Secrets, s.Logger, schemas.Switches)
	if err != nil && ctx.Err() == nil {
		s.Logger.Warn("the switch is written without a schema of the registry", "url", s.Config.Registry.URL, "error", err)
		return pause.Plain{Decoder: decoder}, nil
	}
	return codec, err
}
