package pipeline

import (
	"context"

	"github.com/sellerstream/sellerstream/pkg/switches"
)

// OpenSwitches connects an operator's command to the switches. close must be
// called when they are no longer used.
func OpenSwitches(ctx context.Context, s Settings) (opened *switches.Switches, stop func(), err error) {
	p := &pipeline{Settings: s}
	if err := p.prepare(ctx, "operator"); err != nil {
		p.close()
		return nil, nil, err
	}
	return p.switches, p.close, nil
}
