package orders

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// Event types.
const (
	OrderChanged   = "OrderChanged"
	OrderCancelled = "OrderCancelled"
)

const statusUnknown = "UNKNOWN"

// Who has to fulfil an order.
const (
	responsibilityOurs      = "OURS"
	responsibilityMixed     = "MIXED"
	responsibilityElsewhere = "ELSEWHERE"
)

// newEvent is Amazon's order in our schema, without id and origin. Lists that Amazon may give in any
// order are sorted, times are in UTC and milliseconds: two answers that say the
// same must give the same event id. Lines whose SKUs are excluded, if any, are
// marked first: that is content, since fulfilment acts on it.
func newEvent(account string, order *model.Order, excluded func(account, sku string) bool) *schemas.Order {
	event := &schemas.Order{
		EventType:       OrderChanged,
		Account:         account,
		OrderID:         order.OrderID,
		Aliases:         arranged(order.Aliases),
		MarketplaceID:   order.SalesChannel.MarketplaceID,
		MarketplaceName: order.SalesChannel.MarketplaceName,
		SalesChannel:    order.SalesChannel.ChannelName,
		Status:          statusUnknown,
		Responsibility:  responsibilityOurs,
		CreatedTime:     instant(order.CreatedTime),
		LastUpdatedTime: instant(order.LastUpdatedTime),
		Programs:        sorted(order.Programs),
		Items:           items(order.Items),
		Packages:        packages(order.Packages),
		Extra:           model.ExtraJSON(order.Extra),
		Incomplete:      few(order.Incomplete),

		AssociatedOrders:    arranged(order.AssociatedOrders),
		FulfillmentOrderIDs: set(order.FulfillmentOrders, func(o model.FulfillmentOrder) string { return o.ID }),
	}
	if p := order.Proceeds; p != nil {
		event.GrandTotal = money(p.GrandTotal)
		event.Breakdowns = arranged(each(p.Breakdowns, func(b model.Breakdown) schemas.ProceedsBreakdown {
			return schemas.ProceedsBreakdown{Type: b.Type, Status: b.Status, Subtotal: *money(&b.Subtotal)}
		}))
	}
	if p := order.Payment; p != nil {
		event.Payments = each(p.Executions, payment)
	}
	if t := order.Tax; t != nil {
		event.TaxRegistrations, event.TaxInvoicing = each(t.Registrations, registration), t.Invoicing
	}
	if f := order.Fulfillment; f != nil {
		if f.Status != "" {
			event.Status = f.Status
		}
		event.FulfilledBy = f.FulfilledBy
		event.ServiceLevel = f.ServiceLevel
		event.ShipBy = window(f.ShipByWindow)
		event.DeliverBy = window(f.DeliverByWindow)
		event.LabelPrinting = window(f.LabelPrinting)
	}
	if event.Status == model.StatusCancelled {
		event.EventType = OrderCancelled
	}
	markElsewhere(event, excluded)
	return event
}

// payment and registration keep the order of their lists, in which buyer data names them.
func payment(p model.PaymentExecution) schemas.Payment {
	return schemas.Payment{
		Method: p.Method, Amount: money(p.Amount), AcquirerID: p.AcquirerID, CardBrand: p.CardBrand,
		HasAuthorizationCode: present(p.AuthorizationCode),
	}
}

func registration(r model.TaxRegistration) schemas.TaxRegistration {
	out := schemas.TaxRegistration{EntityType: r.EntityType, Type: r.Type}
	parts := []model.Private{r.LegalName, r.Number}
	address, attributes := map[string]string{}, map[string]string{}
	if r.Address != nil {
		r.Address.Each(func(name string, value model.Private) {
			parts = append(parts, value)
			address[name] = value.Reveal()
		})
	}
	for _, a := range r.Attributes {
		parts = append(parts, a.Value)
		attributes[a.Key] = a.Value.Reveal()
	}
	if r.Personal() {
		out.HasPrivate = present(parts...)
		return out
	}
	out.LegalName, out.Number = r.LegalName.Reveal(), r.Number.Reveal()
	out.Address, out.Attributes = given(address), given(attributes)
	return out
}

