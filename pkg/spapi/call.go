package spapi

import (
	"context"
	"errors"
)

// ErrUnknownRequest is Call's error for a value that no method takes.
var ErrUnknownRequest = errors.New("spapi: no call takes this request")

// Call passes a request to the method that takes it, such as a *model.GetOrderRequest
// to GetOrder, and returns what that returns. It is for callers that carry requests of
// many kinds.
func (s *Seller) Call(ctx context.Context, request any) (response any, meta Meta, err error) {
	for _, call := range [...]func(context.Context, any) (any, Meta, error){
		s.callOrders, s.callOrdersV0, s.callShipments, s.callTokens, s.callFeeds, s.callListings, s.callReports,
	} {
		response, meta, err = call(ctx, request)
		if !errors.Is(err, ErrUnknownRequest) {
			return response, meta, err
		}
	}
	return nil, Meta{}, err
}
