package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/test/conformance"
)

const (
	ordersV0Model = "ordersV0.json"
	tokensModel   = "tokens_2021-03-01.json"
)

// readRestricted reads orders of Orders v0 without and with their buyers' data,
// and their items page by page.
func readRestricted(t *testing.T, s *simulated) {
	t.Helper()
	ctx, buyerData := t.Context(), []string{model.DataBuyerInfo, model.DataShippingAddress}
	for range 20 {
		change, err := s.World.PlaceOrder(simulatortest.German)
		if err != nil {
			t.Fatal(err)
		}
		id := change.Order.OrderID
		for _, elements := range [][]string{nil, buyerData} {
			order, _, err := s.seller.GetOrderV0(ctx, model.GetOrderV0Request{OrderID: id, DataElements: elements})
			if err != nil || order.Order.OrderID != id || (order.Order.BuyerInfo != nil) != (elements != nil) {
				t.Fatalf("%+v, %v", order, err)
			}
			request, items := model.GetOrderItemsV0Request{OrderID: id, DataElements: elements}, 0
			for page, err := range spapi.Pages(ctx, 100, s.seller.GetOrderItemsV0, request) {
				if err != nil {
					t.Fatal(err)
				}
				items += len(page.Page.Items)
			}
			if items != len(change.Order.Items) {
				t.Errorf("%d of %d items", items, len(change.Order.Items))
			}
		}
		if _, err := s.World.Change(id); err != nil {
			t.Fatal(err)
		}
	}
	answer, _, err := s.seller.CreateRestrictedDataToken(ctx, model.CreateRestrictedDataTokenRequest{DataElements: buyerData})
	if err != nil || answer.ExpiresIn == 0 {
		t.Errorf("%+v, %v", answer, err)
	}
}

// shipOrders confirms packages, and has Amazon refuse some.
func shipOrders(t *testing.T, s *simulated) {
	t.Helper()
	confirmed := 0
	for confirmed < 5 {
		change, err := s.World.PlaceOrder(simulatortest.German)
		if err != nil {
			t.Fatal(err)
		}
		order := change.Order
		if order.Status() != simulator.Unshipped {
			continue
		}
		request := model.ConfirmShipmentRequest{
			OrderID: order.OrderID, MarketplaceID: order.SalesChannel.MarketplaceID,
			Package: model.ShipmentPackage{
				PackageReferenceID: "1", CarrierCode: model.CarrierOther, CarrierName: "Cargo bike", ShippingMethod: "Bike",
				TrackingNumber: "B1", ShipDate: time.Now(),
			},
		}
		for _, item := range order.Items {
			request.Package.Items = append(request.Package.Items, model.ShipmentItem{OrderItemID: item.OrderItemID, Quantity: int32(item.Quantity)})
		}
		if _, _, err := s.seller.ConfirmShipment(t.Context(), request); err != nil {
			t.Fatal(err)
		}
		confirmed++
		request.Package.PackageReferenceID = "2"
		_, _, err = s.seller.ConfirmShipment(t.Context(), request)
		var refusal *model.Error
		if !errors.As(err, &refusal) || refusal.Confirmation() != model.ShipmentFulfilled {
			t.Errorf("another package of a fulfilled order: %v", err)
		}
		request.Package.PackageReferenceID, request.Package.Items[0].OrderItemID = "1", "another"
		_, _, err = s.seller.ConfirmShipment(t.Context(), request)
		if !errors.As(err, &refusal) || refusal.Confirmation() != model.ShipmentRefused {
			t.Errorf("an item that is not the order's: %v", err)
		}
	}
}

