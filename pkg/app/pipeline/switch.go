package pipeline

import (
	"context"

	"github.com/sellerstream/sellerstream/pkg/platform/pause"
	"github.com/sellerstream/sellerstream/schemas"
)

// OpenSwitches connects an operator's command to the switches. close must be
// called when they are no longer used.
func OpenSwitches(ctx context.Context, s Settings) (opened *pause.Switches, stop func(), err error) {
	client, codec, err := openTopic(ctx, s, schemas.Switches)
	if err != nil {
		return nil, nil, err
	}
	defer client.Close()
	p := &pipeline{Settings: s, codec: codec}
	if err := p.openSwitches(ctx); err != nil {
		return nil, nil, err
	}
	return p.switches, p.close, nil
}
