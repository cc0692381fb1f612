package spapi_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// ExampleSeller_UploadFeed sets two quantities by a feed and reads what became
// of them.
func ExampleSeller_UploadFeed() {
	e := begin()
	defer e.stop()
	ctx := context.Background()

	uploaded, _, err := e.seller.UploadFeed(ctx, model.UploadFeedRequest{Feed: &model.ListingsFeed{
		SellerID: e.id,
		Messages: []model.QuantityMessage{
			{MessageID: 1, SKU: "ECHO-DOT", ProductType: "PRODUCT", FulfillmentChannelCode: channel, Quantity: 12},
			{MessageID: 2, SKU: "GONE", ProductType: "PRODUCT", FulfillmentChannelCode: channel, Quantity: 3},
		},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	created, _, err := e.seller.CreateFeed(ctx, model.CreateFeedRequest{
		FeedType:            model.JSONListingsFeed,
		MarketplaceIDs:      []string{germany},
		InputFeedDocumentID: uploaded.FeedDocumentID,
	})
	if err != nil {
		fmt.Println(err) // see Example (errors) before this is repeated
		return
	}
	feed := &model.Feed{ProcessingStatus: model.FeedInQueue}
	for feed.ProcessingStatus == model.FeedInQueue || feed.ProcessingStatus == model.FeedInProgress {
		time.Sleep(10 * time.Millisecond) // better wait for FEED_PROCESSING_FINISHED
		if feed, _, err = e.seller.GetFeed(ctx, model.GetFeedRequest{FeedID: created.FeedID}); err != nil {
			fmt.Println(err)
			return
		}
	}
	if feed.ProcessingStatus != model.FeedDone || feed.ResultFeedDocumentID == "" {
		fmt.Println("no report:", feed.ProcessingStatus)
		return
	}
	report, _, err := e.seller.ReadFeedReport(ctx, model.ReadFeedReportRequest{FeedDocumentID: feed.ResultFeedDocumentID})
	if err != nil || report.Unreadable != "" {
		fmt.Println("no report", err)
		return
	}
	fmt.Println(report.Summary.MessagesAccepted, "accepted")
	for _, issue := range report.Issues {
		fmt.Println(issue.MessageID, issue.SKU, issue.Severity, issue.Message)
	}
	// Output:
	// 1 accepted
	// 2 GONE ERROR This SKU does not exist in your Amazon inventory so we could not process this record.
}

// ExampleSeller_PatchQuantity sets one quantity at once.
func ExampleSeller_PatchQuantity() {
	e := begin()
	defer e.stop()
	answer, _, err := e.seller.PatchQuantity(context.Background(), model.PatchQuantityRequest{
		SellerID: e.id, MarketplaceID: germany, SKU: "ECHO DOT/3",
		ProductType: "PRODUCT", FulfillmentChannelCode: channel, Quantity: 0,
	})
	switch {
	case err != nil:
		fmt.Println(err)
	case answer.Status != model.SubmissionAccepted: // a refusal inside a 200
		fmt.Println(answer.Issues)
	default:
		fmt.Println(answer.SKU, answer.Status)
	}
	// Output: ECHO DOT/3 ACCEPTED
}

// Example_errors decides by class what to do about a createFeed that failed.
func Example_errors() {
	e := begin()
	defer e.stop()
	_, _, err := e.seller.CreateFeed(context.Background(), model.CreateFeedRequest{
		FeedType: model.JSONListingsFeed, MarketplaceIDs: []string{germany}, InputFeedDocumentID: "expired",
	})
	var failed *model.Error
	switch {
	case err == nil:
		fmt.Println("submitted")
	case !errors.As(err, &failed):
		fmt.Println("a bug:", err)
	case failed.NotSent || failed.TokenMissing || failed.Class == model.Throttled:
		fmt.Println("nothing happened: try later")
	case failed.Class == model.Ambiguous || failed.Class == model.Malformed:
		fmt.Println("it may have been submitted: look for it with GetFeeds first")
	case failed.InputDocumentRefused():
		fmt.Println("upload the document again")
	default:
		fmt.Println("not to be repeated:", failed.Remedy)
	}
	// Output: upload the document again
}
