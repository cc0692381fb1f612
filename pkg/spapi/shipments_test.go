package spapi

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

func shipment() model.ConfirmShipmentRequest {
	return model.ConfirmShipmentRequest{
		OrderID: "202-1234567-8901234", MarketplaceID: "A1PA6795UKMFR9",
		Package: model.ShipmentPackage{
			PackageReferenceID: "42", CarrierCode: "DHL", TrackingNumber: "JD01",
			ShipDate: time.Date(2026, 11, 1, 1, 0, 0, 0, time.FixedZone("", 3600)),
			Items:    []model.ShipmentItem{{OrderItemID: "1", Quantity: 2}},
		},
	}
}

func TestConfirmShipment(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.api = func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		want := `{"marketplaceId":"A1PA6795UKMFR9","packageDetail":{"packageReferenceId":"42","carrierCode":"DHL",` +
			`"trackingNumber":"JD01","shipDate":"2026-11-01T00:00:00Z","orderItems":[{"orderItemId":"1","quantity":2}]}}`
		if got := fmt.Sprint(r.Method, " ", r.URL, " ", string(body)); got != "POST /orders/v0/orders/202-1234567-8901234/shipmentConfirmation "+want {
			t.Errorf("sent %s", got)
		}
		w.Header().Set("x-amzn-RateLimit-Limit", "2")
		w.WriteHeader(http.StatusNoContent)
	}
	answer, meta, err := f.seller(t, nil).ConfirmShipment(t.Context(), shipment())
	if err != nil || answer == nil || meta.RateLimit != 2 {
		t.Errorf("%v, %+v, %v", answer, meta, err)
	}
}

func TestStatusesOfConfirmShipment(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]model.Class{
		200: model.Ambiguous, 202: model.Ambiguous, 400: model.Invalid, 404: model.NotFound,
		429: model.Throttled, 500: model.Ambiguous, 503: model.Ambiguous,
	} {
		f := newFake(t)
		f.api = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
		_, _, err := f.seller(t, nil).ConfirmShipment(t.Context(), shipment())
		var refusal *model.Error
		if !errors.As(err, &refusal) || refusal.Class != want {
			t.Errorf("%d: %v, want %s", status, err, want)
		}
	}
}

// TestRequestsThatAmazonWouldRefuse are not sent.
func TestRequestsThatAmazonWouldRefuse(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.api = func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") }
	clk := simulatortest.NewClock()
	seller, now := f.seller(t, clk), clk.Now()
	var faults []error
	for _, change := range []func(*model.ConfirmShipmentRequest){
		func(r *model.ConfirmShipmentRequest) { r.OrderID = ".." },
		func(r *model.ConfirmShipmentRequest) { r.MarketplaceID = "" },
		func(r *model.ConfirmShipmentRequest) { r.Package.PackageReferenceID = "" },
		func(r *model.ConfirmShipmentRequest) { r.Package.PackageReferenceID = "0" },
		func(r *model.ConfirmShipmentRequest) { r.Package.PackageReferenceID = "-1" },
		func(r *model.ConfirmShipmentRequest) { r.Package.PackageReferenceID = "1a" },
		func(r *model.ConfirmShipmentRequest) { r.Package.CarrierCode = "" },
		func(r *model.ConfirmShipmentRequest) { r.Package.CarrierCode = model.CarrierOther },
		func(r *model.ConfirmShipmentRequest) { r.Package.ShipDate = time.Time{} },
		func(r *model.ConfirmShipmentRequest) { r.Package.Items = nil },
		func(r *model.ConfirmShipmentRequest) { r.Package.Items[0].Quantity = 0 },
		func(r *model.ConfirmShipmentRequest) { r.Package.Items[0].OrderItemID = "" },
	} {
		request := shipment()
		change(&request)
		_, _, err := seller.ConfirmShipment(t.Context(), request)
		faults = append(faults, err)
	}
	for _, request := range []model.SearchOrdersRequest{
		{},
		{CreatedAfter: now.Add(-time.Hour), LastUpdatedAfter: now.Add(-time.Hour)},
		{CreatedAfter: now.Add(-time.Hour), LastUpdatedBefore: now.Add(-time.Minute * 10)},
		{LastUpdatedAfter: now.Add(-time.Hour), CreatedBefore: now.Add(-time.Minute * 10)},
		{LastUpdatedAfter: now.Add(-time.Hour), LastUpdatedBefore: now.Add(-2 * time.Hour)},
		{LastUpdatedAfter: now.Add(-time.Hour), LastUpdatedBefore: now.Add(-119 * time.Second)},
		{LastUpdatedAfter: now.Add(-time.Hour), MaxResultsPerPage: 101},
		{LastUpdatedAfter: now.Add(-time.Hour), MaxResultsPerPage: -1},
		{LastUpdatedAfter: now.Add(-time.Hour), MarketplaceIDs: make([]string, 51)},
	} {
		_, _, err := seller.SearchOrders(t.Context(), request)
		faults = append(faults, err)
	}
	_, _, order := seller.GetOrderV0(t.Context(), model.GetOrderV0Request{OrderID: "."})
	_, _, items := seller.GetOrderItemsV0(t.Context(), model.GetOrderItemsV0Request{})
	for i, err := range append(faults, order, items) {
		var refusal *model.Error
		if !errors.As(err, &refusal) || refusal.Class != model.Invalid || refusal.Message == "" || refusal.Account == "" {
			t.Errorf("%d: %v", i, err)
		}
	}
}

