package conformance_test

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

const (
	feedsModel    = "feeds_2021-06-30.json"
	listingsModel = "listingsItems_2021-08-01.json"
	// sandboxHost is where the sandbox's documents are. Nobody is there.
	sandboxHost = "d34o8swod1owfl.cloudfront.net"
	aSKU        = "GM-ZDPI-9B4E"
)

// sandboxDocuments stands in for the host of documents: it takes any, and gives
// a report.
type sandboxDocuments struct{}

// RoundTrip is http.RoundTripper.
func (sandboxDocuments) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, err
		}
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{}, Request: r,
		Body: io.NopCloser(strings.NewReader(`{"header":{"feedId":"1"},"issues":[],"summary":{"messagesProcessed":1}}`)),
	}, nil
}

func aFeed() *model.ListingsFeed {
	return &model.ListingsFeed{SellerID: "AXXXXXXXXXXXX", Messages: []model.QuantityMessage{
		{MessageID: 1, SKU: aSKU, ProductType: "PRODUCT", FulfillmentChannelCode: "DEFAULT", Quantity: 10},
	}}
}

// feedCalls and listingCalls are parts of calls.
func feedCalls() map[string]func(context.Context, client, map[string]string) (any, error) {
	return map[string]func(context.Context, client, map[string]string) (any, error){
		model.CreateFeedDocument: func(ctx context.Context, c client, _ map[string]string) (any, error) {
			answer, _, err := c.seller.UploadFeed(ctx, model.UploadFeedRequest{Feed: aFeed()})
			if err != nil {
				return nil, err
			}
			return struct {
				FeedDocumentID string `json:"feedDocumentId"`
			}{answer.FeedDocumentID}, nil
		},
		model.CreateFeed: func(ctx context.Context, c client, _ map[string]string) (any, error) {
			answer, _, err := c.seller.CreateFeed(ctx, model.CreateFeedRequest{
				FeedType: model.JSONListingsFeed, MarketplaceIDs: []string{"A1F83G8C2ARO7P"}, InputFeedDocumentID: "d",
			})
			return answer, err
		},
		model.GetFeed: func(ctx context.Context, c client, with map[string]string) (any, error) {
			answer, _, err := c.seller.GetFeed(ctx, model.GetFeedRequest{FeedID: cmp.Or(with["feedId"], aSKU)})
			return answer, err
		},
		model.GetFeeds: func(ctx context.Context, c client, with map[string]string) (any, error) {
			request := model.GetFeedsRequest{FeedTypes: []string{cmp.Or(with["feedTypes"], aSKU)}}
			if with["processingStatuses"] != "" {
				request.ProcessingStatuses = strings.Split(with["processingStatuses"], ",")
			}
			if with["pageSize"] != "" {
				request.PageSize = 10
			}
			answer, _, err := c.seller.GetFeeds(ctx, request)
			return answer, err
		},
		model.CancelFeed: func(ctx context.Context, c client, with map[string]string) (any, error) {
			_, _, err := c.seller.CancelFeed(ctx, model.CancelFeedRequest{FeedID: cmp.Or(with["feedId"], aSKU)})
			return nil, err
		},
		model.GetFeedDocument: func(ctx context.Context, c client, with map[string]string) (any, error) {
			_, _, err := c.seller.ReadFeedReport(ctx, model.ReadFeedReportRequest{FeedDocumentID: cmp.Or(with["feedDocumentId"], aSKU)})
			return nil, err
		},
	}
}

func listingCalls() map[string]func(context.Context, client, map[string]string) (any, error) {
	return map[string]func(context.Context, client, map[string]string) (any, error){
		model.PatchListingsItem: func(ctx context.Context, c client, with map[string]string) (any, error) {
			answer, _, err := c.seller.PatchQuantity(ctx, model.PatchQuantityRequest{
				SellerID: "AXXXXXXXXXXXX", MarketplaceID: "ATVPDKIKX0DER", SKU: cmp.Or(with["sku"], aSKU),
				ProductType: "PRODUCT", FulfillmentChannelCode: "DEFAULT", Quantity: 10, IssueLocale: "en_US",
			})
			return answer, err
		},
		model.GetListingsItem: func(ctx context.Context, c client, with map[string]string) (any, error) {
			answer, _, err := c.seller.GetListingsItem(ctx, model.GetListingsItemRequest{
				SellerID: "AXXXXXXXXXXXX", MarketplaceID: "ATVPDKIKX0DER", SKU: cmp.Or(with["sku"], aSKU),
			})
			return answer, err
		},
		model.SearchListingsItems: func(ctx context.Context, c client, with map[string]string) (any, error) {
			answer, _, err := c.seller.SearchListingsItems(ctx, model.SearchListingsItemsRequest{
				SellerID: "AXXXXXXXXXXXX", MarketplaceID: "ATVPDKIKX0DER", SKUs: strings.Split(cmp.Or(with["identifiers"], aSKU), ","),
			})
			return answer, err
		},
	}
}

