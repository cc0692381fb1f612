package shipments

import (
	"fmt"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/platform/commands"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/carriers"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// alertCarrier is the type of the alert about a name of a carrier that is on no list of
// Amazon's codes. It is raised once for a name, whichever account ships with it: where a name
// is mapped, that holds for all of them. What was reported is remembered while the unit runs.
const alertCarrier = "CarrierUnknown"

const (
	// mostCarriers is how many names of an account are reported one by one. One more alert
	// reports that there are others.
	mostCarriers = 20
	// nearestCarriers is how many codes an alert suggests.
	nearestCarriers = 3
)

// strangers are the carriers that were reported.
type strangers struct {
	names    map[string]struct{} // by their keys
	accounts map[string]int      // how many of them were of an account first
}

// tellCarrier reports the carrier of an account's shipment, where it is sent as Other
// because nothing is known of its name.
func (m *Machine) tellCarrier(tx *machine.Tx, account string, chosen carriers.Choice) {
	if chosen.Origin != carriers.Unknown {
		return
	}
	name := schemas.Brief(chosen.Name)
	key := carriers.Key(name)
	if _, reported := m.strangers.names[key]; reported || m.strangers.accounts[account] > mostCarriers {
		return
	}
	alert := &schemas.Alert{EventType: alertCarrier, Account: account, Role: Processor, Severity: "WARNING", Since: tx.Now}
	if m.strangers.accounts[account]++; m.strangers.accounts[account] > mostCarriers {
		alert.Message = fmt.Sprintf("Shipments of account %s have named more than %d carriers that are on no list of Amazon's codes. Further names are not reported. "+
			"Does the producer write something else into carrierCode or carrierName? shipment-confirmations has the names that were sent as %s.",
			account, mostCarriers, model.CarrierOther)
		tx.Alert(alert)
		return
	}
	m.strangers.names[key] = struct{}{}
	near, suggested := m.nearest(chosen.Name), "No code resembles it."
	if near != "" {
		suggested = "The nearest codes: " + near + "."
	}
	alert.Subject, alert.Attributes = name, map[string]string{"carrierName": name, "nearestCodes": near}
	alert.Message = fmt.Sprintf("The carrier \"%[1]s\" is on no list of Amazon's codes, or several codes are spelled so. Its packages are confirmed as %[2]s with that name, and Amazon may count their tracking as invalid. "+
		"%[3]s Map the name under shipments.carriers, to %[2]s if that is right, or have the producer write a code. %[4]s shows more.",
		name, model.CarrierOther, suggested, commands.FindCarrier)
	tx.Alert(alert)
}

// nearest returns the codes that may be meant by a name, the likeliest first.
func (m *Machine) nearest(name string) string {
	var codes []string
	for _, c := range m.cfg.Carriers.Near(name, nearestCarriers) {
		codes = append(codes, c.Code)
	}
	return strings.Join(codes, ", ")
}
