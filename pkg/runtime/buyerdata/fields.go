package buyerdata

import (
	"cmp"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// maxField bounds a value, in bytes. Amazon's are some dozen.
const maxField = 8 << 10

// take removes the buyer's fields from an answer and returns them by name.
func take(response any) map[string]string {
	var fields fieldSet
	switch r := response.(type) {
	case *model.GetOrderResponse:
		fields.buyer(r.Order.Buyer)
		fields.recipient(r.Order.Recipient)
		r.Order.Buyer, r.Order.Recipient = nil, nil
	case *model.GetOrderV0Response:
		fields.buyerV0(r.Order.BuyerInfo)
		fields.addressV0(r.Order.ShippingAddress)
		r.Order.BuyerInfo, r.Order.ShippingAddress = nil, nil
	}
	return fields
}

type fieldSet map[string]string

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
	}
	a := r.Address
	if a == nil {
		return
	}
	f.add("recipient.name", a.Name)
	f.add("recipient.companyName", a.CompanyName)
	f.add("recipient.addressLine1", a.AddressLine1)
	f.add("recipient.addressLine2", a.AddressLine2)
	f.add("recipient.addressLine3", a.AddressLine3)
	f.add("recipient.city", a.City)
	f.add("recipient.districtOrCounty", a.DistrictOrCounty)
	f.add("recipient.stateOrRegion", a.StateOrRegion)
	f.add("recipient.municipality", a.Municipality)
	f.add("recipient.postalCode", a.PostalCode)
	f.add("recipient.countryCode", a.CountryCode)
	f.add("recipient.phone", a.Phone)
	f.add("recipient.addressType", a.AddressType)
	if e := a.Extended; e != nil {
		f.add("recipient.streetName", e.StreetName)
		f.add("recipient.streetNumber", e.StreetNumber)
		f.add("recipient.complement", e.Complement)
		f.add("recipient.neighborhood", e.Neighborhood)
	}
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
