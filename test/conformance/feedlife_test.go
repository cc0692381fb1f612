package conformance_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/test/conformance"
)

// documents checks what is uploaded and downloaded against Amazon's schemas of
// listings feeds and their reports.
type documents struct {
	t            *testing.T
	base         http.RoundTripper
	feed, report *conformance.Schema
}

// RoundTrip is http.RoundTripper.
func (d *documents) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPut {
		sent, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if err := d.feed.Check(sent); err != nil {
			d.t.Errorf("the upload: %v\n%s", err, sent)
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(sent))
		return d.base.RoundTrip(r)
	}
	answer, err := d.base.RoundTrip(r)
	if err != nil || answer.StatusCode != http.StatusOK {
		return answer, err
	}
	received, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil {
		return nil, err
	}
	answer.Body = io.NopCloser(bytes.NewReader(received))
	plain := received
	if unzip, err := gzip.NewReader(bytes.NewReader(received)); err == nil {
		if plain, err = io.ReadAll(unzip); err != nil {
			return nil, err
		}
	}
	if bytes.HasPrefix(plain, []byte("<")) || bytes.HasPrefix(plain, []byte("item-name\t")) {
		return answer, nil // an old report, or one of listings
	}
	if err := d.report.Check(plain); err != nil {
		d.t.Errorf("the report: %v\n%s", err, plain)
	}
	return answer, nil
}

// createFeed submits a feed that sets ten SKUs; two do not exist.
func createFeed(t *testing.T, s *simulated, seller string) string {
	t.Helper()
	feed := model.ListingsFeed{SellerID: seller, IssueLocale: "en_US"}
	for i := range 10 {
		feed.Messages = append(feed.Messages, model.QuantityMessage{
			MessageID: i + 1, SKU: fmt.Sprintf("SKU-%05d", i+3), ProductType: "PRODUCT", FulfillmentChannelCode: "DEFAULT", Quantity: i,
		})
	}
	document, _, err := s.seller.UploadFeed(t.Context(), model.UploadFeedRequest{Feed: &feed})
	if err != nil {
		t.Fatal(err)
	}
	made, _, err := s.seller.CreateFeed(t.Context(), model.CreateFeedRequest{
		FeedType: model.JSONListingsFeed, MarketplaceIDs: []string{simulatortest.Germany}, InputFeedDocumentID: document.FeedDocumentID,
	})
	if err != nil {
		t.Fatal(err)
	}
	return made.FeedID
}

// setQuantities takes feeds through their lives, and sets and reads a SKU. The
// feeds end as soon as somebody asks.
func setQuantities(t *testing.T, s *simulated) {
	t.Helper()
	ctx, seller := t.Context(), s.Accounts()[0].SellerID
	id := createFeed(t, s, seller)
	feed, _, err := s.seller.GetFeed(ctx, model.GetFeedRequest{FeedID: id})
	if err != nil || feed.ProcessingStatus != model.FeedDone || feed.ResultFeedDocumentID == "" {
		t.Fatalf("%+v, %v", feed, err)
	}
	report, _, err := s.seller.ReadFeedReport(ctx, model.ReadFeedReportRequest{FeedDocumentID: feed.ResultFeedDocumentID})
	if err != nil || report.FeedID != id || report.Summary.MessagesAccepted != 8 || len(report.Issues) != 2 || report.Issues[0].Code != "13013" {
		t.Errorf("%+v, %v", report, err)
	}
	s.Fault(simulator.Rule{Part: simulator.Processing, Action: simulator.Action{Feed: &simulator.FeedOutcome{Queued: 1e12}}})
	stuck := createFeed(t, s, seller)
	if _, _, err := s.seller.CancelFeed(ctx, model.CancelFeedRequest{FeedID: stuck}); err != nil {
		t.Error(err)
	}
	page, _, err := s.seller.GetFeeds(ctx, model.GetFeedsRequest{FeedTypes: []string{model.JSONListingsFeed}, PageSize: 1})
	if err != nil || len(page.Feeds) != 1 || page.Feeds[0].ProcessingStatus != model.FeedCancelled || page.NextToken == "" {
		t.Errorf("%+v, %v", page, err)
	}
	page, _, err = s.seller.GetFeeds(ctx, model.GetFeedsRequest{NextToken: page.NextToken})
	if err != nil || len(page.Feeds) != 1 || page.Feeds[0].FeedID != id || page.NextToken != "" {
		t.Errorf("%+v, %v", page, err)
	}
	for sku, status := range map[string]string{"SKU-00001": model.SubmissionAccepted, "GONE/1": model.SubmissionInvalid} {
		answer, _, err := s.seller.PatchQuantity(ctx, model.PatchQuantityRequest{
			SellerID: seller, MarketplaceID: simulatortest.Germany, SKU: sku, ProductType: "PRODUCT", FulfillmentChannelCode: "DEFAULT", Quantity: 44,
		})
		if err != nil || answer.Status != status || answer.SKU != sku {
			t.Errorf("%+v, %v", answer, err)
		}
	}
	item, _, err := s.seller.GetListingsItem(ctx, model.GetListingsItemRequest{SellerID: seller, MarketplaceID: simulatortest.Germany, SKU: "SKU-00001"})
	if err != nil || len(item.FulfillmentAvailability) != 1 || *item.FulfillmentAvailability[0].Quantity != 44 {
		t.Errorf("%+v, %v", item, err)
	}
	_, _, err = s.seller.GetListingsItem(ctx, model.GetListingsItemRequest{SellerID: seller, MarketplaceID: simulatortest.Germany, SKU: "GONE"})
	wantClass(t, "an unknown SKU", err, model.NotFound)
	found, _, err := s.seller.SearchListingsItems(ctx, model.SearchListingsItemsRequest{
		SellerID: seller, MarketplaceID: simulatortest.Germany, SKUs: []string{"GONE", "SKU-00001"},
	})
	if err != nil || len(found.Items) != 1 || found.Items[0].SKU != "SKU-00001" || found.Items[0].FulfillmentAvailability[0].FulfillmentChannelCode != "DEFAULT" {
		t.Errorf("%+v, %v", found, err)
	}
}

