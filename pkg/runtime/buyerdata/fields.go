package buyerdata

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// maxField bounds a value, in bytes. Amazon's are some dozen; unknown ones together are
// the largest.
const maxField = 4 * model.MaxExtra

// take removes what is about a person from an answer and returns it by name. What stays
// behind shows that there was something.
func take(response any) map[string]string {
	var fields fieldSet
	switch r := response.(type) {
	case *model.GetOrderResponse:
		fields.order(&r.Order)
	case *model.GetOrderV0Response:
		fields.buyerV0(r.Order.BuyerInfo)
		fields.addressV0(r.Order.ShippingAddress)
		r.Order.BuyerInfo, r.Order.ShippingAddress = nil, nil
	}
	return fields
}

// withhold removes what is about a person from an answer, for good.
func withhold(response any) {
	if page, ok := response.(*model.SearchOrdersResponse); ok {
		for i := range page.Orders {
			withholdOf(&page.Orders[i])
		}
		return
	}
	if answer, ok := response.(*model.GetOrderResponse); ok {
		withholdOf(&answer.Order)
		return
	}
	take(response)
}

func withholdOf(o *model.Order) {
	o.Incomplete = append(o.Incomplete, lacking(o)...)
	var dropped fieldSet
	dropped.order(o)
}

// lacking names what an order would lack without what is, or may be, about a person: fields
// that nothing else shows.
func lacking(o *model.Order) (paths []string) {
	for _, u := range o.Extra {
		if !plain(u) {
			paths = append(paths, u.Pattern())
		}
	}
	return paths
}

type fieldSet map[string]string

func (f *fieldSet) order(o *model.Order) {
	f.buyer(o.Buyer)
	f.recipient(o.Recipient)
	o.Buyer, o.Recipient = nil, nil
	for i := range o.Items {
		item := &o.Items[i]
		name := "items." + item.OrderItemID + "."
		if c := item.Product.Customization; c != nil {
			f.move(name+"customizedUrl", &c.URL)
		}
		if d := item.Fulfillment; d != nil && d.Packing != nil && d.Packing.Gift != nil {
			f.move(name+"giftMessage", &d.Packing.Gift.Message)
		}
	}
	if o.Tax != nil {
		f.registrations(o.Tax.Registrations)
	}
	if o.Payment != nil {
		f.payments(o.Payment.Executions)
	}
	var taken []model.Unknown
	o.Extra = slices.DeleteFunc(o.Extra, func(u model.Unknown) bool {
		if plain(u) {
			return false
		}
		taken = append(taken, u)
		return true
	})
	f.add("extra", model.Private(model.ExtraJSON(taken)))
}

// registrations and payments are named by their places, so that these must not change with
// the order in which Amazon gives them.
func (f *fieldSet) registrations(all []model.TaxRegistration) {
	slices.SortStableFunc(all, func(a, b model.TaxRegistration) int {
		return cmp.Or(strings.Compare(a.EntityType, b.EntityType), strings.Compare(a.Type, b.Type),
			strings.Compare(a.Number.Reveal(), b.Number.Reveal()), strings.Compare(a.LegalName.Reveal(), b.LegalName.Reveal()),
			slices.Compare(details(a), details(b)))
	})
	for i := range all {
		r := &all[i]
		if !r.Personal() {
			continue
		}
		name := "taxRegistrations." + strconv.Itoa(i) + "."
		f.move(name+"legalName", &r.LegalName)
		f.move(name+"number", &r.Number)
		for k := range r.Attributes {
			f.move(name+"attributes."+r.Attributes[k].Key, &r.Attributes[k].Value)
		}
		if a := r.Address; a != nil {
			r.Address = nil
			if before := len(*f); before < f.address(name+"address.", a) {
				r.Address = &model.CustomerAddress{Name: model.Withheld}
			}
		}
	}
}

// details are what else a registration says, in an order of their own.
func details(r model.TaxRegistration) (all []string) {
	for _, a := range r.Attributes {
		all = append(all, a.Key+"="+a.Value.Reveal())
	}
	slices.Sort(all)
	if r.Address != nil {
		r.Address.Each(func(name string, value model.Private) { all = append(all, name+"="+value.Reveal()) })
	}
	return all
}

