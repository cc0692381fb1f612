package pipeline

import (
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/carriers"
	"github.com/sellerstream/sellerstream/processors/shipments"
)

// addShipments adds the way from packages handed to a carrier to Amazon.
func (p *pipeline) addShipments() error {
	machineConfig := p.shipmentsConfig()
	return p.addProcessor(processor{
		role:       shipments.Role(),
		maxPending: p.Config.Shipments.MaxPending,
		machine:    func(machine.Unit) liveMachine { return shipments.New(machineConfig) },
	})
}

func (p *pipeline) shipmentsConfig() shipments.Config {
	cfg := p.Config.Shipments
	lease, callTime := p.writing()
	return shipments.Config{
		Accounts: p.live.directory, Limits: p.live.limit, Carriers: carriers.New(cfg.Carriers),
		WaitForOrder: cfg.WaitForOrder, RiskMargin: cfg.RiskMargin, MissingLead: cfg.MissingLead,
		BuyerCancel: cfg.BuyerCancel, Untracked: cfg.Untracked, VerifyAfter: cfg.VerifyAfter, Patience: cfg.Patience,
		Lease: lease, CallTime: callTime, ApplyDelay: cfg.ApplyDelay,
	}
}
