package shipments

import (
	"fmt"
	"slices"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// Amazon sells the labels of some orders (Ship+, Easy Ship), and so do other services. Such a
// label puts a package on the order without a confirmation. To confirm it again would be a second
// package of the same units, which Amazon refuses, or takes with another tracking number than
// the parcel has. So these shipments are rejected before a call is spent, unless the producer
// says confirmAnyway. What we have confirmed ourselves is corrected as always.

// others are the packages that an order shows and that are not cancelled.
func others(shown []schemas.OrderPackage) (packages []schemas.OtherPackage) {
	for i := range shown {
		p := &shown[i]
		if p.Status == "CANCELLED" || p.DetailedStatus == "LABEL_CANCELLED" || len(packages) == maxPackages {
			continue
		}
		other := schemas.OtherPackage{PackageReferenceID: p.PackageReferenceID, TrackingNumber: p.TrackingNumber, Units: []schemas.LineUnits{}}
		for _, item := range p.Items {
			other.Units = append(other.Units, schemas.LineUnits{OrderItemID: item.OrderItemID, Quantity: item.Quantity})
		}
		packages = append(packages, other)
	}
	return packages
}

// unwanted returns why a package's shipment is not for us to confirm.
func (m *Machine) unwanted(o *order, p *schemas.PackageState) (code, message string) {
	s := p.Wanted
	if s.CodCollectionMethod != "" && m.marketplace(o, s) != model.Japan {
		return codeCOD, fmt.Sprintf("codCollectionMethod is for the Japanese marketplace alone, and order %s is of %s: leave it out at the producer, and send the package again with a newer eventTime",
			o.OrderID, m.marketplace(o, s))
	}
	if code, message = o.uncorrectable(p); code != "" {
		return code, message
	}
	if s.ConfirmAnyway || s.Settled || p.Confirmed {
		return "", ""
	}
	const insist = "To have Amazon asked all the same, send the package again with a newer eventTime and confirmAnyway true"
	if o.LabelProgram != "" && !o.remembers(p) {
		return codeLabel, fmt.Sprintf("order %s is of the program %s: the label that Amazon sells confirms it, so package %s was not confirmed. Look in Seller Central whether the label was bought. %s",
			o.OrderID, o.LabelProgram, schemas.Brief(p.PackageID), insist)
	}
	if other := o.packedElsewhere(p); other != nil {
		number := "no tracking number"
		if other.TrackingNumber != "" {
			number = "the tracking number " + schemas.Brief(other.TrackingNumber)
		}
		if sameNumber(other.TrackingNumber, s.TrackingNumber) {
			number += ", as this shipment has"
		}
		return codeElsewhere, fmt.Sprintf("order %s has a package %s with %s that Sellerstream did not confirm, and not enough units are left for package %s: a label that was bought, or somebody in Seller Central, has put it there. Compare the order in Seller Central. %s",
			o.OrderID, schemas.Brief(other.PackageReferenceID), number, schemas.Brief(p.PackageID), insist)
	}
	return "", ""
}

// remembers reports whether the order shows a package with our reference: we have confirmed it,
// and its state is forgotten.
func (o *order) remembers(p *schemas.PackageState) bool {
	return slices.ContainsFunc(o.Others, func(shown schemas.OtherPackage) bool { return shown.PackageReferenceID == p.PackageReferenceID })
}

// packedElsewhere is a package that nobody has shipped through us and without which the order
// would have enough units for a package's shipment; nil for none.
func (o *order) packedElsewhere(p *schemas.PackageState) *schemas.OtherPackage {
	if len(o.Lines) == 0 { // not known, or not shown yet
		return nil
	}
	left := make(map[string]int64)
	for _, line := range o.Lines {
		left[line.OrderItemID] += int64(line.Quantity)
	}
	for i := range o.Packages {
		if other := &o.Packages[i]; other.PackageID != p.PackageID {
			for _, u := range other.Units {
				left[u.OrderItemID] -= int64(u.Quantity)
			}
		}
	}
	foreign := slices.DeleteFunc(slices.Clone(o.Others), o.ours)
	for i := range o.Packages { // what feeds have confirmed has an id of Amazon's own
		at := slices.IndexFunc(foreign, func(other schemas.OtherPackage) bool { return other.TrackingNumber == "" })
		if o.Packages[i].Untracked && at >= 0 {
			foreign = slices.Delete(foreign, at, at+1)
		}
	}
	for i := range foreign {
		for _, u := range foreign[i].Units {
			left[u.OrderItemID] -= int64(u.Quantity)
		}
	}
	for _, item := range p.Wanted.Items {
		if left[item.OrderItemID] -= int64(item.Quantity); left[item.OrderItemID] >= 0 {
			continue
		}
		for i := range foreign {
			if slices.ContainsFunc(foreign[i].Units, func(u schemas.LineUnits) bool { return u.OrderItemID == item.OrderItemID }) {
				return &foreign[i]
			}
		}
	}
	return nil
}

// ours reports whether a package that an order shows is one that we have confirmed, or may have.
func (o *order) ours(shown schemas.OtherPackage) bool {
	return slices.ContainsFunc(o.Packages, func(p schemas.PackageState) bool {
		return p.PackageReferenceID == shown.PackageReferenceID || p.Confirmed && shown.TrackingNumber != "" && sameNumber(p.TrackingNumber, shown.TrackingNumber)
	})
}
