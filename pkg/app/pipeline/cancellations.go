package pipeline

import (
	"errors"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/processors/cancellations"
)

// addCancellations adds the way from orders that the merchant cancels to Amazon.
func (p *pipeline) addCancellations() error {
	if !p.Config.Cancellations.Enabled {
		return errors.New("cancellations.enabled is false: set it, or leave the role out with --roles")
	}
	machineConfig := p.cancellationsConfig()
	return p.addProcessor(processor{
		role:       cancellations.Role(),
		maxPending: p.Config.Cancellations.MaxPending,
		machine:    func(machine.Unit) liveMachine { return cancellations.New(machineConfig) },
	})
}

func (p *pipeline) cancellationsConfig() cancellations.Config {
	cfg := p.Config.Cancellations
	lease, callTime := p.writing()
	return cancellations.Config{
		Accounts: p.live.directory, Limits: p.live.limit,
		WaitForOrder: cfg.WaitForOrder, Linger: cfg.Linger, FeedInterval: cfg.FeedInterval, Patience: cfg.Patience,
		Lease: lease, CallTime: callTime, ApplyDelay: cfg.ApplyDelay, ShowDelay: cfg.ShowDelay,
	}
}
