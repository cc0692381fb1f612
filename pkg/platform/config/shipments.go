package config

import (
	"slices"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/spapi/carriers"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// What is done with a shipment of a line that somebody asked to cancel.
const (
	BuyerCancelHold = "hold"
	BuyerCancelShip = "ship"
	BuyerCancelWarn = "warn"
)

// What is done with a shipment without a tracking number.
const (
	UntrackedRefuse = "refuse"
	UntrackedFeed   = "feed"
)

// Shipments is the shipments processor. Its durations are on the pipeline's clock.
type Shipments struct {
	// Carriers gives a carrier's code by its name or code as producers write it.
	Carriers map[string]string `yaml:"carriers"`

	WaitForOrder time.Duration `yaml:"wait_for_order"`
	RiskMargin   time.Duration `yaml:"risk_margin"`
	MissingLead  time.Duration `yaml:"missing_lead"`
	BuyerCancel  string        `yaml:"buyer_cancel"`
	Untracked    string        `yaml:"untracked"`
	VerifyAfter  time.Duration `yaml:"verify_after"`
	Patience     time.Duration `yaml:"patience"`
	ApplyDelay   time.Duration `yaml:"apply_delay"`
	MaxPending   int           `yaml:"max_pending"`
}

func defaultShipments() Shipments {
	return Shipments{
		Carriers: map[string]string{}, WaitForOrder: 2 * time.Minute, RiskMargin: 2 * time.Hour, MissingLead: 4 * time.Hour,
		BuyerCancel: BuyerCancelWarn, Untracked: UntrackedRefuse, VerifyAfter: time.Hour, Patience: 12 * time.Hour,
		ApplyDelay: 5 * time.Minute, MaxPending: 200_000,
	}
}

func (v *validator) shipments() {
	c := v.cfg.Shipments
	v.carriers(c.Carriers)
	v.duration("shipments.wait_for_order", c.WaitForOrder, time.Second, 24*time.Hour)
	v.duration("shipments.risk_margin", c.RiskMargin, time.Minute, 7*24*time.Hour)
	v.duration("shipments.missing_lead", c.MissingLead, 0, 7*24*time.Hour)
	v.oneOf("shipments.buyer_cancel", c.BuyerCancel, BuyerCancelHold, BuyerCancelShip, BuyerCancelWarn)
	v.oneOf("shipments.untracked", c.Untracked, UntrackedRefuse, UntrackedFeed)
	v.duration("shipments.verify_after", c.VerifyAfter, 15*time.Minute, 7*24*time.Hour)
	v.duration("shipments.patience", c.Patience, time.Hour, 14*24*time.Hour)
	v.duration("shipments.apply_delay", c.ApplyDelay, time.Second, time.Hour)
	v.between("shipments.max_pending", c.MaxPending, 1000, 10_000_000)
}

// carriers checks the table of carriers: no two names that are read as the same
// one, and no code that Amazon would refuse with every shipment.
func (v *validator) carriers(table map[string]string) {
	names := make([]string, 0, len(table))
	for name := range table {
		names = append(names, name)
	}
	slices.Sort(names)
	first := map[string]string{}
	for _, name := range names {
		path, key, code := "shipments.carriers."+name, carriers.Key(name), table[name]
		other, twice := first[key]
		switch {
		case key == "":
			v.fault(path, "%q names no carrier: write letters or digits", name)
		case twice:
			v.fault(path, "it is the same name as %q, since case, spaces and punctuation do not count: keep one", other)
		case code == "" || code != strings.TrimSpace(code):
			v.fault(path, "%q is no carrier code: write one of Amazon's, such as DHL, or %s to have the name sent", code, model.CarrierOther)
		case carriers.Key(code) == carriers.Key(model.CarrierOther) && code != model.CarrierOther:
			v.fault(path, "%q: Amazon writes it %s", code, model.CarrierOther)
		}
		first[key] = name
	}
}
