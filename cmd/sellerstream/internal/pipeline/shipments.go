package pipeline

import (
	"github.com/sellerstream/sellerstream/pkg/machine"
	"github.com/sellerstream/sellerstream/processors/shipments"
	"github.com/sellerstream/sellerstream/schemas"
)

// addShipments adds the way from packages handed to a carrier to Amazon.
func (p *pipeline) addShipments() error {
	machineConfig := p.shipmentsConfig()
	return p.addProcessor(processor{
		name: shipments.Processor, inputs: []string{schemas.Shipments, schemas.Orders},
		neverPaused: []string{schemas.Orders}, // what shipments wait for comes from there
		outputs:     []string{schemas.ShipmentConfirmations, schemas.Alerts}, state: schemas.StateShipments,
		maxPending: p.Config.Shipments.MaxPending,
		machine:    func(machine.Unit) liveMachine { return shipments.New(machineConfig) },
	})
}

func (p *pipeline) shipmentsConfig() shipments.Config {
	cfg := p.Config.Shipments
	lease, callTime := p.writing()
	return shipments.Config{
		Accounts: p.live.directory, Quota: p.live.limit, Carriers: cfg.Carriers,
		WaitForOrder: cfg.WaitForOrder, RiskMargin: cfg.RiskMargin,
		Lease: lease, CallTime: callTime, ApplyDelay: cfg.ApplyDelay,
	}
}
