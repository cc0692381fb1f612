package spapi

import (
	"context"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// callShipments makes the calls about shipments.
func (s *Seller) callShipments(ctx context.Context, request any) (any, Meta, error) {
	if req, ok := request.(*model.ConfirmShipmentRequest); ok {
		return s.ConfirmShipment(ctx, *req)
	}
	return nil, Meta{}, ErrUnknownRequest
}

// ConfirmShipment says that a package was shipped (confirmShipment of Orders
// v0, which has no successor; default quota 2 a second, burst 10). What Amazon would surely refuse is
// refused without a request. Its error is a *model.Error, whose Confirmation
// says what it means for the shipment.
func (s *Seller) ConfirmShipment(ctx context.Context, req model.ConfirmShipmentRequest) (*model.ConfirmShipmentResponse, Meta, error) {
	if fault := shipmentFault(req); fault != "" {
		return nil, Meta{}, s.invalid(model.ConfirmShipment, fault)
	}
	req.Package.ShipDate = req.Package.ShipDate.UTC()
	confirm := newCall(model.ConfirmShipment, req.OrderID)
	confirm.body = req
	meta, err := s.send(ctx, confirm, nil)
	if err != nil {
		return nil, meta, err
	}
	return &model.ConfirmShipmentResponse{}, meta, nil
}

// shipmentFault returns what is wrong with a confirmation, or "".
func shipmentFault(req model.ConfirmShipmentRequest) string {
	parcel := req.Package
	switch {
	case pathless(req.OrderID):
		return noOrderID
	case req.MarketplaceID == "":
		return "no marketplace is given"
	case !positive(parcel.PackageReferenceID):
		return "the package reference id must be a positive number, in digits alone"
	case parcel.CarrierCode == "":
		return "no carrier code is given"
	case parcel.CarrierCode == model.CarrierOther && parcel.CarrierName == "":
		return "carrier code " + model.CarrierOther + " needs the carrier's name"
	case parcel.ShipDate.Year() < 1970 || parcel.ShipDate.Year() > 9998:
		return "no ship date is given"
	case len(parcel.Items) == 0:
		return "the package has no items"
	}
	for _, item := range parcel.Items {
		if item.OrderItemID == "" || item.Quantity < 1 {
			return "an item of the package has no id or no quantity"
		}
	}
	return ""
}

// positive reports whether text is a positive number in ASCII digits.
func positive(text string) bool {
	return strings.Trim(text, "0123456789") == "" && strings.Trim(text, "0") != ""
}
