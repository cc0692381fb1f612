package spapi

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// An id of any length or kind costs its feed and nothing else: what leaves this
// package is short enough for a record, a state entry and an alert.
func TestOddIDsOfFeedsAreBounded(t *testing.T) {
	t.Parallel()
	createFeed := model.CreateFeedRequest{FeedType: model.JSONListingsFeed, MarketplaceIDs: []string{"M"}, InputFeedDocumentID: "d"}
	for name, id := range map[string]string{ // what no id of Amazon's looks like
		"1.5 MB": strings.Repeat("7", 3<<19), "a bit too long": strings.Repeat("7", maxDocumentID+1),
		"a line feed": "77\n78", "a space": "7 7", "not ASCII": "７７", "empty": "",
	} {
		f := newFake(t)
		f.record(http.StatusAccepted, fmt.Sprintf(`{"feedId":%q}`, id))
		_, _, err := f.seller(t, nil).CreateFeed(t.Context(), createFeed)
		var refusal *model.Error
		if !errors.As(err, &refusal) || refusal.Class != model.Malformed || len(err.Error()) > 500 {
			t.Errorf("%s: createFeed: %.600v", name, err)
		}

		f.record(http.StatusOK, fmt.Sprintf(`{"feeds":[{"feedId":%q,"feedType":%q,"marketplaceIds":["M",%q],"createdTime":"2026-11-01T10:00:00Z",
			"processingStatus":%q,"resultFeedDocumentId":%q},{"feedId":"8","processingStatus":"DONE","createdTime":"2026-11-01T10:00:00Z"}]}`, id, id, id, id, id))
		page, _, err := f.seller(t, nil).GetFeeds(t.Context(), model.GetFeedsRequest{FeedTypes: []string{model.JSONListingsFeed}})
		if err != nil || len(page.Feeds) != 2 || page.Feeds[1].FeedID != "8" {
			t.Fatalf("%s: getFeeds: %v", name, err)
		}
		if odd := page.Feeds[0]; !identifier(odd.FeedID, maxFeedID) || odd.ResultFeedDocumentID != "" || len(fmt.Sprint(odd)) > 600 {
			t.Errorf("%s: getFeeds shows %.700v", name, odd)
		}

		f.record(http.StatusOK, fmt.Sprintf(`{"feedId":"7","processingStatus":"DONE","createdTime":"2026-11-01T10:00:00Z","resultFeedDocumentId":%q}`, id))
		feed, _, err := f.seller(t, nil).GetFeed(t.Context(), model.GetFeedRequest{FeedID: "7"})
		if err != nil || feed.ResultFeedDocumentID != "" {
			t.Errorf("%s: getFeed: %.200v, %v", name, feed, err)
		}

		f.record(http.StatusCreated, fmt.Sprintf(`{"feedDocumentId":%q,"url":"https://example.com"}`, id))
		if _, _, err := f.seller(t, nil).UploadFeed(t.Context(), model.UploadFeedRequest{Feed: testFeed(1)}); err == nil || len(err.Error()) > 500 {
			t.Errorf("%s: createFeedDocument: %.600v", name, err)
		}
	}
}

// Two odd ids are two feeds: none hides behind the other.
func TestOddIDsStayApart(t *testing.T) {
	t.Parallel()
	a, b := model.Feed{FeedID: strings.Repeat("7", 1000)}, model.Feed{FeedID: strings.Repeat("7", 1001)}
	boundFeed(&a)
	boundFeed(&b)
	if a.FeedID == b.FeedID {
		t.Errorf("both are %s", a.FeedID)
	}
}

func TestLongURLsAndPageTokensAreRefused(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	long := strings.Repeat("x", 1<<20)
	f.record(http.StatusOK, fmt.Sprintf(`{"feedDocumentId":"d","url":"https://example.com/%s"}`, long))
	if _, _, err := f.seller(t, nil).ReadFeedReport(t.Context(), model.ReadFeedReportRequest{FeedDocumentID: "d"}); err == nil || len(err.Error()) > 500 {
		t.Errorf("getFeedDocument: %.600v", err)
	}
	f.record(http.StatusOK, fmt.Sprintf(`{"feeds":[],"nextToken":%q}`, long))
	_, _, err := f.seller(t, nil).GetFeeds(t.Context(), model.GetFeedsRequest{FeedTypes: []string{model.JSONListingsFeed}})
	if err == nil || len(err.Error()) > 500 {
		t.Errorf("getFeeds: %.600v", err)
	}
}

// A SKU is one segment of the path, whatever is in it.
func TestEverySKUIsOneSegment(t *testing.T) {
	t.Parallel()
	for _, sku := range []string{"/", "//", "a/b", ".", "..", "../..", "%2F", "?", "#", " ", "a b", "+", "ä", ";", "a/", "/a", ":", "\\"} {
		f := newFake(t)
		came := f.record(http.StatusOK, `{"sku":"x","status":"ACCEPTED"}`)
		_, _, err := f.seller(t, nil).PatchQuantity(t.Context(), model.PatchQuantityRequest{
			SellerID: "S", MarketplaceID: "M", SKU: sku, ProductType: "PRODUCT", FulfillmentChannelCode: "DEFAULT",
		})
		want := "/listings/2021-08-01/items/S/" + segment(sku) + "?marketplaceIds=M"
		if err != nil || len(*came) != 1 || (*came)[0].target != want || strings.Count(segment(sku), "/") > 0 {
			t.Errorf("%q: %v, %v, want %s", sku, err, *came, want)
		}
	}
}
