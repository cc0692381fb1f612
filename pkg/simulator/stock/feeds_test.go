package stock_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
)

func TestMain(m *testing.M) { simulatortest.Main(m) }

// seller is one that makes feeds.
type seller struct{ *simulatortest.Seller }

func sell(t *testing.T, change func(*simulator.Config)) *seller {
	return &seller{simulatortest.Sell(t, change)}
}

type uploadTarget struct{ FeedDocumentID, URL string }

type feedView struct {
	FeedID, FeedType, ProcessingStatus, ResultFeedDocumentID string
	ProcessingStartTime, ProcessingEndTime                   string
}

func (s *seller) put(url, contentType string, body io.Reader) simulatortest.Reply {
	s.T.Helper()
	r, err := http.NewRequestWithContext(s.T.Context(), http.MethodPut, url, body)
	if err != nil {
		s.T.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	return s.Do(r)
}

// upload makes a document.
func (s *seller) upload(body string) string {
	s.T.Helper()
	target := simulatortest.Read[uploadTarget](s.T, s.Call(http.MethodPost, simulatortest.DocumentsPath, `{"contentType":"application/json; charset=UTF-8"}`), 201)
	if got := s.put(target.URL, "application/json; charset=UTF-8", strings.NewReader(body)); got.Status != 200 {
		s.T.Fatalf("upload: %d %s", got.Status, got.Body)
	}
	return target.FeedDocumentID
}

// tryCreate calls createFeed.
func (s *seller) tryCreate(document string) (simulatortest.Reply, error) {
	return s.Try(s.Operation(s.Region, http.MethodPost, s.AccessToken, simulatortest.FeedsPath,
		fmt.Sprintf(`{"feedType":%q,"marketplaceIds":[%q],"inputFeedDocumentId":%q}`, simulatortest.JSONFeed, simulatortest.Germany, document)))
}

// create makes a feed of a document.
func (s *seller) create(document string) string {
	s.T.Helper()
	got, err := s.tryCreate(document)
	if err != nil {
		s.T.Fatal(err)
	}
	return simulatortest.Read[feedView](s.T, got, 202).FeedID
}

// feed asks how a feed is doing.
func (s *seller) feed(id string) feedView {
	s.T.Helper()
	return simulatortest.Read[feedView](s.T, s.Call(http.MethodGet, simulatortest.FeedsPath+"/"+id, ""), 200)
}

// quantities is a document that sets the quantity of SKUs.
func (s *seller) quantities(pairs ...any) string {
	var messages []string
	for i := 0; i < len(pairs); i += 2 {
		messages = append(messages, fmt.Sprintf(`{"messageId":%d,"sku":%q,"operationType":"PATCH","productType":"PRODUCT","patches":[`+
			`{"op":"merge","path":"/attributes/fulfillment_availability","value":[{"fulfillment_channel_code":"DEFAULT","quantity":%d}]}]}`,
			i/2+1, pairs[i], pairs[i+1]))
	}
	return fmt.Sprintf(`{"header":{"sellerId":%q,"version":"2.0"},"messages":[%s]}`, s.ID, strings.Join(messages, ","))
}

type reportView struct {
	Header struct{ SellerID, FeedID string }
	Issues []struct {
		MessageID                    int
		SKU, Code, Severity, Message string
	}
	Summary struct{ Errors, Warnings, MessagesProcessed, MessagesAccepted, MessagesInvalid int }
	Items   []struct {
		SKU                     string
		FulfillmentAvailability []struct {
			FulfillmentChannelCode string
			Quantity               int
		}
	}
}

// download reads a report.
func (s *seller) download(id string) []byte {
	s.T.Helper()
	doc := simulatortest.Read[struct{ URL, CompressionAlgorithm string }](s.T, s.Call(http.MethodGet, simulatortest.DocumentsPath+"/"+id, ""), 200)
	got := s.Do(s.Request(http.MethodGet, doc.URL, ""))
	if got.Status != 200 {
		s.T.Fatalf("download: %d %s", got.Status, got.Body)
	}
	if doc.CompressionAlgorithm != "GZIP" {
		return []byte(got.Body)
	}
	unzip, err := gzip.NewReader(strings.NewReader(got.Body))
	if err != nil {
		s.T.Fatal(err)
	}
	body, err := io.ReadAll(unzip)
	if err != nil {
		s.T.Fatal(err)
	}
	return body
}

func (s *seller) report(id string) reportView {
	s.T.Helper()
	var report reportView
	if err := json.Unmarshal(s.download(id), &report); err != nil {
		s.T.Fatal(err)
	}
	return report
}

// quantity is what a SKU really has.
func (s *seller) quantity(sku string) int {
	s.T.Helper()
	listing, ok := s.Listing(simulatortest.German, sku)
	if !ok {
		s.T.Fatalf("no listing %s", sku)
	}
	return listing.Quantity
}

func TestFeedRunsItsCourse(t *testing.T) {
	t.Parallel()
	s := sell(t, nil)
	document := s.quantities("SKU-00001", 41, "SKU-00002", 42, "GONE", 1, "SKU-00001", 43)
	input := s.upload(document)
	id := s.create(input)
	if f := s.feed(id); f.ProcessingStatus != "IN_QUEUE" || f.ProcessingStartTime != "" || f.FeedType != simulatortest.JSONFeed {
		t.Errorf("at once: %+v", f)
	}
	s.Clock.Advance(20 * time.Second) // a third of 60 s at most
	if f := s.feed(id); f.ProcessingStatus != "IN_PROGRESS" || f.ProcessingStartTime == "" || f.ProcessingEndTime != "" {
		t.Errorf("after 20 s: %+v", f)
	}
	if got := s.quantity("SKU-00001"); got != 0 {
		t.Errorf("a running feed has set %d", got)
	}
	s.Clock.Advance(40 * time.Second)
	f := s.feed(id)
	if f.ProcessingStatus != "DONE" || f.ResultFeedDocumentID == "" || f.ProcessingEndTime == "" {
		t.Fatalf("after a minute: %+v", f)
	}
	report := s.report(f.ResultFeedDocumentID)
	if report.Header.FeedID != id || report.Header.SellerID != s.ID ||
		report.Summary.MessagesProcessed != 4 || report.Summary.MessagesAccepted != 3 || report.Summary.MessagesInvalid != 1 || report.Summary.Errors != 1 {
		t.Errorf("report %+v", report)
	}
	if len(report.Issues) != 1 || report.Issues[0].MessageID != 3 || report.Issues[0].SKU != "GONE" || report.Issues[0].Code != "13013" || report.Issues[0].Severity != "ERROR" {
		t.Errorf("issues %+v", report.Issues)
	}
	if one, two := s.quantity("SKU-00001"), s.quantity("SKU-00002"); one != 43 || two != 42 {
		t.Errorf("quantities %d and %d", one, two)
	}
	truth := s.InventoryTruth(simulatortest.German)
	one := truth.SKUs[simulatortest.German]["SKU-00001"]
	if one.Changes != 2 || one.Applied[0].Quantity != 41 || one.Applied[1].Quantity != 43 || one.Applied[1].Feed != id || truth.Feeds != 1 || truth.FeedsDouble != 0 {
		t.Errorf("truth %+v of %+v", one, truth)
	}
	sum := sha256.Sum256([]byte(document))
	calls := s.Ledger.Calls(simulator.Filter{Operation: "createFeed"})
	if p := calls[0].Parameters; len(calls) != 1 || !calls[0].Applied || calls[0].Account != simulatortest.German || p["feedId"] != id ||
		p["inputFeedDocumentId"] != input || p["sha256"] != hex.EncodeToString(sum[:]) || p["messages"] != "4" {
		t.Errorf("ledger %+v", calls)
	}
}

// A feed that asks for it has the quantities of its listings in the report.
func TestAReportShowsQuantities(t *testing.T) {
	t.Parallel()
	s := sell(t, nil)
	document := s.quantities("SKU-00001", 41, "GONE", 1)
	document = strings.Replace(document, `"version":"2.0"`, `"version":"2.0","report":{"includedData":["fulfillmentAvailability"],"apiVersion":"2021-08-01"}`, 1)
	id := s.create(s.upload(document))
	s.Clock.Advance(time.Minute)
	items := s.report(s.feed(id).ResultFeedDocumentID).Items
	if len(items) != 1 || items[0].SKU != "SKU-00001" || items[0].FulfillmentAvailability[0].Quantity != 41 || items[0].FulfillmentAvailability[0].FulfillmentChannelCode != "DEFAULT" {
		t.Errorf("%+v", items)
	}
}

// A lead time survives a merge and not a replace.
func TestMergeKeepsWhatItDoesNotName(t *testing.T) {
	t.Parallel()
	s := sell(t, nil)
	for op, lead := range map[string]int{"merge": 2, "replace": 0} {
		s.create(s.upload(strings.Replace(s.quantities("SKU-00003", 5), "merge", op, 1)))
		s.Clock.Advance(time.Minute)
		if l, _ := s.Listing(simulatortest.German, "SKU-00003"); l.Quantity != 5 || l.LeadTime != lead {
			t.Errorf("after a %s: %+v", op, l)
		}
		if err := s.List(simulatortest.German, simulator.Listing{SKU: "SKU-00003", ProductType: "SHOES", Marketplaces: []string{simulatortest.Germany}, LeadTime: 2}); err != nil {
			t.Fatal(err)
		}
	}
}

// Presigned URLs take what was signed, in time, and nothing else.
func TestPresignedURLs(t *testing.T) {
	t.Parallel()
	s := sell(t, func(c *simulator.Config) { c.DocumentLimit = 100 })
	target := func() string {
		return simulatortest.Read[uploadTarget](t, s.Call(http.MethodPost, simulatortest.DocumentsPath, `{"contentType":"application/json"}`), 201).URL
	}
	url := target()
	for _, test := range []struct {
		name, url, contentType string
		body                   io.Reader
		status                 int
		code                   string
	}{
		{"another type", url, "application/json; charset=UTF-8", strings.NewReader("{}"), 403, "SignatureDoesNotMatch"},
		{"a guessed signature", strings.Replace(url, "X-Amz-Signature=", "X-Amz-Signature=0", 1), "application/json", strings.NewReader("{}"), 403, "SignatureDoesNotMatch"},
		{"another document", strings.Replace(url, "amzn1.", "amzn2.", 1), "application/json", strings.NewReader("{}"), 403, "SignatureDoesNotMatch"},
		{"no signature", strings.Split(url, "?")[0], "application/json", strings.NewReader("{}"), 403, "AccessDenied"},
		{"too large", url, "application/json", strings.NewReader(strings.Repeat("x", 101)), 400, "EntityTooLarge"},
		{"chunked", url, "application/json", io.MultiReader(strings.NewReader("{}")), 501, "NotImplemented"},
		{"as signed", url, "application/json", strings.NewReader("{}"), 200, ""},
		{"once more", url, "application/json", bytes.NewReader([]byte("[]")), 200, ""},
	} {
		if got := s.put(test.url, test.contentType, test.body); got.Status != test.status || !strings.Contains(got.Body, "<Code>"+test.code) && test.code != "" {
			t.Errorf("%s: %d %s", test.name, got.Status, got.Body)
		}
	}
	s.Clock.Advance(5*time.Minute + time.Second)
	if got := s.put(url, "application/json", strings.NewReader("{}")); got.Status != 403 || !strings.Contains(got.Body, "Request has expired") {
		t.Errorf("after five minutes: %d %s", got.Status, got.Body)
	}
	for _, call := range s.Ledger.Calls(simulator.Filter{Part: simulator.Documents}) {
		if strings.Contains(fmt.Sprint(call), "Signature=") {
			t.Errorf("the ledger has a signature: %+v", call)
		}
	}
}

func TestCreateFeedRefuses(t *testing.T) {
	t.Parallel()
	s := sell(t, nil)
	good := s.upload(s.quantities("SKU-00001", 1))
	empty := simulatortest.Read[uploadTarget](t, s.Call(http.MethodPost, simulatortest.DocumentsPath, `{"contentType":"application/json"}`), 201).FeedDocumentID
	other := &seller{s.Amazon.Seller(2, s.Clock)}
	foreign := other.upload("{}")
	body := func(kind, places, document string) string {
		return fmt.Sprintf(`{"feedType":%q,"marketplaceIds":[%s],"inputFeedDocumentId":%q}`, kind, places, document)
	}
	for name, test := range map[string]string{
		"two marketplaces":     body(simulatortest.JSONFeed, `"A1PA6795UKMFR9","A13V1IB3VIYZZH"`, good),
		"no marketplace":       body(simulatortest.JSONFeed, ``, good),
		"another's place":      body(simulatortest.JSONFeed, `"ATVPDKIKX0DER"`, good),
		"an unknown type":      body("JSON_LISTING_FEED", `"A1PA6795UKMFR9"`, good),
		"no type":              body("", `"A1PA6795UKMFR9"`, good),
		"an unknown document":  body(simulatortest.JSONFeed, `"A1PA6795UKMFR9"`, "amzn1.tortuga.4.eu.x"),
		"nothing uploaded":     body(simulatortest.JSONFeed, `"A1PA6795UKMFR9"`, empty),
		"a foreign document":   body(simulatortest.JSONFeed, `"A1PA6795UKMFR9"`, foreign),
		"an unknown parameter": `{"feedTypes":"x"}`,
	} {
		if got := s.Call(http.MethodPost, simulatortest.FeedsPath, test); got.Status != 400 || !strings.Contains(got.Body, "InvalidInput") {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
	}
	if n := len(s.Feeds("")); n != 0 {
		t.Errorf("%d feeds came of it", n)
	}
}

// Feeds of the types that Amazon gave up end FATAL without a report.
func TestOldFeedTypesAreFatal(t *testing.T) {
	t.Parallel()
	s := sell(t, nil)
	id := simulatortest.Read[feedView](t, s.Call(http.MethodPost, simulatortest.FeedsPath, fmt.Sprintf(
		`{"feedType":"POST_INVENTORY_AVAILABILITY_DATA","marketplaceIds":[%q],"inputFeedDocumentId":%q}`, simulatortest.Germany, s.upload("<x/>"))), 202).FeedID
	s.Clock.Advance(time.Minute)
	if f := s.feed(id); f.ProcessingStatus != "FATAL" || f.ResultFeedDocumentID != "" {
		t.Errorf("%+v", f)
	}
}

// The throttle of JSON_LISTINGS_FEED is a window that slides: a sixth
// submission has to wait until the first is five minutes old.
func TestListingsFeedsAreThrottled(t *testing.T) {
	t.Parallel()
	s := sell(t, nil)
	document := s.upload(s.quantities("SKU-00001", 1))
	for i := range 5 {
		s.create(document)
		if i == 0 {
			s.Clock.Advance(time.Minute)
		}
	}
	if got, err := s.tryCreate(document); err != nil || got.Status != 429 {
		t.Errorf("the sixth: %d %s %v", got.Status, got.Body, err)
	}
	s.Clock.Advance(4*time.Minute - time.Second)
	if got, err := s.tryCreate(document); err != nil || got.Status != 429 {
		t.Errorf("a second early: %d %s %v", got.Status, got.Body, err)
	}
	s.Clock.Advance(time.Second)
	s.create(document)
	if got, err := s.tryCreate(document); err != nil || got.Status != 429 {
		t.Errorf("the other four still count: %d %s %v", got.Status, got.Body, err)
	}
	if n := s.Ledger.Throttled(); n != 3 {
		t.Errorf("%d throttled, not 3", n)
	}
}

func TestCancelFeed(t *testing.T) {
	t.Parallel()
	s := sell(t, nil)
	id := s.create(s.upload(s.quantities("SKU-00001", 99)))
	if got := s.Call(http.MethodDelete, simulatortest.FeedsPath+"/"+id, ""); got.Status != 200 {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	s.Clock.Advance(50 * time.Minute)
	if f := s.feed(id); f.ProcessingStatus != "CANCELLED" || f.ResultFeedDocumentID != "" {
		t.Errorf("%+v", f)
	}
	if s.quantity("SKU-00001") == 99 {
		t.Error("a cancelled feed was applied")
	}
	if got := s.Call(http.MethodDelete, simulatortest.FeedsPath+"/"+id, ""); got.Status != 400 {
		t.Errorf("twice: %d %s", got.Status, got.Body)
	}
	running := s.create(s.upload(s.quantities("SKU-00001", 98)))
	s.Clock.Advance(20 * time.Second)
	if got := s.Call(http.MethodDelete, simulatortest.FeedsPath+"/"+running, ""); got.Status != 400 {
		t.Errorf("IN_PROGRESS: %d %s", got.Status, got.Body)
	}
	if got := s.Call(http.MethodDelete, simulatortest.FeedsPath+"/1", ""); got.Status != 404 {
		t.Errorf("unknown: %d %s", got.Status, got.Body)
	}
}

// A feed ends by itself, and its notification wakes whoever waits for one.
func TestFeedEndsWithoutBeingAsked(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, func(c *simulator.Config) {
		c.SKUs, c.FeedTimes = 1, simulator.FeedTimes{Least: time.Millisecond, Most: time.Millisecond}
	})
	s := &seller{a.Seller(1, nil)}
	id := s.create(s.upload(s.quantities("SKU-00001", 8)))
	got, err := s.SQSClient().ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: s.QueueURL(), WaitTimeSeconds: 20})
	if err != nil || len(got.Messages) != 1 || !strings.Contains(*got.Messages[0].Body, `"feedId":"`+id+`"`) {
		t.Fatalf("%+v, %v", got, err)
	}
	if s.quantity("SKU-00001") != 8 {
		t.Errorf("quantity %d", s.quantity("SKU-00001"))
	}
}
