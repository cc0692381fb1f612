package spapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// wire is a request as it came.
type wire struct {
	method, target, contentType, body, token string
}

// record answers every request with a status and a body, and keeps what came.
func (f *fake) record(status int, answer string) *[]wire {
	var came []wire
	f.api = func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		came = append(came, wire{
			r.Method, r.RequestURI, r.Header.Get("Content-Type"), strings.TrimSpace(string(body)), r.Header.Get("x-amz-access-token"),
		})
		w.Header().Set("x-amzn-RequestId", "request-1")
		w.WriteHeader(status)
		fmt.Fprint(w, answer)
	}
	return &came
}

func TestFeedCalls(t *testing.T) {
	t.Parallel()
	const feed = `{"feedId":"23492394","feedType":"JSON_LISTINGS_FEED","createdTime":"2026-11-01T10:00:00Z","processingStatus":"DONE","resultFeedDocumentId":"r"}`
	at := time.Date(2026, 11, 1, 12, 30, 0, 123456789, time.FixedZone("", 3600))
	for name, test := range map[string]struct {
		status       int
		answer, want string
		call         func(context.Context, *Seller) (any, error)
		method       string
		target, body string
	}{
		"createFeed": {
			status: http.StatusAccepted, answer: `{"feedId":"23492394"}`, want: "{23492394}",
			call: func(ctx context.Context, s *Seller) (any, error) {
				got, _, err := s.CreateFeed(ctx, model.CreateFeedRequest{
					FeedType: model.JSONListingsFeed, MarketplaceIDs: []string{"A1PA6795UKMFR9"}, InputFeedDocumentID: "d",
				})
				return got, err
			},
			method: http.MethodPost, target: "/feeds/2021-06-30/feeds",
			body: `{"feedType":"JSON_LISTINGS_FEED","marketplaceIds":["A1PA6795UKMFR9"],"inputFeedDocumentId":"d"}`,
		},
		"getFeed": {
			status: http.StatusOK, answer: feed, want: "23492394 DONE r",
			call: func(ctx context.Context, s *Seller) (any, error) {
				got, _, err := s.GetFeed(ctx, model.GetFeedRequest{FeedID: "23492394"})
				if err != nil {
					return nil, err
				}
				return got.FeedID + " " + got.ProcessingStatus + " " + got.ResultFeedDocumentID, nil
			},
			method: http.MethodGet, target: "/feeds/2021-06-30/feeds/23492394",
		},
		"getFeeds": {
			status: http.StatusOK, answer: `{"feeds":[` + feed + `],"nextToken":"n"}`, want: "1 n",
			call: func(ctx context.Context, s *Seller) (any, error) {
				got, _, err := s.GetFeeds(ctx, model.GetFeedsRequest{
					FeedTypes: []string{model.JSONListingsFeed}, MarketplaceIDs: []string{"A", "B"}, CreatedSince: at, PageSize: 100,
				})
				if err != nil {
					return nil, err
				}
				return fmt.Sprint(len(got.Feeds), " ", got.NextToken), nil
			},
			method: http.MethodGet,
			target: "/feeds/2021-06-30/feeds?createdSince=2026-11-01T11%3A30%3A00.123Z&feedTypes=JSON_LISTINGS_FEED&marketplaceIds=A%2CB&pageSize=100",
		},
		"the next page of getFeeds": {
			status: http.StatusOK, answer: `{"feeds":[]}`, want: "0",
			call: func(ctx context.Context, s *Seller) (any, error) {
				got, _, err := s.GetFeeds(ctx, model.GetFeedsRequest{FeedTypes: []string{"A"}, PageSize: 7, NextToken: "a+b"})
				if err != nil {
					return nil, err
				}
				return len(got.Feeds), nil
			},
			method: http.MethodGet, target: "/feeds/2021-06-30/feeds?nextToken=a%2Bb",
		},
		"cancelFeed": {
			status: http.StatusOK, want: "{}",
			call: func(ctx context.Context, s *Seller) (any, error) {
				got, _, err := s.CancelFeed(ctx, model.CancelFeedRequest{FeedID: "1"})
				return got, err
			},
			method: http.MethodDelete, target: "/feeds/2021-06-30/feeds/1",
		},
		"patchListingsItem": {
			status: http.StatusOK, answer: `{"sku":"S","status":"INVALID","submissionId":"x","issues":[{"code":"90220","message":"m","severity":"ERROR"}]}`,
			want: "INVALID 90220",
			call: func(ctx context.Context, s *Seller) (any, error) {
				got, _, err := s.PatchQuantity(ctx, model.PatchQuantityRequest{
					SellerID: "A", MarketplaceID: "M", SKU: "S", ProductType: "PRODUCT", FulfillmentChannelCode: "DEFAULT", Quantity: 3, IssueLocale: "de_DE",
				})
				if err != nil {
					return nil, err
				}
				return got.Status + " " + got.Issues[0].Code, nil
			},
			method: http.MethodPatch, target: "/listings/2021-08-01/items/A/S?issueLocale=de_DE&marketplaceIds=M",
			body: `{"productType":"PRODUCT","patches":[{"op":"merge","path":"/attributes/fulfillment_availability",` +
				`"value":[{"fulfillment_channel_code":"DEFAULT","quantity":3}]}]}`,
		},
		"getListingsItem": {
			status: http.StatusOK, answer: `{"sku":"S","fulfillmentAvailability":[{"fulfillmentChannelCode":"DEFAULT","quantity":3},{"fulfillmentChannelCode":"AMAZON_EU"}]}`,
			want: "S 3 true",
			call: func(ctx context.Context, s *Seller) (any, error) {
				got, _, err := s.GetListingsItem(ctx, model.GetListingsItemRequest{SellerID: "A", MarketplaceID: "M", SKU: "S"})
				if err != nil {
					return nil, err
				}
				return fmt.Sprint(got.SKU, " ", *got.FulfillmentAvailability[0].Quantity, " ", got.FulfillmentAvailability[1].Quantity == nil), nil
			},
			method: http.MethodGet, target: "/listings/2021-08-01/items/A/S?includedData=issues%2CfulfillmentAvailability&marketplaceIds=M",
		},
		"searchListingsItems": {
			status: http.StatusOK, answer: `{"numberOfResults":1,"items":[{"sku":"T","fulfillmentAvailability":[{"fulfillmentChannelCode":"AMAZON_EU"}]}]}`,
			want: "T AMAZON_EU 1",
			call: func(ctx context.Context, s *Seller) (any, error) {
				got, _, err := s.SearchListingsItems(ctx, model.SearchListingsItemsRequest{SellerID: "A", MarketplaceID: "M", SKUs: []string{"S", "T/1"}})
				if err != nil {
					return nil, err
				}
				return fmt.Sprint(got.Items[0].SKU, " ", got.Items[0].FulfillmentAvailability[0].FulfillmentChannelCode, " ", len(got.Items)), nil
			},
			method: http.MethodGet,
			target: "/listings/2021-08-01/items/A?identifiers=S%2CT%2F1&identifiersType=SKU&includedData=fulfillmentAvailability&marketplaceIds=M&pageSize=20",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			came := f.record(test.status, test.answer)
			got, err := test.call(t.Context(), f.seller(t, nil))
			if text := strings.TrimPrefix(fmt.Sprint(got), "&"); err != nil || text != test.want {
				t.Errorf("%s, %v; want %s", text, err, test.want)
			}
			want := wire{test.method, test.target, "", test.body, canaryAccess}
			if test.body != "" {
				want.contentType = "application/json"
			}
			if len(*came) != 1 || (*came)[0] != want {
				t.Errorf("sent %+v\nwant %+v", *came, want)
			}
			// Any other status is no success of the operation.
			f.record(http.StatusNoContent, "")
			if _, err := test.call(t.Context(), f.seller(t, nil)); err == nil {
				t.Error("a 204 passes for success")
			}
		})
	}
}

