package spapi

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/spapi/internal/answers"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// callOrders makes the calls of Orders 2026-01-01.
func (s *Seller) callOrders(ctx context.Context, request any) (any, Meta, error) {
	switch req := request.(type) {
	case *model.GetOrderRequest:
		return s.GetOrder(ctx, *req)
	case *model.SearchOrdersRequest:
		return s.SearchOrders(ctx, *req)
	}
	return nil, Meta{}, ErrUnknownRequest
}

// GetOrder reads one order (getOrder of Orders 2026-01-01; default quota 0.5
// a second, burst 30). Its error is a *model.Error.
func (s *Seller) GetOrder(ctx context.Context, req model.GetOrderRequest) (*model.GetOrderResponse, Meta, error) {
	if pathless(req.OrderID) {
		return nil, Meta{}, s.invalid(model.GetOrder, noOrderID)
	}
	get := newCall(model.GetOrder, req.OrderID)
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
		return nil, meta, s.unreadable(get, anotherOrder)
	}
	leaveOut(&answer.Order, req.IncludedData)
	return &answer, meta, nil
}

// anotherOrder is the fault of an answer that is not about the order.
const anotherOrder = "the answer is about another order, or about none"

// maxIncomplete bounds the number of paths in Order.Incomplete.
const maxIncomplete = 20

// incomplete returns the paths below prefix of the fields that an answer lost.
func incomplete(odd []answers.Oddity, prefix string) []string {
	var paths []string
	for _, o := range odd {
		if path, below := strings.CutPrefix(o.Path, prefix); below && o.Kind != answers.Converted && o.Kind != answers.Unknown {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	return paths[:min(len(paths), maxIncomplete)]
}

// leaveOut drops buyer data that was not asked for, should Amazon send it.
func leaveOut(order *model.Order, asked []string) {
	if !slices.Contains(asked, model.IncludeBuyer) {
		order.Buyer = nil
	}
	if !slices.Contains(asked, model.IncludeRecipient) {
		order.Recipient = nil
	}
}

// SearchOrders reads a page of the orders of a span of time (searchOrders of
// Orders 2026-01-01; default quota 0.0056 a second, burst 20: one in three
// minutes). A request that Amazon would surely refuse is refused here, without
// spending it. Its error is a *model.Error.
func (s *Seller) SearchOrders(ctx context.Context, req model.SearchOrdersRequest) (*model.SearchOrdersResponse, Meta, error) {
	if fault := searchFault(req, s.client.clock.Now()); fault != "" {
		return nil, Meta{}, s.invalid(model.SearchOrders, fault)
	}
	query := url.Values{}
	for name, at := range map[string]time.Time{
		"createdAfter": req.CreatedAfter, "createdBefore": req.CreatedBefore,
		"lastUpdatedAfter": req.LastUpdatedAfter, "lastUpdatedBefore": req.LastUpdatedBefore,
	} {
		if !at.IsZero() {
			query.Set(name, at.UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano))
		}
	}
	for name, list := range map[string][]string{
		"fulfillmentStatuses": req.FulfillmentStatuses, "marketplaceIds": req.MarketplaceIDs,
		"fulfilledBy": req.FulfilledBy, "includedData": req.IncludedData,
	} {
		if len(list) > 0 {
			query.Set(name, strings.Join(list, ","))
		}
	}
	if req.MaxResultsPerPage != 0 {
		query.Set("maxResultsPerPage", strconv.Itoa(req.MaxResultsPerPage))
	}
	if req.PaginationToken != "" {
		query.Set("paginationToken", req.PaginationToken)
	}
	var answer model.SearchOrdersResponse
	search := newCall(model.SearchOrders)
	search.query = query
	var odd []answers.Oddity
	search.odd = &odd
	meta, err := s.send(ctx, search, &answer)
	if err != nil {
		return nil, meta, err
	}
	if answer.Orders == nil { // an empty list would pass for no orders
		return nil, meta, s.unreadable(search, "the answer holds no list of orders")
	}
	answer.Incomplete = len(incomplete(odd, "orders")) > 0
	for i := range answer.Orders {
		leaveOut(&answer.Orders[i], req.IncludedData)
	}
	return &answer, meta, nil
}

// settled is how far in the past a search must end.
const settled = 2 * time.Minute

// searchFault returns what is wrong with a search, or "".
func searchFault(req model.SearchOrdersRequest, now time.Time) string {
	from, to, other := req.CreatedAfter, req.CreatedBefore, req.LastUpdatedBefore
	if from.IsZero() {
		from, to, other = req.LastUpdatedAfter, req.LastUpdatedBefore, req.CreatedBefore
	}
	switch {
	case req.CreatedAfter.IsZero() == req.LastUpdatedAfter.IsZero() || !other.IsZero():
		return "give exactly one of createdAfter and lastUpdatedAfter, and no other end than the one of its name"
	case from.Year() < 1 || from.Year() > 9999:
		return "the time to search from is not in the years 1 to 9999"
	case !to.IsZero() && to.Before(from):
		return "the search ends before it begins"
	case to.After(now.Add(-settled)):
		return "the search must end at least two minutes ago"
	case req.MaxResultsPerPage < 0 || req.MaxResultsPerPage > 100:
		return "a page has 1 to 100 orders"
	case len(req.MarketplaceIDs) > 50:
		return "at most 50 marketplaces can be named"
	}
	return ""
}

// noOrderID is the fault of an order id that is pathless.
const noOrderID = "the order id is empty or a path"

// pathless reports whether an id cannot be a segment of a path.
func pathless(id string) bool { return id == "" || id == "." || id == ".." }