// given are the parts that are not empty; nil for none.
func given(parts map[string]string) map[string]string {
	maps.DeleteFunc(parts, func(_, value string) bool { return value == "" })
	if len(parts) == 0 {
		return nil
	}
	return parts
}

// present is true where one of the texts is there, and else nil.
func present(texts ...model.Private) *bool {
	there := slices.ContainsFunc(texts, func(text model.Private) bool { return text != "" })
	if !there {
		return nil
	}
	return &there
}

// markElsewhere marks the lines that another service manages, and returns what the
// order's status becomes by it.
func markElsewhere(event *schemas.Order, excluded func(account, sku string) bool) {
	if excluded == nil {
		return
	}
	marked := 0
	for i := range event.Items {
		item := &event.Items[i]
		if item.ManagedElsewhere = excluded(event.Account, item.SellerSKU); item.ManagedElsewhere {
			marked++
		}
	}
	switch {
	case marked == 0:
	case marked < len(event.Items):
		event.Responsibility = responsibilityMixed
	default:
		event.Responsibility = responsibilityElsewhere
	}
}

// contentID hashes the event's content, which holds account, type, order id and
// lastUpdatedTime too. The event must not have its id, origin or replaces set:
// they describe how we came to it, not its content. A field that is added to the
// schema later must be omitted from JSON when empty, or all ids change.
func contentID(event *schemas.Order) string {
	content, err := json.Marshal(event)
	if err != nil {
		panic("orders: an event that cannot be marshalled: " + err.Error()) // plain data: a bug
	}
	return schemas.ContentID(content)
}

// eventID is the id of the event with that content in this pipeline.
func eventID(tx *machine.Tx, content string) string { return tx.EventID("Order", content) }

func money(given *model.Money) *schemas.Money {
	if given == nil {
		return nil
	}
	return &schemas.Money{Amount: given.Amount, Currency: given.CurrencyCode}
}

func window(given *model.DateTimeRange) *schemas.TimeWindow {
	if given == nil {
		return nil
	}
	return &schemas.TimeWindow{Earliest: instant(given.Earliest), Latest: instant(given.Latest)}
}

// instant is t in UTC and milliseconds. JSON has no form for a time outside the
// years 1 to 9999, so such a time becomes the zero time.
func instant(t time.Time) time.Time {
	t = t.UTC().Truncate(time.Millisecond)
	if t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

// maxIncomplete bounds what an order says of what it lacks.
const maxIncomplete = 20

// few are paths without repetition, in order; nil for none.
func few(paths []string) []string {
	if len(paths) == 0 {
		return nil
	}
	paths = slices.Compact(slices.Sorted(slices.Values(paths)))
	return paths[:min(len(paths), maxIncomplete)]
}

func sorted(given []string) []string {
	list := append(make([]string, 0, len(given)), given...)
	slices.Sort(list)
	return list
}

// each makes a list of another; nil of an empty one.
func each[T, U any](given []T, do func(T) U) []U {
	if len(given) == 0 {
		return nil
	}
	list := make([]U, len(given))
	for i := range given {
		list[i] = do(given[i])
	}
	return list
}

// set are texts in order; nil for none.
func set[T any](given []T, text func(T) string) []string {
	list := each(given, text)
	slices.Sort(list)
	return list
}

func same(text string) string { return text }

// arranged are records in an order of their own, whatever Amazon's is; nil for none.
func arranged[T any, P interface {
	*T
	schemas.Value
}](given []T) []T {
	switch len(given) {
	case 0:
		return nil
	case 1:
		return given
	}
	list := slices.Clone(given)
	slices.SortStableFunc(list, func(a, b T) int { return bytes.Compare(P(&a).AppendAvro(nil), P(&b).AppendAvro(nil)) })
	return list
}

// byID puts records in the order of their ids, and those that share one in an order of their
// own too.
func byID[T any, P interface {
	*T
	schemas.Value
}](list []T, id func(*T) string) {
	slices.SortStableFunc(list, func(a, b T) int {
		if c := strings.Compare(id(&a), id(&b)); c != 0 {
			return c
		}
		return bytes.Compare(P(&a).AppendAvro(nil), P(&b).AppendAvro(nil))
	})
}
