package spapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/spapi"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// ExampleSeller_UploadFeed sets two quantities by a feed and reads what became
// of them. In earnest, wait for the feed's end between CreateFeed and GetFeed.
func ExampleSeller_UploadFeed() {
	seller, stop := exampleSeller()
	defer stop()
	ctx := context.Background()

	uploaded, _, err := seller.UploadFeed(ctx, model.UploadFeedRequest{Feed: model.ListingsFeed{
		SellerID: "A3TH9S8BH6GOGM",
		Messages: []model.QuantityMessage{
			{MessageID: 1, SKU: "ECHO-DOT", ProductType: "PRODUCT", FulfillmentChannelCode: "DEFAULT", Quantity: 12},
			{MessageID: 2, SKU: "GONE", ProductType: "PRODUCT", FulfillmentChannelCode: "DEFAULT", Quantity: 3},
		},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	created, _, err := seller.CreateFeed(ctx, model.CreateFeedRequest{
		FeedType:            model.JSONListingsFeed,
		MarketplaceIDs:      []string{"A1PA6795UKMFR9"},
		InputFeedDocumentID: uploaded.FeedDocumentID,
	})
	if err != nil {
		fmt.Println(err) // see Example (errors) before this is repeated
		return
	}
	feed, _, err := seller.GetFeed(ctx, model.GetFeedRequest{FeedID: created.FeedID})
	if err != nil || feed.ProcessingStatus != model.FeedDone || feed.ResultFeedDocumentID == "" {
		fmt.Println("no report", err)
		return
	}
	report, _, err := seller.ReadFeedReport(ctx, model.ReadFeedReportRequest{FeedDocumentID: feed.ResultFeedDocumentID})
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
	// 2 GONE ERROR The SKU does not exist.
}

// ExampleSeller_PatchQuantity sets one quantity at once.
func ExampleSeller_PatchQuantity() {
	seller, stop := exampleSeller()
	defer stop()
	answer, _, err := seller.PatchQuantity(context.Background(), model.PatchQuantityRequest{
		SellerID: "A3TH9S8BH6GOGM", MarketplaceID: "A1PA6795UKMFR9", SKU: "ECHO DOT/3",
		ProductType: "PRODUCT", FulfillmentChannelCode: "DEFAULT", Quantity: 0,
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
	seller, stop := exampleSeller()
	defer stop()
	_, _, err := seller.CreateFeed(context.Background(), model.CreateFeedRequest{
		FeedType: model.JSONListingsFeed, MarketplaceIDs: []string{"A1PA6795UKMFR9"}, InputFeedDocumentID: "expired",
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

// ExampleLWA_SellerToken gets an access token for a call that this package does
// not have.
func ExampleLWA_SellerToken() {
	amazon := httptest.NewServer(http.HandlerFunc(exampleAmazon))
	defer amazon.Close()
	client, err := spapi.New(spapi.Config{LWAEndpoint: amazon.URL})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	token, err := client.LWA().SellerToken(context.Background(), exampleAccount())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(token.Secret(), len(token.Secret().Reveal())) // it prints only when it is revealed
	// Output: [secret] 12
}

func exampleAccount() spapi.SellerConfig {
	return spapi.SellerConfig{
		Account: "acme-eu", Region: model.Europe,
		Application: spapi.Application{
			Name: "main", ClientID: "amzn1.application-oa2-client.0123456789abcdef", ClientSecret: secrets.Literal(secrets.New("s")),
		},
		RefreshToken: secrets.Literal(secrets.New("Atzr|r")),
	}
}

// exampleSeller calls a stand-in for Amazon.
func exampleSeller() (seller *spapi.Seller, stop func()) {
	amazon := httptest.NewServer(http.HandlerFunc(exampleAmazon))
	client, err := spapi.New(spapi.Config{LWAEndpoint: amazon.URL, Endpoints: map[model.Region]string{model.Europe: amazon.URL}})
	if err != nil {
		panic(err)
	}
	if seller, err = client.Seller(exampleAccount()); err != nil {
		panic(err)
	}
	return seller, func() { client.Close(); amazon.Close() }
}

func exampleAmazon(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	switch r.Method + " " + r.URL.EscapedPath() {
	case "POST /auth/o2/token":
		fmt.Fprint(w, `{"access_token":"Atza|example","expires_in":3600}`)
	case "POST /feeds/2021-06-30/documents":
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"feedDocumentId":"input","url":"http://%s/document"}`, r.Host)
	case "POST /feeds/2021-06-30/feeds":
		if string(body) != `{"feedType":"JSON_LISTINGS_FEED","marketplaceIds":["A1PA6795UKMFR9"],"inputFeedDocumentId":"input"}` {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"errors":[{"code":"InvalidInput","message":"Invalid request parameters"}]}`)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"feedId":"1"}`)
	case "GET /feeds/2021-06-30/feeds/1":
		fmt.Fprint(w, `{"feedId":"1","processingStatus":"DONE","resultFeedDocumentId":"report"}`)
	case "GET /feeds/2021-06-30/documents/report":
		fmt.Fprintf(w, `{"feedDocumentId":"report","url":"http://%s/document"}`, r.Host)
	case "GET /document":
		fmt.Fprint(w, `{"issues":[{"messageId":2,"sku":"GONE","severity":"ERROR","message":"The SKU does not exist."}],"summary":{"messagesAccepted":1}}`)
	case "PATCH /listings/2021-08-01/items/A3TH9S8BH6GOGM/ECHO%20DOT%2F3":
		fmt.Fprint(w, `{"sku":"ECHO DOT/3","status":"ACCEPTED","submissionId":"1"}`)
	}
}
