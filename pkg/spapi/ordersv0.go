package spapi

import (
	"context"
	"net/url"
	"slices"

	"github.com/sellerstream/sellerstream/pkg/spapi/internal/answers"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// The reads of Orders v0, which Amazon ends on 2027-03-27.

// callOrdersV0 makes the calls of Orders v0.
func (s *Seller) callOrdersV0(ctx context.Context, request any) (any, Meta, error) {
	switch req := request.(type) {
	case *model.GetOrderV0Request:
		return s.GetOrderV0(ctx, *req)
	case *model.GetOrderItemsV0Request:
		return s.GetOrderItemsV0(ctx, *req)
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
