package spapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi/internal/answers"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

const (
	orderFields   = `"orderId":"1","createdTime":"2024-12-25T16:00:00Z","lastUpdatedTime":"2024-12-25T16:30:00Z"`
	orderV0Fields = `"AmazonOrderId":"1","PurchaseDate":"2024-12-25T16:00:00Z","LastUpdateDate":"2024-12-25T16:30:00Z","OrderStatus":"Unshipped"`
)

// packings are the ways in which Amazon may say and send one report, by document id:
// compressionAlgorithm, and whether it is gzip.
func packings() map[string]packing {
	return map[string]packing{
		"plain": {}, "gzip": {"GZIP", true}, "gzip-lower": {"gzip", true}, "gzip-unannounced": {"", true}, "plain-as-gzip": {"GZIP", false},
	}
}

type packing struct {
	announced string
	zipped    bool
}

const documentHost = "tortuga-prod-eu.s3-eu-west-1.amazonaws.com"

// answering is a seller. All its calls, except those for tokens, are answered with
// the status that the operation has for a success, and body.
func answering(t testing.TB, body []byte, odd func(operation, path, kind string)) *Seller {
	t.Helper()
	seller, err := answeringClient(t, body, odd).Seller(testSeller("acme-eu"))
	if err != nil {
		t.Fatal(err)
	}
	return seller
}

// answeringClient is the client of answering. The documents of packings are there, and
// hold body.
func answeringClient(t testing.TB, body []byte, odd func(operation, path, kind string)) *Client {
	t.Helper()
	transport := roundTrip(func(req *http.Request) (*http.Response, error) {
		text, status := body, http.StatusOK
		id := req.URL.Path[strings.LastIndexByte(req.URL.Path, '/')+1:]
		packed, document := packings()[id]
		switch {
		case document && req.URL.Host == documentHost:
			if packed.zipped {
				text = zip(t, string(body))
			}
		case document:
			text = fmt.Appendf(nil, `{"feedDocumentId":%q,"url":"https://%s/%s","compressionAlgorithm":%q}`, id, documentHost, id, packed.announced)
		case strings.HasSuffix(req.URL.Path, "/auth/o2/token"):
			text = []byte(goodToken)
		case strings.HasSuffix(req.URL.Path, "/documents"):
			status = http.StatusCreated
		case req.Method == http.MethodPost && strings.HasSuffix(req.URL.Path, "/feeds"):
			status = http.StatusAccepted
		}
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(text))), Request: req}, nil
	})
	client, err := New(Config{Base: transport, Once: transport, Odd: odd})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// reads are the operations of a seller whose answers are decoded.