func (f *fieldSet) payments(all []model.PaymentExecution) {
	slices.SortStableFunc(all, func(a, b model.PaymentExecution) int {
		return cmp.Or(strings.Compare(a.Method, b.Method), strings.Compare(amount(a), amount(b)),
			strings.Compare(a.AuthorizationCode.Reveal(), b.AuthorizationCode.Reveal()),
			strings.Compare(a.CardBrand, b.CardBrand), strings.Compare(a.AcquirerID, b.AcquirerID))
	})
	for i := range all {
		f.move("payments."+strconv.Itoa(i)+".authorizationCode", &all[i].AuthorizationCode)
	}
}

func amount(p model.PaymentExecution) string {
	if p.Amount == nil {
		return ""
	}
	return p.Amount.Amount + p.Amount.CurrencyCode
}

// move adds a value and leaves its stand-in.
func (f *fieldSet) move(name string, value *model.Private) {
	if *value != "" {
		f.add(name, *value)
		*value = model.Withheld
	}
}

func (f *fieldSet) add(name string, value model.Private) {
	text := value.Reveal()
	if text == "" {
		return
	}
	if len(text) > maxField {
		text = strings.ToValidUTF8(text[:maxField], "")
	}
	if *f == nil {
		*f = fieldSet{}
	}
	(*f)[name] = text
}

func (f *fieldSet) buyer(b *model.Buyer) {
	if b == nil {
		return
	}
	f.add("buyer.name", b.Name)
	f.add("buyer.email", b.Email)
	f.add("buyer.companyName", b.CompanyName)
	f.add("buyer.purchaseOrderNumber", b.PurchaseOrderNumber)
}

func (f *fieldSet) recipient(r *model.Recipient) {
	if r == nil {
		return
	}
	if p := r.Preference; p != nil {
		f.add("recipient.dropOffLocation", p.DropOffLocation)
		f.add("recipient.addressInstruction", p.AddressInstruction)
		f.add("recipient.deliveryTime", compact(p.DeliveryTime))
		f.add("recipient.deliveryCapabilities", compact(p.DeliveryCapabilities))
	}
	if r.Address != nil {
		f.address("recipient.", r.Address)
	}
}

// address returns how many fields there are then.
func (f *fieldSet) address(prefix string, a *model.CustomerAddress) int {
	a.Each(func(name string, value model.Private) { f.add(prefix+name, value) })
	return len(*f)
}

// compact is JSON without white space: its bytes are content.
func compact(value model.Private) model.Private {
	var b bytes.Buffer
	if json.Compact(&b, []byte(value.Reveal())) != nil {
		return value
	}
	return model.Private(b.String())
}

// buyerV0 and addressV0 give what Orders v0 shows under the names above.
func (f *fieldSet) buyerV0(b *model.BuyerV0) {
	if b == nil {
		return
	}
	f.add("buyer.name", b.Name)
	f.add("buyer.email", b.Email)
	f.add("buyer.purchaseOrderNumber", b.PurchaseOrderNumber)
}

func (f *fieldSet) addressV0(a *model.AddressV0) {
	if a == nil {
		return
	}
	f.add("recipient.name", a.Name)
	f.add("recipient.companyName", a.CompanyName)
	f.add("recipient.addressLine1", a.AddressLine1)
	f.add("recipient.addressLine2", a.AddressLine2)
	f.add("recipient.addressLine3", a.AddressLine3)
	f.add("recipient.city", a.City)
	f.add("recipient.districtOrCounty", cmp.Or(a.County, a.District))
	f.add("recipient.stateOrRegion", a.StateOrRegion)
	f.add("recipient.municipality", a.Municipality)
	f.add("recipient.postalCode", a.PostalCode)
	f.add("recipient.countryCode", a.CountryCode)
	f.add("recipient.phone", a.Phone)
	f.add("recipient.addressType", model.Private(strings.ToUpper(a.AddressType.Reveal())))
}