// searchPages finds all orders, a page at a time.
func searchPages(t *testing.T, s *simulated) {
	t.Helper()
	request := model.SearchOrdersRequest{
		CreatedAfter: time.Now().Add(-time.Hour), MaxResultsPerPage: 50, IncludedData: []string{model.IncludeFulfillment},
		MarketplaceIDs: []string{"A1PA6795UKMFR9"}, FulfilledBy: []string{"MERCHANT"}, FulfillmentStatuses: []string{"UNSHIPPED", "SHIPPED"},
	}
	for _, err := range spapi.Pages(t.Context(), 100, s.seller.SearchOrders, request) {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// orderCalls makes the operations of the orders family with a case's parameters;
// see calls.
func orderCalls() map[string]func(context.Context, client, map[string]string) (any, error) {
	return map[string]func(context.Context, client, map[string]string) (any, error){
		model.SearchOrders: func(ctx context.Context, c client, with map[string]string) (any, error) {
			request := model.SearchOrdersRequest{PaginationToken: with["paginationToken"]}
			request.MaxResultsPerPage, _ = strconv.Atoi(with["maxResultsPerPage"])
			for name, at := range map[string]*time.Time{
				"createdAfter": &request.CreatedAfter, "createdBefore": &request.CreatedBefore,
				"lastUpdatedAfter": &request.LastUpdatedAfter, "lastUpdatedBefore": &request.LastUpdatedBefore,
			} {
				*at, _ = time.Parse(time.RFC3339, with[name])
			}
			if request.LastUpdatedAfter.IsZero() && request.CreatedAfter.IsZero() { // a case that gives none that is a time
				request.CreatedAfter = time.Now().Add(-time.Hour)
			}
			for name, list := range map[string]*[]string{
				"marketplaceIds": &request.MarketplaceIDs, "includedData": &request.IncludedData,
				"fulfillmentStatuses": &request.FulfillmentStatuses, "fulfilledBy": &request.FulfilledBy,
			} {
				if with[name] != "" {
					*list = strings.Split(with[name], ",")
				}
			}
			answer, _, err := c.seller.SearchOrders(ctx, request)
			return answer, err
		},
		model.GetOrderV0: func(ctx context.Context, c client, with map[string]string) (any, error) {
			answer, _, err := c.seller.GetOrderV0(ctx, model.GetOrderV0Request{OrderID: with["orderId"]})
			return answer, err
		},
		model.GetOrderItemsV0: func(ctx context.Context, c client, with map[string]string) (any, error) {
			answer, _, err := c.seller.GetOrderItemsV0(ctx, model.GetOrderItemsV0Request{OrderID: with["orderId"]})
			return answer, err
		},
		model.CreateRestrictedDataToken: func(ctx context.Context, c client, _ map[string]string) (any, error) {
			answer, _, err := c.seller.CreateRestrictedDataToken(ctx, model.CreateRestrictedDataTokenRequest{
				DataElements: []string{model.DataBuyerInfo, model.DataShippingAddress},
			})
			return answer, err
		},
		model.ConfirmShipment: func(ctx context.Context, c client, with map[string]string) (any, error) {
			_, _, err := c.seller.ConfirmShipment(ctx, model.ConfirmShipmentRequest{
				OrderID: with["orderId"], MarketplaceID: "ATVPDKIKX0DER",
				Package: model.ShipmentPackage{
					PackageReferenceID: "1", CarrierCode: "FedEx", TrackingNumber: "112345678",
					ShipDate: time.Date(2022, 2, 11, 1, 0, 0, 0, time.UTC), Items: []model.ShipmentItem{{OrderItemID: "79039765272157", Quantity: 1}},
				},
			})
			return nil, err
		},
	}
}

// anyOrder makes calls of the orders family with whatever a caller may put into them.
func anyOrder(r *rapid.T, s *simulated, id string) []error {
	ctx, text := r.Context(), rapid.String()
	moment := rapid.Custom(func(r *rapid.T) time.Time {
		return time.UnixMilli(rapid.Int64Range(0, 4_000_000_000_000).Draw(r, "moment"))
	})
	search := model.SearchOrdersRequest{
		CreatedAfter: moment.Draw(r, "after"), MaxResultsPerPage: rapid.IntRange(-1, 101).Draw(r, "size"),
		PaginationToken:     text.Draw(r, "token"),
		IncludedData:        rapid.SliceOfDistinct(rapid.SampledFrom(strings.Split(allData, ",")), rapid.ID).Draw(r, "data"),
		FulfillmentStatuses: rapid.SliceOfDistinct(rapid.SampledFrom([]string{"PENDING", "SHIPPED", "UNFULFILLABLE"}), rapid.ID).Draw(r, "statuses"),
		FulfilledBy:         rapid.SliceOfDistinct(rapid.SampledFrom([]string{"MERCHANT", "AMAZON"}), rapid.ID).Draw(r, "fulfilled by"),
	}
	if rapid.Bool().Draw(r, "by update") {
		search.CreatedAfter, search.LastUpdatedAfter = time.Time{}, search.CreatedAfter
		search.LastUpdatedBefore = moment.Draw(r, "before")
	}
	parcel := model.ShipmentPackage{
		PackageReferenceID: rapid.StringMatching("[0-9]{0,3}").Draw(r, "reference"), CarrierCode: text.Draw(r, "carrier"), CarrierName: text.Draw(r, "name"),
		ShippingMethod: text.Draw(r, "method"), TrackingNumber: text.Draw(r, "tracking"), ShipDate: moment.Draw(r, "shipped"), SupplySourceID: text.Draw(r, "source"),
		Items: rapid.SliceOf(rapid.Custom(func(r *rapid.T) model.ShipmentItem {
			return model.ShipmentItem{OrderItemID: text.Draw(r, "item"), Quantity: rapid.Int32().Draw(r, "quantity"), TransparencyCodes: rapid.SliceOf(text).Draw(r, "codes")}
		})).Draw(r, "items"),
	}
	_, _, searchOrders := s.seller.SearchOrders(ctx, search)
	_, _, getOrder := s.seller.GetOrderV0(ctx, model.GetOrderV0Request{OrderID: id})
	_, _, getItems := s.seller.GetOrderItemsV0(ctx, model.GetOrderItemsV0Request{OrderID: id, NextToken: text.Draw(r, "next"), DataElements: []string{model.DataBuyerInfo}})
	_, _, confirm := s.seller.ConfirmShipment(ctx, model.ConfirmShipmentRequest{OrderID: id, MarketplaceID: text.Draw(r, "marketplace"), Package: parcel})
	return []error{searchOrders, getOrder, getItems, confirm}
}

// TestConfirmationsAreAsAmazonsSandboxHasThem: the body of Amazon's own example,
// read and sent by the client's types, says the same.
func TestConfirmationsAreAsAmazonsSandboxHasThem(t *testing.T) {
	t.Parallel()
	compared := 0
	for _, c := range conformance.LoadCases(t, ordersV0Model) {
		if c.Operation != model.ConfirmShipment || c.Status >= 300 {
			continue
		}
		var request model.ConfirmShipmentRequest
		if err := json.Unmarshal(c.Body, &request); err != nil {
			t.Fatal(err)
		}
		sent, err := json.Marshal(request)
		if err != nil {
			t.Fatal(err)
		}
		var ours, amazons any
		if err := errors.Join(json.Unmarshal(sent, &ours), json.Unmarshal(c.Body, &amazons)); err != nil {
			t.Fatal(err)
		}
		for _, fault := range append(differences("", ours, amazons), differences("", amazons, ours)...) {
			t.Error(fault)
		}
		compared++
	}
	if compared == 0 {
		t.Error("the sandbox confirms no shipment")
	}
}