// anyFeed makes the calls about feeds with whatever a caller may put into them.
func anyFeed(r *rapid.T, s *simulated) {
	ctx, id := s.T.Context(), pathless().Draw(r, "feed")
	text := rapid.StringN(0, 8, -1)
	times := rapid.Custom(func(r *rapid.T) time.Time {
		return time.Unix(rapid.Int64Range(0, 1<<35).Draw(r, "seconds"), rapid.Int64Range(0, 1e9).Draw(r, "nanoseconds"))
	})
	lists := func(most int) *rapid.Generator[[]string] { return rapid.SliceOfN(text, 0, most) }
	statuses := rapid.SampledFrom([]string{model.FeedInQueue, model.FeedInProgress, model.FeedDone, model.FeedCancelled, model.FeedFatal})
	_, _, upload := s.seller.UploadFeed(ctx, model.UploadFeedRequest{Feed: aFeed()})
	_, _, create := s.seller.CreateFeed(ctx, model.CreateFeedRequest{
		FeedType: text.Draw(r, "feed type"), MarketplaceIDs: lists(30).Draw(r, "marketplaces"), InputFeedDocumentID: text.Draw(r, "document"),
	})
	_, _, get := s.seller.GetFeed(ctx, model.GetFeedRequest{FeedID: id})
	_, _, list := s.seller.GetFeeds(ctx, model.GetFeedsRequest{
		FeedTypes: lists(12).Draw(r, "types"), MarketplaceIDs: lists(12).Draw(r, "marketplaces"),
		ProcessingStatuses: rapid.SliceOf(statuses).Draw(r, "statuses"),
		CreatedSince:       times.Draw(r, "since"), CreatedUntil: times.Draw(r, "until"),
		PageSize: rapid.IntRange(-1, 101).Draw(r, "page size"), NextToken: text.Draw(r, "next token"),
	})
	_, _, end := s.seller.CancelFeed(ctx, model.CancelFeedRequest{FeedID: id})
	_, _, read := s.seller.ReadFeedReport(ctx, model.ReadFeedReportRequest{FeedDocumentID: id})
	refusedOrNot(r, upload, create, get, list, end, read)
}

// anyListing makes the calls about listings with whatever a caller may put into them.
func anyListing(r *rapid.T, s *simulated) {
	text, path := rapid.StringN(0, 8, -1), pathless()
	item := model.GetListingsItemRequest{
		SellerID: rapid.OneOf(rapid.Just(s.Accounts()[0].SellerID), path).Draw(r, "seller"), MarketplaceID: text.Draw(r, "marketplace"), SKU: path.Draw(r, "SKU"),
	}
	_, _, get := s.seller.GetListingsItem(s.T.Context(), item)
	_, _, patch := s.seller.PatchQuantity(s.T.Context(), model.PatchQuantityRequest{
		SellerID: item.SellerID, MarketplaceID: item.MarketplaceID, SKU: item.SKU,
		ProductType: text.Draw(r, "product type"), FulfillmentChannelCode: text.Draw(r, "channel"),
		Quantity: rapid.IntRange(-1, 1<<31).Draw(r, "quantity"), IssueLocale: text.Draw(r, "locale"),
	})
	for _, err := range []error{get, patch} {
		var refusal *model.Error
		if item.SellerID == s.Accounts()[0].SellerID || !errors.As(err, &refusal) || refusal.Class != model.Forbidden { // as for any other seller
			refusedOrNot(r, err)
		}
	}
}

// pathless is any text that the simulator's ServeMux does not take for a path.
func pathless() *rapid.Generator[string] {
	return rapid.String().Filter(func(s string) bool { return s != "/" && s != "." && s != ".." })
}

func refusedOrNot(r *rapid.T, errs ...error) {
	for _, err := range errs {
		var refusal *model.Error
		if err == nil || errors.As(err, &refusal) && (refusal.Class == model.Invalid || refusal.Class == model.NotFound ||
			refusal.Class == model.Forbidden && slices.Contains([]string{model.PatchListingsItem, model.GetListingsItem}, refusal.Operation)) {
			continue
		}
		r.Errorf("%T: %v", err, err)
	}
}
