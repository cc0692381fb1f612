package spapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// The operations of Orders v0. Amazon ends the reads on 2027-03-27;
// confirmShipment has no successor and stays.

const ordersV0Path = "orders/v0/orders/"

// GetOrderV0 reads one order without its items (getOrder of Orders v0; default
// quota 0.5 a second, burst 30). Its error is a *model.Error.
func (s *Seller) GetOrderV0(ctx context.Context, req model.GetOrderV0Request) (*model.GetOrderV0Response, Meta, error) {
	if pathless(req.OrderID) {
		return nil, Meta{}, s.invalid(model.GetOrderV0, noOrderID)
	}
	get := call{operation: model.GetOrderV0, method: http.MethodGet, path: ordersV0Path + segment(req.OrderID)}
	var answer model.GetOrderV0Response
	meta, err := s.read(ctx, restrictedRead{get, req.DataElements}, &answer)
	if err != nil {
		return nil, meta, err
	}
	if answer.Order.OrderID == "" {
		return nil, meta, s.lost(get, errors.New("the answer is about no order"))
	}
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
	get := call{
		operation: model.GetOrderItemsV0, method: http.MethodGet,
		path: ordersV0Path + segment(req.OrderID) + "/orderItems",
	}
	if req.NextToken != "" {
		get.query = url.Values{"NextToken": {req.NextToken}}
	}
	var answer model.GetOrderItemsV0Response
	meta, err := s.read(ctx, restrictedRead{get, req.DataElements}, &answer)
	if err != nil {
		return nil, meta, err
	}
	if answer.Page.OrderID == "" {
		return nil, meta, s.lost(get, errors.New("the answer is about no order"))
	}
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
	meta, err := s.send(ctx, call{
		operation: model.ConfirmShipment, method: http.MethodPost,
		path: ordersV0Path + segment(req.OrderID) + "/shipmentConfirmation",
		body: req, writes: true, success: http.StatusNoContent,
	}, nil)
	if err != nil {
		return nil, meta, err
	}
	return &model.ConfirmShipmentResponse{}, meta, nil
}

// shipmentFault says what is wrong with a confirmation, or "".
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

// positive says whether text is a positive number in ASCII digits.
func positive(text string) bool {
	return strings.Trim(text, "0123456789") == "" && strings.Trim(text, "0") != ""
}