func reads() map[string]func(context.Context, *Seller) (any, error) {
	return map[string]func(context.Context, *Seller) (any, error){
		model.GetOrder: func(ctx context.Context, s *Seller) (any, error) {
			answer, _, err := s.GetOrder(ctx, model.GetOrderRequest{OrderID: "1", IncludedData: []string{model.IncludeBuyer, model.IncludeRecipient}})
			return answer, err
		},
		model.SearchOrders: func(ctx context.Context, s *Seller) (any, error) {
			answer, _, err := s.SearchOrders(ctx, model.SearchOrdersRequest{LastUpdatedAfter: simulatortest.NewClock().Now()})
			return answer, err
		},
		model.GetOrderV0: func(ctx context.Context, s *Seller) (any, error) {
			answer, _, err := s.GetOrderV0(ctx, model.GetOrderV0Request{OrderID: "1"})
			return answer, err
		},
		model.GetOrderItemsV0: func(ctx context.Context, s *Seller) (any, error) {
			answer, _, err := s.GetOrderItemsV0(ctx, model.GetOrderItemsV0Request{OrderID: "1"})
			return answer, err
		},
		model.CreateFeed: func(ctx context.Context, s *Seller) (any, error) { return nil, createFeed(ctx, s) },
		model.GetFeed: func(ctx context.Context, s *Seller) (any, error) {
			answer, _, err := s.GetFeed(ctx, model.GetFeedRequest{FeedID: "1"})
			return answer, err
		},
		model.GetFeeds: func(ctx context.Context, s *Seller) (any, error) {
			answer, _, err := s.GetFeeds(ctx, model.GetFeedsRequest{FeedTypes: []string{model.JSONListingsFeed}})
			return answer, err
		},
		model.PatchListingsItem: func(ctx context.Context, s *Seller) (any, error) {
			answer, _, err := s.PatchQuantity(ctx, model.PatchQuantityRequest{
				SellerID: "S", MarketplaceID: "M", SKU: "1", ProductType: "PRODUCT", FulfillmentChannelCode: "DEFAULT",
			})
			return answer, err
		},
		model.GetListingsItem: func(ctx context.Context, s *Seller) (any, error) {
			answer, _, err := s.GetListingsItem(ctx, model.GetListingsItemRequest{SellerID: "S", MarketplaceID: "M", SKU: "1"})
			return answer, err
		},
		model.SearchListingsItems: func(ctx context.Context, s *Seller) (any, error) {
			answer, _, err := s.SearchListingsItems(ctx, model.SearchListingsItemsRequest{SellerID: "S", MarketplaceID: "M", SKUs: []string{"1"}})
			return answer, err
		},
		model.GetSubscription: func(ctx context.Context, s *Seller) (any, error) {
			answer, _, err := s.GetSubscription(ctx, model.GetSubscriptionRequest{NotificationType: model.OrderChangeNotification})
			return answer, err
		},
		model.GetSubscriptions: func(ctx context.Context, s *Seller) (any, error) {
			answer, _, err := s.GetSubscriptions(ctx, model.GetSubscriptionsRequest{NotificationType: model.OrderChangeNotification})
			return answer, err
		},
		model.CreateSubscription: func(ctx context.Context, s *Seller) (any, error) {
			answer, _, err := s.CreateSubscription(ctx, model.CreateSubscriptionRequest{NotificationType: model.OrderChangeNotification, PayloadVersion: "1.0", DestinationID: "1"})
			return answer, err
		},
		model.GetFeedDocument: func(ctx context.Context, s *Seller) (any, error) { // whose own answer is body
			answer, _, err := s.ReadFeedReport(ctx, model.ReadFeedReportRequest{FeedDocumentID: "1"})
			return answer, err
		},
		model.CreateReport: func(ctx context.Context, s *Seller) (any, error) {
			answer, _, err := s.CreateReport(ctx, model.CreateReportRequest{ReportType: "T", MarketplaceIDs: []string{"M"}})
			return answer, err
		},
		model.GetReport: func(ctx context.Context, s *Seller) (any, error) {
			answer, _, err := s.GetReport(ctx, model.GetReportRequest{ReportID: "1"})
			return answer, err
		},
		model.GetReportDocument: func(ctx context.Context, s *Seller) (any, error) {
			answer, _, err := s.ReadListingsReport(ctx, model.ReadListingsReportRequest{ReportDocumentID: "1"})
			return answer, err
		},
		model.CreateRestrictedDataToken: func(ctx context.Context, s *Seller) (any, error) {
			answer, _, err := s.CreateRestrictedDataToken(ctx, model.CreateRestrictedDataTokenRequest{DataElements: []string{model.DataBuyerInfo}})
			return answer, err
		},
	}
}

// grantlessReads are those of an application without a seller.
func grantlessReads() map[string]func(context.Context, *Grantless) (any, error) {
	const kind = model.OrderChangeNotification
	return map[string]func(context.Context, *Grantless) (any, error){
		model.GetSubscriptionByID: func(ctx context.Context, g *Grantless) (any, error) {
			answer, _, err := g.GetSubscriptionByID(ctx, model.GetSubscriptionByIDRequest{NotificationType: kind, SubscriptionID: "1"})
			return answer, err
		},
		model.DeleteSubscriptionByID: func(ctx context.Context, g *Grantless) (any, error) {
			_, _, err := g.DeleteSubscriptionByID(ctx, model.DeleteSubscriptionByIDRequest{NotificationType: kind, SubscriptionID: "1"})
			return nil, err
		},
		model.GetDestinations: func(ctx context.Context, g *Grantless) (any, error) {
			answer, _, err := g.GetDestinations(ctx, model.GetDestinationsRequest{})
			return answer, err
		},
		model.GetDestination: func(ctx context.Context, g *Grantless) (any, error) {
			answer, _, err := g.GetDestination(ctx, model.GetDestinationRequest{DestinationID: "1"})
			return answer, err
		},
		model.CreateDestination: func(ctx context.Context, g *Grantless) (any, error) {
			answer, _, err := g.CreateDestination(ctx, model.CreateDestinationRequest{Name: "n"})
			return answer, err
		},
		model.DeleteDestination: func(ctx context.Context, g *Grantless) (any, error) {
			_, _, err := g.DeleteDestination(ctx, model.DeleteDestinationRequest{DestinationID: "1"})
			return nil, err
		},
	}
}

