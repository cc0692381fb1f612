package spapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// GetOrder reads one order (getOrder of Orders 2026-01-01; default quota 0.5
// a second, burst 30). Its error is a *model.Error.
func (s *Seller) GetOrder(ctx context.Context, req model.GetOrderRequest) (*model.GetOrderResponse, Meta, error) {
	if req.OrderID == "" || req.OrderID == "." || req.OrderID == ".." {
		return nil, Meta{}, &model.Error{
			Class: model.Invalid, Operation: model.GetOrder, Account: s.Account(),
			Message: "the order id is empty or a path",
		}
	}
	get := call{
		operation: model.GetOrder,
		method:    http.MethodGet,
		path:      "orders/2026-01-01/orders/" + url.PathEscape(req.OrderID),
	}
	if len(req.IncludedData) > 0 {
		// An array without collectionFormat: comma-separated (Swagger 2.0).
		get.query = url.Values{"includedData": {strings.Join(req.IncludedData, ",")}}
	}
	var answer model.GetOrderResponse
	meta, err := s.send(ctx, get, &answer)
	if err != nil {
		return nil, meta, err
	}
	if answer.Order.OrderID != req.OrderID {
		return nil, meta, s.lost(get, errors.New("the answer is about another order, or about none"))
	}
	return &answer, meta, nil
}