func TestSearchOrders(t *testing.T) {
	t.Parallel()
	f, clk := newFake(t), simulatortest.NewClock()
	f.api = func(w http.ResponseWriter, r *http.Request) {
		if want := "/orders/2026-01-01/orders?fulfilledBy=MERCHANT&fulfillmentStatuses=UNSHIPPED%2CSHIPPED&includedData=FULFILLMENT%2CPACKAGES" +
			"&lastUpdatedAfter=2026-09-01T11%3A00%3A00.001Z&lastUpdatedBefore=2026-09-01T11%3A58%3A00Z" +
			"&marketplaceIds=A1PA6795UKMFR9&maxResultsPerPage=50&paginationToken=next%3D"; r.URL.String() != want {
			t.Errorf("asked for %s", r.URL)
		}
		fmt.Fprint(w, `{"orders":[{"orderId":"1"},{"orderId":"2"}],"pagination":{"nextToken":"more"},"lastUpdatedBefore":"2026-09-01T11:58:00Z"}`)
	}
	now := clk.Now()
	answer, _, err := f.seller(t, clk).SearchOrders(t.Context(), model.SearchOrdersRequest{
		LastUpdatedAfter: now.Add(-time.Hour + time.Millisecond + 1), LastUpdatedBefore: now.Add(-2 * time.Minute),
		FulfillmentStatuses: []string{"UNSHIPPED", "SHIPPED"}, MarketplaceIDs: []string{"A1PA6795UKMFR9"}, FulfilledBy: []string{"MERCHANT"},
		MaxResultsPerPage: 50, PaginationToken: "next=", IncludedData: []string{model.IncludeFulfillment, model.IncludePackages},
	})
	if err != nil || len(answer.Orders) != 2 || answer.Pagination.NextToken != "more" || answer.LastUpdatedBefore.IsZero() {
		t.Errorf("%+v, %v", answer, err)
	}
}

// TestAnAnswerWithoutOrdersIsNotNone: who looks for missed orders would take it
// for a yes.
func TestAnAnswerWithoutOrdersIsNotNone(t *testing.T) {
	t.Parallel()
	f, clk, text := newFake(t), simulatortest.NewClock(), ""
	f.api = func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }
	search := model.SearchOrdersRequest{LastUpdatedAfter: clk.Now().Add(-time.Hour)}
	for _, text = range []string{`{}`, `null`, `{"orders":null}`} {
		_, _, err := f.seller(t, clk).SearchOrders(t.Context(), search)
		var refusal *model.Error
		if !errors.As(err, &refusal) || refusal.Class != model.Malformed {
			t.Errorf("%s: %v", text, err)
		}
	}
	text = `{"orders":[]}`
	if answer, _, err := f.seller(t, clk).SearchOrders(t.Context(), search); err != nil || len(answer.Orders) != 0 {
		t.Errorf("%+v, %v", answer, err)
	}
}