// TestWhatAmazonWouldRefuseIsNotSent also counts what may be in a list.
func TestWhatAmazonWouldRefuseIsNotSent(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	came := f.record(http.StatusOK, `{}`)
	s, ctx := f.seller(t, nil), t.Context()
	for _, req := range []model.CreateFeedRequest{
		{}, {FeedType: "T", MarketplaceIDs: []string{"M"}}, {FeedType: "T", InputFeedDocumentID: "d"},
		{FeedType: "T", MarketplaceIDs: make([]string, 26), InputFeedDocumentID: "d"},
		{FeedType: model.JSONListingsFeed, MarketplaceIDs: []string{"A", "B"}, InputFeedDocumentID: "d"},
	} {
		_, _, err := s.CreateFeed(ctx, req)
		wantError(t, err, model.CreateFeed, model.Invalid)
	}
	for _, req := range []model.GetFeedsRequest{
		{}, {FeedTypes: []string{"A,B"}}, {FeedTypes: []string{""}}, {FeedTypes: make([]string, 11)},
		{FeedTypes: []string{"T"}, PageSize: 101}, {FeedTypes: []string{"T"}, MarketplaceIDs: make([]string, 11)},
		{FeedTypes: []string{"T"}, ProcessingStatuses: []string{""}},
	} {
		_, _, err := s.GetFeeds(ctx, req)
		wantError(t, err, model.GetFeeds, model.Invalid)
	}
	_, _, err := s.GetFeed(ctx, model.GetFeedRequest{})
	wantError(t, err, model.GetFeed, model.Invalid)
	_, _, err = s.CancelFeed(ctx, model.CancelFeedRequest{})
	wantError(t, err, model.CancelFeed, model.Invalid)
	_, _, err = s.ReadFeedReport(ctx, model.ReadFeedReportRequest{})
	wantError(t, err, model.GetFeedDocument, model.Invalid)
	good := model.PatchQuantityRequest{SellerID: "A", MarketplaceID: "M", SKU: "S", ProductType: "P", FulfillmentChannelCode: "DEFAULT"}
	for _, spoil := range []func(*model.PatchQuantityRequest){
		func(r *model.PatchQuantityRequest) { r.SellerID = "" }, func(r *model.PatchQuantityRequest) { r.SKU = "" },
		func(r *model.PatchQuantityRequest) { r.MarketplaceID = "A,B" }, func(r *model.PatchQuantityRequest) { r.ProductType = "" },
		func(r *model.PatchQuantityRequest) { r.FulfillmentChannelCode = "" }, func(r *model.PatchQuantityRequest) { r.Quantity = -1 },
	} {
		req := good
		spoil(&req)
		_, _, err := s.PatchQuantity(ctx, req)
		wantError(t, err, model.PatchListingsItem, model.Invalid)
	}
	_, _, err = s.GetListingsItem(ctx, model.GetListingsItemRequest{SellerID: "A", SKU: "S"})
	wantError(t, err, model.GetListingsItem, model.Invalid)
	for _, wrong := range []model.SearchListingsItemsRequest{
		{MarketplaceID: "M", SKUs: []string{"S"}}, {SellerID: "A", SKUs: []string{"S"}}, {SellerID: "A", MarketplaceID: "M"},
		{SellerID: "A", MarketplaceID: "M", SKUs: []string{"S,T"}}, {SellerID: "A", MarketplaceID: "M", SKUs: make([]string, 21)},
	} {
		_, _, err = s.SearchListingsItems(ctx, wrong)
		wantError(t, err, model.SearchListingsItems, model.Invalid)
	}
	if len(*came) != 0 {
		t.Errorf("sent %+v", *came)
	}
}

