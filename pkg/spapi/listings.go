package spapi

import (
	"context"
	"net/url"
	"slices"
	"strconv"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// The operations of the Listings Items API 2021-08-01. All their errors are
// *model.Error.

// fulfillmentAvailability is the attribute that holds a quantity. Its channel
// code selects the entry to merge into, so it must always be there.
type fulfillmentAvailability struct {
	FulfillmentChannelCode string `json:"fulfillment_channel_code"`
	Quantity               int    `json:"quantity"`
}

type listingsItemPatch struct {
	ProductType string           `json:"productType"`
	Patches     []patchOperation `json:"patches"`
}

type patchOperation struct {
	Op    string                    `json:"op"`
	Path  string                    `json:"path"`
	Value []fulfillmentAvailability `json:"value"`
}

// callListings makes the calls of Listings Items 2021-08-01.
func (s *Seller) callListings(ctx context.Context, request any) (any, Meta, error) {
	switch req := request.(type) {
	case *model.PatchQuantityRequest:
		return s.PatchQuantity(ctx, *req)
	case *model.GetListingsItemRequest:
		return s.GetListingsItem(ctx, *req)
	case *model.SearchListingsItemsRequest:
		return s.SearchListingsItems(ctx, *req)
	}
	return nil, Meta{}, ErrUnknownRequest
}

// PatchQuantity sets the quantity of one SKU (patchListingsItem; default quota
// 5 a second, burst 5) and keeps what else is in its fulfillment availability.
// A status of model.SubmissionInvalid is a rejection. After model.Ambiguous or
// model.Malformed the same quantity can be sent again, unless a newer one was sent
// meanwhile.
func (s *Seller) PatchQuantity(ctx context.Context, req model.PatchQuantityRequest) (*model.ListingsItemSubmission, Meta, error) {
	patch, err := s.listing(model.PatchListingsItem, req.SellerID, req.SKU, req.MarketplaceID)
	switch {
	case err != nil:
		return nil, Meta{}, err
	case req.ProductType == "" || req.FulfillmentChannelCode == "":
		return nil, Meta{}, s.invalid(patch.Name, "a quantity needs a product type and a fulfillment channel code")
	case req.Quantity < 0:
		return nil, Meta{}, s.invalid(patch.Name, "the quantity is negative")
	}
	patch.body = listingsItemPatch{ProductType: req.ProductType, Patches: []patchOperation{{
		Op: "merge", Path: "/attributes/fulfillment_availability",
		Value: []fulfillmentAvailability{{req.FulfillmentChannelCode, req.Quantity}},
	}}}
	if req.IssueLocale != "" {
		patch.query.Set("issueLocale", req.IssueLocale)
	}
	var answer model.ListingsItemSubmission
	meta, err := s.send(ctx, patch, &answer)
	if err != nil {
		return nil, meta, err
	}
	if answer.Status == "" {
		return nil, meta, s.unreadable(patch, "the answer holds no status")
	}
	return &answer, meta, nil
}

// GetListingsItem reads the fulfillment availability and the issues of one SKU
// (getListingsItem; default quota 5 a second, burst 10); model.NotFound where
// the seller does not list it in the marketplace.
func (s *Seller) GetListingsItem(ctx context.Context, req model.GetListingsItemRequest) (*model.ListingsItem, Meta, error) {
	get, err := s.listing(model.GetListingsItem, req.SellerID, req.SKU, req.MarketplaceID)
	if err != nil {
		return nil, Meta{}, err
	}
	get.query["includedData"] = list([]string{"issues", "fulfillmentAvailability"})
	var answer model.ListingsItem
	meta, err := s.send(ctx, get, &answer)
	if err != nil {
		return nil, meta, err
	}
	if answer.SKU == "" {
		return nil, meta, s.unreadable(get, "the answer holds no SKU")
	}
	return &answer, meta, nil
}

// SearchListingsItems reads the fulfillment availability of up to 20 SKUs
// (searchListingsItems; default quota 5 a second, burst 5). What the seller does not list
// in the marketplace is missing in the answer; what was listed a moment ago may be too.
func (s *Seller) SearchListingsItems(ctx context.Context, req model.SearchListingsItemsRequest) (*model.SearchListingsItemsResponse, Meta, error) {
	search := newCall(model.SearchListingsItems, req.SellerID)
	switch {
	case req.SellerID == "":
		return nil, Meta{}, s.invalid(search.Name, "a search needs a seller id")
	case !element(req.MarketplaceID):
		return nil, Meta{}, s.invalid(search.Name, "a search needs one marketplace id")
	case len(req.SKUs) == 0 || len(req.SKUs) > model.MaxSearchedSKUs || slices.ContainsFunc(req.SKUs, func(sku string) bool { return !element(sku) }):
		return nil, Meta{}, s.invalid(search.Name, "a search needs 1 to 20 SKUs, none with a comma")
	}
	search.query = url.Values{
		"marketplaceIds": {req.MarketplaceID}, "identifiersType": {"SKU"}, "identifiers": list(req.SKUs),
		"includedData": {"fulfillmentAvailability"}, "pageSize": {strconv.Itoa(model.MaxSearchedSKUs)},
	}
	var answer model.SearchListingsItemsResponse
	meta, err := s.send(ctx, search, &answer)
	if err != nil {
		return nil, meta, err
	}
	return &answer, meta, nil
}

// listing is a call about one SKU in one marketplace.
func (c *caller) listing(operation, sellerID, sku, marketplaceID string) (call, error) {
	switch {
	case sellerID == "" || sku == "":
		return call{}, c.invalid(operation, "a listing needs a seller id and a SKU")
	case !element(marketplaceID):
		return call{}, c.invalid(operation, "a listing needs one marketplace id")
	}
	about := newCall(operation, sellerID, sku)
	about.query = url.Values{"marketplaceIds": {marketplaceID}}
	return about, nil
}
