package spapi

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/spapi/internal/answers"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// The operations of Orders v0. Amazon ends the reads on 2027-03-27;
// confirmShipment has no successor and stays.

// callOrdersV0 makes the calls of Orders v0.
func (s *Seller) callOrdersV0(ctx context.Context, request any) (any, Meta, error) {
	switch req := request.(type) {
	case *model.GetOrderV0Request:
		return s.GetOrderV0(ctx, *req)
	case *model.GetOrderItemsV0Request:
		return s.GetOrderItemsV0(ctx, *req)
	case *model.ConfirmShipmentRequest:
		return s.ConfirmShipment(ctx, *req)
	}
	return nil, Meta{}, ErrUnknownRequest
}

// GetOrderV0 reads one order without its items (getOrder of Orders v0; default
// quota 0.5 a second, burst 30). Its error is a *model.Error.
func (s *Seller) GetOrderV0(ctx context.Context, req model.GetOrderV0Request) (*model.GetOrderV0Response, Meta, error) {
	if pathless(req.OrderID) {
		return nil, Meta{}, s.invalid(model.GetOrderV0, noOrderID)
	}
	get := newCall(model.GetOrderV0, req.OrderID)
	var answer model.GetOrderV0Response
	var odd []answers.Oddity
	get.odd = &odd
	meta, err := s.read(ctx, restrictedRead{get, req.DataElements}, &answer)
	if err != nil {
		return nil, meta, err
	}
	if answer.Order.OrderID != req.OrderID {
		return nil, meta, s.unreadable(get, anotherOrder)
	}
	answer.Order.Incomplete = incomplete(odd, "payload.")
	// Amazon sends a part of the address without being asked.
	if !slices.Contains(req.DataElements, model.DataBuyerInfo) {
		answer.Order.BuyerInfo = nil
	}
	if !slices.Contains(req.DataElements, model.DataShippingAddress) {
		answer.Order.ShippingAddress = nil
	}
	return &answer, meta, nil
}

// GetOrderItemsV0 reads a page of an order's items (getOrderItems of Orders
// v0; default quota 0.5 a second, burst 30). Its error is a *model.Error.
func (s *Seller) GetOrderItemsV0(ctx context.Context, req model.GetOrderItemsV0Request) (*model.GetOrderItemsV0Response, Meta, error) {
	if pathless(req.OrderID) {
		return nil, Meta{}, s.invalid(model.GetOrderItemsV0, noOrderID)
	}
	get := newCall(model.GetOrderItemsV0, req.OrderID)
	if req.NextToken != "" {
		get.query = url.Values{"NextToken": {req.NextToken}}
	}
	var answer model.GetOrderItemsV0Response
	var odd []answers.Oddity
	get.odd = &odd
	meta, err := s.read(ctx, restrictedRead{get, req.DataElements}, &answer)
	if err != nil {
		return nil, meta, err
	}
	if answer.Page.OrderID != req.OrderID {
		return nil, meta, s.unreadable(get, anotherOrder)
	}
	answer.Page.Incomplete = incomplete(odd, "payload.")
	if !slices.Contains(req.DataElements, model.DataBuyerInfo) {
		for i := range answer.Page.Items {
			answer.Page.Items[i].BuyerInfo = nil
		}
	}
	return &answer, meta, nil
}

// ConfirmShipment says that a package was shipped (confirmShipment of Orders
// v0; default quota 2 a second, burst 10). What Amazon would surely refuse is
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