func wantError(t *testing.T, err error, operation string, class model.Class) *model.Error {
	t.Helper()
	var refusal *model.Error
	if !errors.As(err, &refusal) {
		t.Fatalf("%v is no *model.Error", err)
	}
	if refusal.Operation != operation || refusal.Class != class || refusal.Account != "acme-eu" {
		t.Errorf("%+v; want %s of %s", refusal, class, operation)
	}
	if text := err.Error(); len(text) > 1200 || strings.ContainsAny(text, "\n\r") {
		t.Errorf("not fit for a log line: %q", text)
	}
	noCanary(t, err)
	return refusal
}

// TestASKUIsOneSegment sends SKUs that have a meaning in a path. The server is a
// bare handler: a ServeMux would redirect.
func TestASKUIsOneSegment(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var came string
	f.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/auth/o2/token" {
			f.giveToken(w, r)
			return
		}
		came = r.RequestURI
		fmt.Fprint(w, `{"sku":"S"}`)
	})
	s := f.seller(t, nil)
	for sku, want := range map[string]string{
		"a/b": "a%2Fb", "a b": "a%20b", "50%": "50%25", "a+b": "a%2Bb", "a%2Fb": "a%252Fb", ".": "%2E", "..": "%2E%2E", "...": "...",
		"../..": "..%2F..", "ä€": "%C3%A4%E2%82%AC", "a?b#c;d,e&f=g:h@i": "a%3Fb%23c%3Bd%2Ce%26f%3Dg%3Ah%40i", "A-1_b.c~d": "A-1_b.c~d", "//": "%2F%2F",
	} {
		if _, _, err := s.GetListingsItem(t.Context(), model.GetListingsItemRequest{SellerID: "A", MarketplaceID: "M", SKU: sku}); err != nil {
			t.Errorf("%q: %v", sku, err)
		}
		if got, _, _ := strings.Cut(strings.TrimPrefix(came, "/listings/2021-08-01/items/A/"), "?"); got != want {
			t.Errorf("%q is sent as %s, want %s", sku, came, want)
		}
	}
}

func TestInputDocumentRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status  int
		message string
		want    bool
	}{
		{400, "Invalid request parameters", true}, // as Amazon mostly says it
		{400, "The inputFeedDocumentId is not valid for this marketplace", true},
		{400, "marketplaceIds is invalid", false},
		{400, "FeedType is not supported", false},
		{403, "document", false}, {404, "document", false}, {413, "document", false}, {429, "document", false}, {500, "document", false},
	} {
		f := newFake(t)
		f.record(test.status, fmt.Sprintf(`{"errors":[{"code":"InvalidInput","message":%q,"details":""}]}`, test.message))
		err := createFeed(t.Context(), f.seller(t, nil))
		var refusal *model.Error
		if !errors.As(err, &refusal) || refusal.InputDocumentRefused() != test.want {
			t.Errorf("%d %s: %v", test.status, test.message, err)
		}
	}
	if (&model.Error{Operation: model.GetFeed, Class: model.Invalid, Status: 400, Message: "document"}).InputDocumentRefused() {
		t.Error("a getFeed has no input document")
	}
}