// FuzzAnswers: whatever bytes an operation is answered with, there is an answer
// that is about what was asked, or a *model.Error of one line.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{
		`null`, `{}`, `[]`, `<html>`, `{"payload":{}}`, `{"payload":null}`, `{"orders":[{},{"orderId":"2","orderItems":7}],"pagination":{"nextToken":{}}}`,
		`{"order":{` + orderFields + `,"orderItems":[{"orderItemId":"1","quantityOrdered":1,"proceeds":{"proceedsTotal":{"amount":1.5,"currencyCode":"EUR"}}}]}}`,
		`{"payload":{` + orderV0Fields + `,"OrderItems":[{"OrderItemId":1,"QuantityOrdered":"2"}],"NextToken":"n"}}`,
		`{"feedId":"1","processingStatus":"DONE","feeds":[{"feedId":"2","processingStatus":5}],"nextToken":"n"}`,
		`{"sku":"1","status":"INVALID","issues":[{"code":1,"message":"m","attributeNames":["a",1]}],"fulfillmentAvailability":[{"quantity":"5"}]}`,
		`{"payload":{"subscriptionId":"1","destinationId":"2","subscriptions":[{}]},"restrictedDataToken":"Atz.sprdt|x","expiresIn":9e18}`,
		`{"payload":[{"destinationId":"1","name":7,"resource":{"sqs":{"arn":"arn:aws:sqs:eu-west-1:1:q"},"eventBridge":[]}}]}`,
		`{"feedDocumentId":"1","url":"https://` + documentHost + `/plain","compressionAlgorithm":"BROTLI"}`,
		`{"feedDocumentId":"1","url":"https://169.254.169.254/latest/meta-data"}`,
		`{"header":{"sellerId":"S","version":"2.0","feedId":"1"},"issues":[{"messageId":1,"code":"90220","severity":"ERROR","message":"m","attributeName":7}],"summary":{"errors":1,"messagesAccepted":"2"}}`,
		"\x1f\x8b\x08", `<AmazonEnvelope>`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		client := answeringClient(t, body, func(operation, path, kind string) {
			if len(path) > 100 || kind == "" || reads()[operation] == nil && grantlessReads()[operation] == nil {
				t.Errorf("%s: path %q, kind %q", operation, path, kind)
			}
		})
		seller, err := client.Seller(testSeller("acme-eu"))
		if err != nil {
			t.Fatal(err)
		}
		grantless, err := client.Grantless(testApplication(), model.Europe)
		if err != nil {
			t.Fatal(err)
		}
		for operation, read := range reads() {
			answer, err := read(t.Context(), seller)
			checkAnswer(t, operation, answer, err)
		}
		for operation, read := range grantlessReads() {
			answer, err := read(t.Context(), grantless)
			checkAnswer(t, operation, answer, err)
		}
		checkPackings(t, seller, body)
	})
}

func checkAnswer(t *testing.T, operation string, answer any, err error) {
	t.Helper()
	var refusal *model.Error
	switch {
	case err == nil:
		about(t, answer)
	case !errors.As(err, &refusal) || refusal.Operation != operation:
		t.Errorf("%s: %v", operation, err)
	case len(err.Error()) > 1000 || strings.ContainsAny(err.Error(), "\n\r"):
		t.Errorf("%s: %q", operation, err)
	}
}

// checkPackings wants a report that says the same however it came.
func checkPackings(t *testing.T, seller *Seller, body []byte) {
	t.Helper()
	reports := make(map[string]*model.FeedReport)
	for id := range packings() {
		report, _, err := seller.ReadFeedReport(t.Context(), model.ReadFeedReportRequest{FeedDocumentID: id})
		if err != nil {
			t.Fatalf("report %s: %v", id, err)
		}
		reports[id] = report
		checkReport(t, report)
	}
	if strings.HasPrefix(string(body), gzipMagic) {
		return // what is gzip already is unpacked once more or less
	}
	for id, report := range reports {
		if !reflect.DeepEqual(report, reports["plain"]) {
			t.Errorf("report %s is %+v, plain %+v", id, report, reports["plain"])
		}
	}
}

