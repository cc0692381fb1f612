package simulator_test

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
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

const (
	feedsPath     = "/feeds/2021-06-30/feeds"
	documentsPath = "/feeds/2021-06-30/documents"
	jsonFeed      = "JSON_LISTINGS_FEED"
	germany       = "A1PA6795UKMFR9"
)

// seller calls a simulator whose clock is moved by hand.
type seller struct {
	*amazon
	clock  *manual
	token  string
	region model.Region
	id     string // Amazon's
}

// sell starts a simulator with listings, and logs its German seller in.
func sell(t *testing.T, change func(*simulator.Config)) *seller {
	t.Helper()
	clock := newManual()
	a := start(t, func(c *simulator.Config) {
		c.Clock, c.SKUs = clock, 20
		if change != nil {
			change(c)
		}
	})
	return &seller{a, clock, a.token(sellerToken(1)), model.Europe, a.Accounts()[0].SellerID}
}

// call makes a call of the SP-API.
func (s *seller) call(method, path, body string) reply {
	s.t.Helper()
	got, err := s.tryCall(method, path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	return got
}

func (s *seller) tryCall(method, path, body string) (reply, error) {
	r := s.request(method, s.urls.SPAPI[s.region]+path, body)
	r.Header.Set("x-amz-access-token", s.token)
	r.Header.Set("User-Agent", "Tests/1 (Language=Go)")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return s.try(r)
}

// read decodes an answer that must have a status.
func read[T any](t *testing.T, got reply, status int) T {
	t.Helper()
	var into T
	if got.status != status {
		t.Fatalf("status %d, not %d: %s", got.status, status, got.body)
	}
	if err := json.Unmarshal([]byte(got.body), &into); err != nil {
		t.Fatal(err)
	}
	return into
}

type uploadTarget struct{ FeedDocumentID, URL string }

type feedView struct {
	FeedID, FeedType, ProcessingStatus, ResultFeedDocumentID string
	ProcessingStartTime, ProcessingEndTime                   string
}

func (s *seller) put(url, contentType string, body io.Reader) reply {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPut, url, body)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	return s.do(r)
}

// upload makes a document.
func (s *seller) upload(body string) string {
	s.t.Helper()
	target := read[uploadTarget](s.t, s.call(http.MethodPost, documentsPath, `{"contentType":"application/json; charset=UTF-8"}`), 201)
	if got := s.put(target.URL, "application/json; charset=UTF-8", strings.NewReader(body)); got.status != 200 {
		s.t.Fatalf("upload: %d %s", got.status, got.body)
	}
	return target.FeedDocumentID
}

// tryCreate calls createFeed.
func (s *seller) tryCreate(document string) (reply, error) {
	return s.tryCall(http.MethodPost, feedsPath,
		fmt.Sprintf(`{"feedType":%q,"marketplaceIds":[%q],"inputFeedDocumentId":%q}`, jsonFeed, germany, document))
}

// create makes a feed of a document.
func (s *seller) create(document string) string {
	s.t.Helper()
	got, err := s.tryCreate(document)
	if err != nil {
		s.t.Fatal(err)
	}
	return read[feedView](s.t, got, 202).FeedID
}

// feed asks how a feed is doing.
func (s *seller) feed(id string) feedView {
	s.t.Helper()
	return read[feedView](s.t, s.call(http.MethodGet, feedsPath+"/"+id, ""), 200)
}

// quantities is a document that sets the quantity of SKUs.
func (s *seller) quantities(pairs ...any) string {
	var messages []string
	for i := 0; i < len(pairs); i += 2 {
		messages = append(messages, fmt.Sprintf(`{"messageId":%d,"sku":%q,"operationType":"PATCH","productType":"PRODUCT","patches":[`+
			`{"op":"merge","path":"/attributes/fulfillment_availability","value":[{"fulfillment_channel_code":"DEFAULT","quantity":%d}]}]}`,
			i/2+1, pairs[i], pairs[i+1]))
	}
	return fmt.Sprintf(`{"header":{"sellerId":%q,"version":"2.0"},"messages":[%s]}`, s.id, strings.Join(messages, ","))
}

type reportView struct {
	Header struct{ SellerID, FeedID string }
	Issues []struct {
		MessageID                    int
		SKU, Code, Severity, Message string
	}
	Summary struct{ Errors, Warnings, MessagesProcessed, MessagesAccepted, MessagesInvalid int }
}

// download reads a report.
func (s *seller) download(id string) []byte {
	s.t.Helper()
	doc := read[struct{ URL, CompressionAlgorithm string }](s.t, s.call(http.MethodGet, documentsPath+"/"+id, ""), 200)
	got := s.do(s.request(http.MethodGet, doc.URL, ""))
	if got.status != 200 {
		s.t.Fatalf("download: %d %s", got.status, got.body)
	}
	if doc.CompressionAlgorithm != "GZIP" {
		return []byte(got.body)
	}
	unzip, err := gzip.NewReader(strings.NewReader(got.body))
	if err != nil {
		s.t.Fatal(err)
	}
	body, err := io.ReadAll(unzip)
	if err != nil {
		s.t.Fatal(err)
	}
	return body
}