// TestFeedReportsConform reads the report of every way in which a feed can end.
func TestFeedReportsConform(t *testing.T) {
	t.Parallel()
	s := startClient(t, simulator.Config{
		SKUs: 10, FeedTimes: simulator.FeedTimes{Least: 1, Most: 1}, Rates: unlimited(), ListingsFeeds: simulator.Window{Count: 100, Per: 1},
	})
	for _, outcome := range []simulator.FeedOutcome{
		{}, {Status: "FATAL", Skipped: 0.5}, {Status: "FATAL", Skipped: 1}, {Rejected: 1}, {Warned: 1}, {Rejected: 0.5, RejectCode: "X"},
		{Uncompressed: true}, {XMLReport: true}, {NoReport: true}, {Status: "CANCELLED"}, {Status: "FATAL", NoReport: true},
	} {
		for _, seller := range []string{s.Accounts()[0].SellerID, "ASOMEBODYELSE"} {
			s.Fault(simulator.Rule{Part: simulator.Processing, Times: 1, Action: simulator.Action{Feed: &outcome}})
			feed, _, err := s.seller.GetFeed(t.Context(), model.GetFeedRequest{FeedID: createFeed(t, s, seller)})
			if err != nil {
				t.Fatal(err)
			}
			if feed.ResultFeedDocumentID == "" {
				continue
			}
			report, _, err := s.seller.ReadFeedReport(t.Context(), model.ReadFeedReportRequest{FeedDocumentID: feed.ResultFeedDocumentID})
			if err != nil || report.Unreadable != "" {
				t.Errorf("%+v: %+v, %v", outcome, report, err)
			}
		}
	}
}

// TestItemsConform reads a listing with each of its data sets.
func TestItemsConform(t *testing.T) {
	t.Parallel()
	a := start(t, simulator.Config{SKUs: 3, Rates: unlimited()})
	a.checked.Model = conformance.LoadModel(t, clientModels(t)...)
	token := a.Token(simulatortest.SellerToken(1))
	path := "/listings/2021-08-01/items/" + a.Accounts()[0].SellerID + "/SKU-00001?marketplaceIds=" + simulatortest.Germany
	a.get(token, path, http.StatusOK)
	a.get(token, path+"&includedData=summaries,attributes,issues,offers,fulfillmentAvailability,procurement,relationships,productTypes&issueLocale=de_DE", http.StatusOK)
	for status, bad := range map[string]int{path + "&includedData=nonsense": 400, path + ",x": 400, "/listings/2021-08-01/items/A/B?marketplaceIds=" + simulatortest.Germany: 403} {
		a.get(token, status, bad)
	}
	for path, status := range map[string]int{
		"/feeds/2021-06-30/feeds":                                           400,
		"/feeds/2021-06-30/feeds?feedTypes=X&pageSize=0":                    400,
		"/feeds/2021-06-30/feeds?nextToken=x":                               400,
		"/feeds/2021-06-30/feeds?feedTypes=X,Y&processingStatuses=DONE":     200,
		"/feeds/2021-06-30/feeds/1":                                         404,
		"/feeds/2021-06-30/documents/1":                                     404,
		"/feeds/2021-06-30/documents/1?enableContentEncodingUrlHeader=true": 404,
	} {
		a.get(token, path, status)
	}
}

// TestFeedNotificationsConform checks the notifications of feeds that end in
// every way, with and without the seller's id.
func TestFeedNotificationsConform(t *testing.T) {
	t.Parallel()
	schema := conformance.LoadSchema(t, "FeedProcessingFinishedNotification.json")
	s := startClient(t, simulator.Config{
		SKUs: 10, FeedTimes: simulator.FeedTimes{Least: 1, Most: 1}, Rates: unlimited(), ListingsFeeds: simulator.Window{Count: 100, Per: 1},
		FeedNotifications: simulator.FeedNotifications{AccountOnly: 0.5},
	})
	for i := range 20 {
		outcome := simulator.FeedOutcome{Status: []string{"", "FATAL", "CANCELLED"}[i%3], NoReport: i%2 == 0}
		s.Fault(simulator.Rule{Part: simulator.Processing, Times: 1, Action: simulator.Action{Feed: &outcome}})
		createFeed(t, s, s.Accounts()[0].SellerID)
	}
	s.Feeds("") // lets what is due happen
	anonymous := 0
	bodies := s.receive()
	for _, body := range bodies {
		if err := schema.Check([]byte(body)); err != nil {
			t.Fatalf("%v\n%s", err, body)
		}
		if !bytes.Contains([]byte(body), []byte(`"sellerId"`)) {
			anonymous++
		}
	}
	if len(bodies) != 20 || anonymous == 0 || anonymous == 20 {
		t.Errorf("%d notifications, %d without a seller", len(bodies), anonymous)
	}
}

// receive empties the queue, whose protocol no model of the SP-API describes.
func (a *amazon) receive() (bodies []string) {
	unchecked := *a.Amazon
	unchecked.Client = &http.Client{Transport: a.checked.Base}
	for {
		messages := unchecked.Receive(unchecked.SQSClient(), 10, 600, 0)
		if len(messages) == 0 {
			return bodies
		}
		for _, m := range messages {
			bodies = append(bodies, *m.Body)
		}
	}
}