// about checks that an answer is about what was asked: order 1, or something with an id.
func about(t *testing.T, answer any) {
	t.Helper()
	switch a := answer.(type) {
	case *model.GetOrderResponse:
		if a.Order.OrderID != "1" || a.Order.CreatedTime.IsZero() || a.Order.LastUpdatedTime.IsZero() || len(a.Order.Incomplete) > maxIncomplete {
			t.Errorf("%+v", a)
		}
	case *model.GetOrderV0Response:
		if a.Order.OrderID != "1" || a.Order.LastUpdateDate.IsZero() || a.Order.ShippingAddress != nil {
			t.Errorf("%+v", a)
		}
	case *model.GetOrderItemsV0Response:
		if a.Page.OrderID != "1" {
			t.Errorf("%+v", a)
		}
	case *model.FeedReport:
		checkReport(t, a)
	case model.Subscription:
		if a.ID == "" || a.DestinationID == "" {
			t.Errorf("%+v", a)
		}
	case model.Destination:
		if a.ID == "" {
			t.Errorf("%+v", a)
		}
	}
}

// TestAnAnswerAboutAnotherOrderIsRefused, whichever operation was asked.
func TestAnAnswerAboutAnotherOrderIsRefused(t *testing.T) {
	t.Parallel()
	for operation, body := range map[string]string{
		model.GetOrder:        `{"order":{` + orderFields + `,"orderItems":[]}}`,
		model.GetOrderV0:      `{"payload":{` + orderV0Fields + `}}`,
		model.GetOrderItemsV0: `{"payload":{"AmazonOrderId":"1","OrderItems":[]}}`,
	} {
		read := reads()[operation]
		if _, err := read(t.Context(), answering(t, []byte(body), nil)); err != nil {
			t.Errorf("%s: %v", operation, err)
		}
		for _, id := range []string{`"2"`, `""`, `null`, `{}`} {
			other := strings.Replace(body, `rderId":"1"`, `rderId":`+id, 1)
			_, err := read(t.Context(), answering(t, []byte(other), nil))
			var refusal *model.Error
			if !errors.As(err, &refusal) || refusal.Class != model.Malformed {
				t.Errorf("%s about %s: %v", operation, id, err)
			}
		}
	}
}

// TestOddFieldsOfAnOrder: an optional field costs itself, is counted, and is named
// in the order.
func TestOddFieldsOfAnOrder(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 3<<19) // 1.5 MB
	body := `{"order":{` + orderFields + `,"programs":"PRIME","salesChannel":{"marketplaceId":"` + long + `"},"orderItems":[{"orderItemId":12,"quantityOrdered":"2",
		"product":{"title":"` + long + `","price":{"unitPrice":{"amount":12.90,"currencyCode":"EUR"}}}}],
		"fulfillment":{"fulfillmentStatus":"UNSHIPPED","shipByWindow":{"latestDateTime":""}},"packages":[{"carrier":"DHL"}]}}`
	counted := map[string]string{}
	answer, err := reads()[model.GetOrder](t.Context(), answering(t, []byte(body), func(_, path, kind string) { counted[path] = kind }))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"order.programs": "left_out", "order.salesChannel.marketplaceId": "left_out", "order.orderItems[].orderItemId": "converted",
		"order.orderItems[].quantityOrdered": "converted", "order.orderItems[].product.title": "cut", "order.packages[]": "left_out",
		"order.orderItems[].product.price.unitPrice.amount": "converted", "order.fulfillment.shipByWindow.latestDateTime": "left_out",
	}
	order := answer.(*model.GetOrderResponse).Order
	incomplete := []string{"fulfillment.shipByWindow.latestDateTime", "orderItems[].product.title", "packages[]", "programs", "salesChannel.marketplaceId"}
	if !reflect.DeepEqual(counted, want) || !slices.Equal(order.Incomplete, incomplete) {
		t.Errorf("counted %v, incomplete %v", counted, order.Incomplete)
	}
	line := order.Items[0]
	if line.OrderItemID != "12" || line.QuantityOrdered != 2 || len(line.Product.Title) > 2000 || line.Product.Price.UnitPrice.Amount != "12.90" ||
		order.Fulfillment.Status != "UNSHIPPED" || len(order.Packages) != 0 {
		t.Errorf("%+v", order)
	}
}

// TestAPageReportsThatFieldsAreMissing in any of its orders, but not that one was converted.
func TestAPageReportsThatFieldsAreMissing(t *testing.T) {
	t.Parallel()
	for fields, want := range map[string]bool{
		"": false,
		`,"orderItems":[{"orderItemId":12,"quantityOrdered":"2"}]`: false,
		`,"programs":"PRIME"`:                true,
		`,"orderItems":[{"orderItemId":{}}]`: true,
		`,"createdTime":"yesterday"`:         true,
	} {
		body := `{"orders":[{` + orderFields + `},{` + orderFields + fields + `}]}`
		answer, err := reads()[model.SearchOrders](t.Context(), answering(t, []byte(body), nil))
		if err != nil {
			t.Fatal(err)
		}
		if page := answer.(*model.SearchOrdersResponse); page.Incomplete != want || len(page.Orders) != 2 {
			t.Errorf("%s: %d orders, incomplete %t", fields, len(page.Orders), page.Incomplete)
		}
	}
}

