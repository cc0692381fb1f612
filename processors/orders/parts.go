package orders

import (
	"slices"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// Amazon leaves a part that is asked for out of its answers where a role is missing, and
// gives no error. So the machine counts for how many answers in a row a part has been
// absent where it could be expected, and starts anew when it comes. The counts stand in
// the account's SearchState and are written whenever a search writes that: a crash
// forgets some minutes of them, and without searches nothing is known.
//
// An answer counts when it is emitted. Those of a backfill do not: Amazon may have deleted
// a part of an old order.
//
// Nothing is said of these parts, since an account may have none for ever: PROMOTION and
// CANCELLATION come with some orders, EXPENSE with points in Japan, FULFILLMENT_ORDERS
// with Easy Ship. Taxes that Amazon collects may come without the role that tax
// registrations need, which only some buyers have: a part of TAX counts as all of it.

const (
	// surely is after how many answers without a part that each such order has it is said to
	// be absent, and perhaps is that of a part that an account's orders may lack.
	surely  = 50
	perhaps = 500
)

// includedPart is a part of an order that is looked for.
type includedPart struct {
	name  string
	about string // the orders that should carry it
	after int32  // see surely
	due   func(event *schemas.Order) bool
	came  func(event *schemas.Order) bool
}

func includedParts() []includedPart {
	return []includedPart{
		{model.IncludeFulfillment, "orders", surely, always, hasFulfillment},
		{model.IncludeProceeds, "paid orders", surely, paid, hasProceeds},
		{model.IncludePackages, "orders that the merchant has shipped", surely, shippedByMerchant, hasPackages},
		{model.IncludeTax, "paid orders", perhaps, paid, hasTax},
		{model.IncludePayment, "paid orders", perhaps, paid, hasPayment},
		{model.IncludeBuyer, "orders that the merchant has to ship", surely, toShipByMerchant, hasBuyer},
		{model.IncludeRecipient, "orders that the merchant has to ship", surely, toShipByMerchant, hasRecipient},
	}
}

// partsOf are the parts that are looked for where these are asked for. Those of the buyer
// depend on the account.
func partsOf(cfg *Config) []includedPart {
	if cfg.V0 {
		return nil
	}
	return slices.DeleteFunc(includedParts(), func(p includedPart) bool { return !p.ofBuyer() && !slices.Contains(cfg.IncludedData, p.name) })
}

func (p *includedPart) ofBuyer() bool {
	return p.name == model.IncludeBuyer || p.name == model.IncludeRecipient
}

// lookFor counts the parts that an order which is emitted should carry and does not.
func (m *Machine) lookFor(tx *machine.Tx, o *order, event *schemas.Order) {
	s := m.reconciler.searches[searchPrefix+o.account]
	if s == nil || o.origin == originBackfill {
		return
	}
	asksBuyer := m.asksBuyer(o, tx.Now)
	for i := range m.parts {
		if p := &m.parts[i]; (asksBuyer || !p.ofBuyer()) && p.due(event) {
			s.saw(p.name, p.came(event))
		}
	}
}

// saw counts an answer.
func (s *search) saw(part string, came bool) {
	i := slices.IndexFunc(s.AbsentParts, func(p schemas.AbsentPart) bool { return p.Part == part })
	switch {
	case came && i >= 0:
		s.AbsentParts = slices.Delete(s.AbsentParts, i, i+1)
	case came:
	case i < 0:
		s.AbsentParts = append(s.AbsentParts, schemas.AbsentPart{Part: part, Answers: 1})
	case s.AbsentParts[i].Answers < 1e9:
		s.AbsentParts[i].Answers++
	}
}

// readAbsent notes the parts that have been absent for long enough.
func readAbsent(state *schemas.SearchState, standing role.Standing) {
	for _, p := range includedParts() {
		for _, absent := range state.AbsentParts {
			if absent.Part == p.name && absent.Answers >= p.after {
				standing.Absent(role.Absent{Part: p.name, About: p.about, Answers: int(absent.Answers), Maybe: p.after > surely})
			}
		}
	}
}

func always(*schemas.Order) bool { return true }

// paid is whether Amazon took money for an order: for one of another channel it did not.
func paid(event *schemas.Order) bool {
	return event.SalesChannel != "NON_AMAZON" && (event.Status == "SHIPPED" || event.Status == "UNSHIPPED" || event.Status == "PARTIALLY_SHIPPED")
}

func shippedByMerchant(event *schemas.Order) bool {
	return event.Status == "SHIPPED" && event.FulfilledBy == model.FulfilledByMerchant
}

func toShipByMerchant(event *schemas.Order) bool {
	return (event.Status == "UNSHIPPED" || event.Status == "PARTIALLY_SHIPPED") && event.FulfilledBy == model.FulfilledByMerchant
}

func hasFulfillment(event *schemas.Order) bool {
	return event.Status != statusUnknown || event.FulfilledBy != ""
}

func hasProceeds(event *schemas.Order) bool {
	return event.GrandTotal != nil || event.Breakdowns != nil ||
		slices.ContainsFunc(event.Items, func(item schemas.OrderItem) bool { return item.Total != nil || item.Breakdowns != nil })
}

func hasPackages(event *schemas.Order) bool { return len(event.Packages) > 0 }

func hasTax(event *schemas.Order) bool {
	return event.TaxRegistrations != nil || event.TaxInvoicing != nil ||
		slices.ContainsFunc(event.Items, func(item schemas.OrderItem) bool { return item.TaxCollections != nil || item.TaxSchemes != nil })
}

func hasPayment(event *schemas.Order) bool { return event.Payments != nil }

func hasBuyer(event *schemas.Order) bool {
	return hasPrivate(event, func(field string) bool { return strings.HasPrefix(field, "buyer.") })
}

// hasRecipient wants what a label needs: the place and the country are no buyer data, and
// may come without the role.
func hasRecipient(event *schemas.Order) bool {
	return hasPrivate(event, func(field string) bool { return field == "recipient.name" || field == "recipient.addressLine1" })
}

func hasPrivate(event *schemas.Order, is func(field string) bool) bool {
	if event.BuyerData == nil {
		return false
	}
	for field := range event.BuyerData.Fields {
		if is(field) {
			return true
		}
	}
	return false
}