func (s *seller) report(id string) reportView {
	s.t.Helper()
	var report reportView
	if err := json.Unmarshal(s.download(id), &report); err != nil {
		s.t.Fatal(err)
	}
	return report
}

// quantity is what a SKU really has.
func (s *seller) quantity(sku string) int {
	s.t.Helper()
	listing, ok := s.Listing(german, sku)
	if !ok {
		s.t.Fatalf("no listing %s", sku)
	}
	return listing.Quantity
}

func TestFeedRunsItsCourse(t *testing.T) {
	t.Parallel()
	s := sell(t, nil)
	document := s.quantities("SKU-00001", 41, "SKU-00002", 42, "GONE", 1, "SKU-00001", 43)
	input := s.upload(document)
	id := s.create(input)
	if f := s.feed(id); f.ProcessingStatus != "IN_QUEUE" || f.ProcessingStartTime != "" || f.FeedType != jsonFeed {
		t.Errorf("at once: %+v", f)
	}
	s.clock.advance(20 * time.Second) // a third of 60 s at most
	if f := s.feed(id); f.ProcessingStatus != "IN_PROGRESS" || f.ProcessingStartTime == "" || f.ProcessingEndTime != "" {
		t.Errorf("after 20 s: %+v", f)
	}
	if got := s.quantity("SKU-00001"); got != 0 {
		t.Errorf("a running feed has set %d", got)
	}
	s.clock.advance(40 * time.Second)
	f := s.feed(id)
	if f.ProcessingStatus != "DONE" || f.ResultFeedDocumentID == "" || f.ProcessingEndTime == "" {
		t.Fatalf("after a minute: %+v", f)
	}
	report := s.report(f.ResultFeedDocumentID)
	if report.Header.FeedID != id || report.Header.SellerID != s.id ||
		report.Summary.MessagesProcessed != 4 || report.Summary.MessagesAccepted != 3 || report.Summary.MessagesInvalid != 1 || report.Summary.Errors != 1 {
		t.Errorf("report %+v", report)
	}
	if len(report.Issues) != 1 || report.Issues[0].MessageID != 3 || report.Issues[0].SKU != "GONE" || report.Issues[0].Code != "13013" || report.Issues[0].Severity != "ERROR" {
		t.Errorf("issues %+v", report.Issues)
	}
	if one, two := s.quantity("SKU-00001"), s.quantity("SKU-00002"); one != 43 || two != 42 {
		t.Errorf("quantities %d and %d", one, two)
	}
	truth := s.InventoryTruth(german)
	one := truth.SKUs[german]["SKU-00001"]
	if one.Changes != 2 || one.Applied[0].Quantity != 41 || one.Applied[1].Quantity != 43 || one.Applied[1].Feed != id || truth.Feeds != 1 || truth.FeedsDouble != 0 {
		t.Errorf("truth %+v of %+v", one, truth)
	}
	sum := sha256.Sum256([]byte(document))
	calls := s.Ledger.Calls(simulator.Filter{Operation: "createFeed"})
	if p := calls[0].Parameters; len(calls) != 1 || !calls[0].Applied || calls[0].Account != german || p["feedId"] != id ||
		p["inputFeedDocumentId"] != input || p["sha256"] != hex.EncodeToString(sum[:]) || p["messages"] != "4" {
		t.Errorf("ledger %+v", calls)
	}
}

// A lead time survives a merge and not a replace.
func TestMergeKeepsWhatItDoesNotName(t *testing.T) {
	t.Parallel()
	s := sell(t, nil)
	for op, lead := range map[string]int{"merge": 2, "replace": 0} {
		s.create(s.upload(strings.Replace(s.quantities("SKU-00003", 5), "merge", op, 1)))
		s.clock.advance(time.Minute)
		if l, _ := s.Listing(german, "SKU-00003"); l.Quantity != 5 || l.LeadTime != lead {
			t.Errorf("after a %s: %+v", op, l)
		}
		if err := s.List(german, simulator.Listing{SKU: "SKU-00003", ProductType: "SHOES", Marketplaces: []string{germany}, LeadTime: 2}); err != nil {
			t.Fatal(err)
		}
	}
}

