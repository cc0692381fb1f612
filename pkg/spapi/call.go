package spapi

import (
	"context"
	"errors"
)

// ErrUnknownRequest is Call's error for what is no request.
var ErrUnknownRequest = errors.New("spapi: no call takes this request")

// Call makes the call that a request is for, as the method does that takes it:
// a *model.GetOrderRequest is GetOrder's. It is for those who carry requests of many
// kinds. Its response is the method's.
func (s *Seller) Call(ctx context.Context, request any) (response any, meta Meta, err error) {
	for _, call := range [...]func(context.Context, any) (any, Meta, error){
		s.callOrders, s.callOrdersV0, s.callTokens, s.callFeeds, s.callListings,
	} {
		response, meta, err = call(ctx, request)
		if !errors.Is(err, ErrUnknownRequest) {
			return response, meta, err
		}
	}
	return nil, Meta{}, err
}