// TestTheModelsDecodeAsEncodingJSON: what is as Amazon's models say comes out as
// encoding/json would have it.
func TestTheModelsDecodeAsEncodingJSON(t *testing.T) {
	t.Parallel()
	body := []byte(`{"order":{` + orderFields + `,"programs":["PRIME"],"salesChannel":{"channelName":"AMAZON","marketplaceId":"M"},
		"proceeds":{"grandTotal":{"amount":"1.00","currencyCode":"EUR"}},"fulfillment":{"fulfillmentStatus":"SHIPPED","fulfilledBy":"MERCHANT",
		"deliverByWindow":{"latestDateTime":"2024-12-26T16:00:00.5+01:00"}},"orderItems":[{"orderItemId":"1","quantityOrdered":2,"product":{"asin":"A","title":"\u00fc \"ü\""},
		"fulfillment":{"quantityFulfilled":1},"cancellation":{"cancellationRequest":{"requester":"BUYER"}}}],
		"packages":[{"packageReferenceId":"1","packageStatus":{"status":"DELIVERED"},"packageItems":[{"orderItemId":"1","quantity":1}]}],
		"buyer":{"buyerName":"Eve","buyerEmail":7},"recipient":{"deliveryAddress":{"extendedFields":{"streetName":"S"}}}}}`)
	var want, got model.GetOrderResponse
	if err := json.Unmarshal(body, &want); err != nil {
		t.Fatal(err)
	}
	if odd, err := new(answers.Decoder).Decode(body, &got); err != nil || len(odd) > 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v, %v, %v", got, want, odd, err)
	}
}

// TestAThousandLinesAreRead: an order of 1,000 lines with everything that a line can have.
func TestAThousandLinesAreRead(t *testing.T) {
	t.Parallel()
	money := `{"amount":"25.80","currencyCode":"EUR"}`
	detail := `{"subtype":"SHIPPING","value":` + money + `}`
	breakdown := `{"type":"TAX","subtotal":` + money + `,"detailedBreakdowns":[` + strings.Join(slices.Repeat([]string{detail}, 5), ",") + `]}`
	line := `{"orderItemId":"1","quantityOrdered":2,"programs":["TRANSPARENCY"],"product":{"sellerSku":"S","serialNumbers":["A","B"]},"new":{"a":1},
		"proceeds":{"proceedsTotal":` + money + `,"breakdowns":[` + strings.Join(slices.Repeat([]string{breakdown}, 7), ",") + `]},
		"tax":{"taxCollections":[{"model":"MARKETPLACE_FACILITATOR"}]},"promotion":{"breakdowns":[{"promotionId":"P"}]}}`
	body := []byte(`{"order":{` + orderFields + `,"orderItems":[` + strings.Join(slices.Repeat([]string{line}, 1000), ",") + `]}}`)
	seller := answering(t, body, nil)
	answer, _, err := seller.GetOrder(t.Context(), model.GetOrderRequest{OrderID: "1"})
	if err != nil || len(body) < 2<<20 {
		t.Fatalf("%d bytes: %v", len(body), err)
	}
	last := answer.Order.Items[999]
	if len(answer.Order.Items) != 1000 || len(last.Proceeds.Breakdowns) != 7 || len(last.Proceeds.Breakdowns[6].Details) != 5 || len(answer.Order.Extra) == 0 {
		t.Errorf("%d lines, the last %+v", len(answer.Order.Items), last)
	}
}

// BenchmarkDecodeOrder compares with encoding/json.
func BenchmarkDecodeOrder(b *testing.B) {
	line := `{"orderItemId":"1","quantityOrdered":2,"product":{"asin":"A","title":"A title of the usual length, about sixty bytes long","sellerSku":"SKU"},"unknown":{"a":[1,2,3]}}`
	body := []byte(`{"order":{` + orderFields + `,"orderItems":[` + strings.Join(slices.Repeat([]string{line}, 5), ",") + `]}}`)
	var into model.GetOrderResponse
	decoder := new(answers.Decoder)
	for name, decode := range map[string]func() error{
		"answers":       func() error { _, err := decoder.Decode(body, &into); return err },
		"encoding-json": func() error { return json.Unmarshal(body, &into) },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := decode(); err != nil {
					b.Fatal(fmt.Errorf("%s: %w", name, err))
				}
			}
		})
	}
}