// Presigned URLs take what was signed, in time, and nothing else.
func TestPresignedURLs(t *testing.T) {
	t.Parallel()
	s := sell(t, func(c *simulator.Config) { c.DocumentLimit = 100 })
	target := func() string {
		return read[uploadTarget](t, s.call(http.MethodPost, documentsPath, `{"contentType":"application/json"}`), 201).URL
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
		if got := s.put(test.url, test.contentType, test.body); got.status != test.status || !strings.Contains(got.body, "<Code>"+test.code) && test.code != "" {
			t.Errorf("%s: %d %s", test.name, got.status, got.body)
		}
	}
	s.clock.advance(5*time.Minute + time.Second)
	if got := s.put(url, "application/json", strings.NewReader("{}")); got.status != 403 || !strings.Contains(got.body, "Request has expired") {
		t.Errorf("after five minutes: %d %s", got.status, got.body)
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
	empty := read[uploadTarget](t, s.call(http.MethodPost, documentsPath, `{"contentType":"application/json"}`), 201).FeedDocumentID
	other := &seller{s.amazon, s.clock, s.amazon.token(sellerToken(2)), model.NorthAmerica, s.Accounts()[1].SellerID}
	foreign := other.upload("{}")
	body := func(kind, places, document string) string {
		return fmt.Sprintf(`{"feedType":%q,"marketplaceIds":[%s],"inputFeedDocumentId":%q}`, kind, places, document)
	}
	for name, test := range map[string]string{
		"two marketplaces":     body(jsonFeed, `"A1PA6795UKMFR9","A13V1IB3VIYZZH"`, good),
		"no marketplace":       body(jsonFeed, ``, good),
		"another's place":      body(jsonFeed, `"ATVPDKIKX0DER"`, good),
		"an unknown type":      body("JSON_LISTING_FEED", `"A1PA6795UKMFR9"`, good),
		"no type":              body("", `"A1PA6795UKMFR9"`, good),
		"an unknown document":  body(jsonFeed, `"A1PA6795UKMFR9"`, "amzn1.tortuga.4.eu.x"),
		"nothing uploaded":     body(jsonFeed, `"A1PA6795UKMFR9"`, empty),
		"a foreign document":   body(jsonFeed, `"A1PA6795UKMFR9"`, foreign),
		"an unknown parameter": `{"feedTypes":"x"}`,
	} {
		if got := s.call(http.MethodPost, feedsPath, test); got.status != 400 || !strings.Contains(got.body, "InvalidInput") {
			t.Errorf("%s: %d %s", name, got.status, got.body)
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
	id := read[feedView](t, s.call(http.MethodPost, feedsPath, fmt.Sprintf(
		`{"feedType":"POST_INVENTORY_AVAILABILITY_DATA","marketplaceIds":[%q],"inputFeedDocumentId":%q}`, germany, s.upload("<x/>"))), 202).FeedID
	s.clock.advance(time.Minute)
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
			s.clock.advance(time.Minute)
		}
	}
	if got, err := s.tryCreate(document); err != nil || got.status != 429 {
		t.Errorf("the sixth: %d %s %v", got.status, got.body, err)
	}
	s.clock.advance(4*time.Minute - time.Second)
	if got, err := s.tryCreate(document); err != nil || got.status != 429 {
		t.Errorf("a second early: %d %s %v", got.status, got.body, err)
	}
	s.clock.advance(time.Second)
	s.create(document)
	if got, err := s.tryCreate(document); err != nil || got.status != 429 {
		t.Errorf("the other four still count: %d %s %v", got.status, got.body, err)
	}
	if n := s.Ledger.Throttled(); n != 3 {
		t.Errorf("%d throttled, not 3", n)
	}
}

func TestCancelFeed(t *testing.T) {
	t.Parallel()
	s := sell(t, nil)
	id := s.create(s.upload(s.quantities("SKU-00001", 99)))
	if got := s.call(http.MethodDelete, feedsPath+"/"+id, ""); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	s.clock.advance(50 * time.Minute)
	if f := s.feed(id); f.ProcessingStatus != "CANCELLED" || f.ResultFeedDocumentID != "" {
		t.Errorf("%+v", f)
	}
	if s.quantity("SKU-00001") == 99 {
		t.Error("a cancelled feed was applied")
	}
	if got := s.call(http.MethodDelete, feedsPath+"/"+id, ""); got.status != 400 {
		t.Errorf("twice: %d %s", got.status, got.body)
	}
	running := s.create(s.upload(s.quantities("SKU-00001", 98)))
	s.clock.advance(20 * time.Second)
	if got := s.call(http.MethodDelete, feedsPath+"/"+running, ""); got.status != 400 {
		t.Errorf("IN_PROGRESS: %d %s", got.status, got.body)
	}
	if got := s.call(http.MethodDelete, feedsPath+"/1", ""); got.status != 404 {
		t.Errorf("unknown: %d %s", got.status, got.body)
	}
}

// A feed ends by itself, and its notification wakes whoever waits for one.
func TestFeedEndsWithoutBeingAsked(t *testing.T) {
	t.Parallel()
	a := start(t, func(c *simulator.Config) {
		c.SKUs, c.FeedTimes = 1, simulator.FeedTimes{Least: time.Millisecond, Most: time.Millisecond}
	})
	s := &seller{a, nil, a.token(sellerToken(1)), model.Europe, a.Accounts()[0].SellerID}
	id := s.create(s.upload(s.quantities("SKU-00001", 8)))
	got, err := s.sqsClient().ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: s.queueURL(), WaitTimeSeconds: 20})
	if err != nil || len(got.Messages) != 1 || !strings.Contains(*got.Messages[0].Body, `"feedId":"`+id+`"`) {
		t.Fatalf("%+v, %v", got, err)
	}
	if s.quantity("SKU-00001") != 8 {
		t.Errorf("quantity %d", s.quantity("SKU-00001"))
	}
}
