package model

import (
	"strings"
	"time"
)

// CarrierOther is the carrierCode of a carrier that Amazon has no code for; it
// goes with a carrierName.
const CarrierOther = "Other"

// CODDirectPayment is the only codCollectionMethod, and Japan the only marketplace that has it.
const (
	CODDirectPayment = "DirectPayment"
	Japan            = "A1VC38T7YXB528"
)

// Programs of orders whose label Amazon sells, and which it confirms by that.
const (
	ProgramShipPlus = "FBM_SHIP_PLUS"
	ProgramEasyShip = "AMAZON_EASY_SHIP"
)

// ConfirmShipmentRequest says that a package of an order was shipped. The same
// PackageReferenceID again edits that package, another one adds a package.
type ConfirmShipmentRequest struct {
	OrderID       string          `json:"-"`
	MarketplaceID string          `json:"marketplaceId"` // the order's
	Package       ShipmentPackage `json:"packageDetail"`
	// CODCollectionMethod is how cash on delivery is collected; Japan only.
	CODCollectionMethod string `json:"codCollectionMethod,omitempty"`
}

// ShipmentPackage is a package that was shipped.
type ShipmentPackage struct {
	PackageReferenceID string         `json:"packageReferenceId"` // a positive number, as text: Amazon refuses anything else
	CarrierCode        string         `json:"carrierCode"`        // one of Amazon's (package carriers), or CarrierOther
	CarrierName        string         `json:"carrierName,omitempty"`
	ShippingMethod     string         `json:"shippingMethod,omitempty"`
	TrackingNumber     string         `json:"trackingNumber"`
	ShipDate           time.Time      `json:"shipDate"`
	SupplySourceID     string         `json:"shipFromSupplySourceId,omitempty"`
	Items              []ShipmentItem `json:"orderItems"`
}

// ShipmentItem is units of one line of the order.
type ShipmentItem struct {
	OrderItemID       string   `json:"orderItemId"`
	Quantity          int32    `json:"quantity"`
	TransparencyCodes []string `json:"transparencyCodes,omitempty"`
}

// ConfirmShipmentResponse says that Amazon took the confirmation (204).
type ConfirmShipmentResponse struct{}

// Confirmation is what a failed confirmShipment means for the shipment.
type Confirmation string

// badRequest is HTTP's 400; a machine, which knows no HTTP, can import this package.
const badRequest = 400

// The confirmations.
const (
	// ShipmentFulfilled: Amazon has the order as fulfilled already. As the answer
	// to a repeat it means that an earlier try was taken.
	ShipmentFulfilled Confirmation = "fulfilled"
	// ShipmentRefused: this shipment will never be taken as it is, such as for a
	// line or a quantity that the order does not have.
	ShipmentRefused Confirmation = "refused"
	// ShipmentOpen: the answer says nothing of the shipment; ask again later.
	ShipmentOpen Confirmation = "open"
)

// Confirmation reads the error of a confirmShipment.
func (e *Error) Confirmation() Confirmation {
	if e.Operation != ConfirmShipment {
		return ShipmentOpen
	}
	switch e.Class {
	case Invalid, NotFound, Conflict:
	default:
		return ShipmentOpen
	}
	// Amazon has no code for it: "Failed to create package due to not finding a
	// matching package or order already fulfilled. ErrorMessage(errorCode=GeneralError,
	// …, errorMetric=PackageToUpdateNotFound, …)" (selling-partner-api-models#5037).
	text := e.Code + " " + e.Message
	if e.Status == badRequest && strings.Contains(text, "PackageToUpdateNotFound") &&
		strings.Contains(strings.ToLower(text), "already fulfilled") {
		return ShipmentFulfilled
	}
	return ShipmentRefused
}
