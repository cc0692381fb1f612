package spapi

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// canaryQuery is what makes a presigned URL a secret.
const canaryQuery = "?X-Amz-Signature=canary-signature"

// storage is the host of documents, beside the SP-API.
type storage struct {
	*fake
	compression string
	serve       http.HandlerFunc // PUT and GET of the document
	at          string           // URL of the document; default here
	documents   atomic.Int32     // calls of createFeedDocument and getFeedDocument
	transfers   atomic.Int32
}

func newStorage(t testing.TB) *storage {
	t.Helper()
	s := &storage{fake: newFake(t)}
	s.api = func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/document" {
			s.transfers.Add(1)
			s.serve(w, r)
			return
		}
		s.documents.Add(1)
		at := s.at
		if at == "" {
			at = s.URL + "/document" + canaryQuery
		}
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusCreated)
		}
		fmt.Fprintf(w, `{"feedDocumentId":"amzn1.tortuga.4.eu.d","url":%q`, at)
		if s.compression != "" {
			fmt.Fprintf(w, `,"compressionAlgorithm":%q`, s.compression)
		}
		fmt.Fprint(w, `}`)
	}
	return s
}

func testFeed(messages int) *model.ListingsFeed {
	feed := &model.ListingsFeed{SellerID: "AXXXXXXXXXXXX"}
	for i := range messages {
		feed.Messages = append(feed.Messages, model.QuantityMessage{
			MessageID: i + 1, SKU: fmt.Sprintf("SKU-%06d", i), ProductType: "PRODUCT", FulfillmentChannelCode: "DEFAULT", Quantity: i,
		})
	}
	return feed
}

func TestUploadFeed(t *testing.T) {
	t.Parallel()
	s := newStorage(t)
	feed := testFeed(5000)
	var got []byte
	var header http.Header
	var length int64
	s.serve = func(_ http.ResponseWriter, r *http.Request) {
		header, length = r.Header, r.ContentLength
		got, _ = io.ReadAll(r.Body)
	}
	answer, _, err := s.seller(t, nil).UploadFeed(t.Context(), model.UploadFeedRequest{Feed: feed})
	if err != nil {
		t.Fatal(err)
	}
	want, _ := io.ReadAll(feed.Reader())
	sum := sha256.Sum256(want)
	if !bytes.Equal(got, want) || length != int64(len(want)) {
		t.Errorf("%d bytes came, %d announced, of %d", len(got), length, len(want))
	}
	if *answer != (model.UploadFeedResponse{FeedDocumentID: "amzn1.tortuga.4.eu.d", SHA256: hex.EncodeToString(sum[:]), Bytes: int64(len(want))}) {
		t.Errorf("%+v", answer)
	}
	if header.Get("Content-Type") != "application/json; charset=UTF-8" || header.Get("x-amz-access-token") != "" ||
		header.Get("Authorization") != "" || header.Get("Content-Encoding") != "" || header.Get("Transfer-Encoding") != "" {
		t.Errorf("%v", header)
	}
}

// TestAPresignedURLIsUsedToTheLetter: its signature covers the path as it is
// escaped, and Amazon's begins with an escaped slash.
func TestAPresignedURLIsUsedToTheLetter(t *testing.T) {
	t.Parallel()
	for operation, transfer := range transfers() {
		s := newStorage(t)
		api, asked := s.api, ""
		s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Path == "/auth/o2/token":
				s.giveToken(w, r)
			case strings.HasPrefix(r.RequestURI, "/feeds/"), strings.HasPrefix(r.RequestURI, "/reports/"):
				api(w, r)
			default:
				asked = r.RequestURI
			}
		})
		const target = "/%2FNinetyDays/amzn1.tortuga.4.eu.d?X-Amz-SignedHeaders=content-type%3Bhost&X-Amz-Credential=A%2Fb+c"
		s.at = s.URL + target
		if err := transfer(t.Context(), s.seller(t, nil)); err != nil || asked != target {
			t.Errorf("%s asked for %s: %v", operation, asked, err)
		}
	}
}

// TestUploadOrderFeed uploads a feed in XML, under its own content type.
func TestUploadOrderFeed(t *testing.T) {
	t.Parallel()
	s := newStorage(t)
	var got []byte
	kind := ""
	s.serve = func(_ http.ResponseWriter, r *http.Request) {
		kind = r.Header.Get("Content-Type")
		got, _ = io.ReadAll(r.Body)
	}
	feed := &model.OrderFeed{Type: model.OrderAcknowledgementFeed, SellerID: "AXXXXXXXXXXXX", Messages: []model.OrderMessage{{
		MessageID: 1, Acknowledgement: &model.OrderAcknowledgement{AmazonOrderID: "302-1234567-1234567", StatusCode: model.AcknowledgementFailure,
			Items: []model.AcknowledgedItem{{AmazonOrderItemCode: "1", CancelReason: model.NoInventory}}},
	}}}
	answer, _, err := s.seller(t, nil).UploadFeed(t.Context(), model.UploadFeedRequest{Feed: feed})
	if err != nil {
		t.Fatal(err)
	}
	want, _ := io.ReadAll(feed.Reader())
	if kind != "text/xml; charset=UTF-8" || !bytes.Equal(got, want) || answer.Bytes != int64(len(want)) {
		t.Errorf("%q %q, %+v", kind, got, answer)
	}
	if _, _, err := s.seller(t, nil).UploadFeed(t.Context(), model.UploadFeedRequest{}); err == nil {
		t.Error("no feed was uploaded")
	}
}

func TestAFaultyFeedIsNotUploaded(t *testing.T) {
	t.Parallel()
	s := newStorage(t)
	feed := testFeed(10)
	for i := range feed.Messages {
		feed.Messages[i].SKU = "same"
	}
	_, _, err := s.seller(t, nil).UploadFeed(t.Context(), model.UploadFeedRequest{Feed: feed})
	refusal := wantError(t, err, model.CreateFeedDocument, model.Invalid)
	if !strings.Contains(refusal.Message, `message 2 ("same")`) || !strings.Contains(refusal.Message, "6 more") || s.documents.Load() != 0 {
		t.Errorf("%v after %d calls", err, s.documents.Load())
	}
}

// transfers are both ways of a document, which fail in the same way.
func transfers() map[string]func(context.Context, *Seller) error {
	return map[string]func(context.Context, *Seller) error{
		model.CreateFeedDocument: func(ctx context.Context, s *Seller) error {
			_, _, err := s.UploadFeed(ctx, model.UploadFeedRequest{Feed: testFeed(3)})
			return err
		},
		model.GetFeedDocument: func(ctx context.Context, s *Seller) error {
			_, _, err := s.ReadFeedReport(ctx, model.ReadFeedReportRequest{FeedDocumentID: "d"})
			return err
		},
		model.GetReportDocument: func(ctx context.Context, s *Seller) error {
			_, _, err := s.ReadListingsReport(ctx, model.ReadListingsReportRequest{ReportDocumentID: "d"})
			return err
		},
	}
}

func TestATransferThatFails(t *testing.T) {
	t.Parallel()
	const expired = `<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message><X>canary-in-body</X></Error>`
	status := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("x-amz-request-id", "s3-request")
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}
	}
	for name, test := range map[string]struct {
		serve http.HandlerFunc
		want  model.Error
		read  model.Class // of a read, where it is another
	}{
		"URL expired":   {status(403, expired), model.Error{Class: model.Unavailable, Status: 403, Code: "AccessDenied", RequestID: "s3-request"}, ""},
		"S3 down":       {status(503, "<Code>SlowDown</Code>"), model.Error{Class: model.Unavailable, Status: 503, Code: "SlowDown", RequestID: "s3-request"}, ""},
		"gone":          {status(404, ""), model.Error{Class: model.Unavailable, Status: 404, RequestID: "s3-request"}, model.NotFound},
		"redirected":    {status(307, ""), model.Error{Class: model.Unavailable, Status: 307, RequestID: "s3-request"}, ""},
		"part of it":    {status(206, "{}"), model.Error{Class: model.Unavailable, Status: 206, RequestID: "s3-request"}, ""},
		"a code of XML": {status(400, "<Code>canary code</Code>"), model.Error{Class: model.Unavailable, Status: 400, RequestID: "s3-request"}, ""},
		"cut":           {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, model.Error{Class: model.Unavailable}, ""},
	} {
		for operation, transfer := range transfers() {
			t.Run(name+"/"+operation, func(t *testing.T) {
				t.Parallel()
				s := newStorage(t)
				s.serve = test.serve
				want := test.want
				if operation != model.CreateFeedDocument && test.read != "" {
					want.Class = test.read
				}
				refusal := wantError(t, transfer(t.Context(), s.seller(t, nil)), operation, want.Class)
				if refusal.Status != want.Status || refusal.Code != want.Code || refusal.RequestID != want.RequestID {
					t.Errorf("%+v", refusal)
				}
				if s.documents.Load() != 1 {
					t.Errorf("%d documents were asked for", s.documents.Load())
				}
			})
		}
	}
}

func TestADocumentElsewhereIsNotTouched(t *testing.T) {
	t.Parallel()
	for _, at := range []string{
		"https://evil.example.com/x" + canaryQuery, "http://tortuga-prod-eu.s3-eu-west-1.amazonaws.com/x" + canaryQuery,
		"https://user:canary@tortuga-prod-eu.s3-eu-west-1.amazonaws.com/x", "http://192.0.2.1/x", "file:///etc/passwd", "%zz" + canaryQuery, "/x",
		"ftp://127.0.0.1/x",
	} {
		for operation, transfer := range transfers() {
			s := newStorage(t)
			s.at = at
			refusal := wantError(t, transfer(t.Context(), s.seller(t, nil)), operation, model.Invalid)
			if s.transfers.Load() != 0 || strings.Contains(refusal.Error(), "/x") {
				t.Errorf("%s: %v", at, refusal)
			}
		}
	}
}

func TestDocumentHosts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		hosts []string
		at    string
		want  bool
	}{
		{nil, "https://tortuga-prod-eu.s3-eu-west-1.amazonaws.com/x", true},
		{nil, "https://tortuga-prod-na.s3-external-1.amazonaws.com/x", true},
		{nil, "https://tortuga-prod-fe.s3.us-west-2.amazonaws.com/x", true},
		{nil, "https://b.s3.dualstack.eu-west-1.amazonaws.com:443/x", true},
		{nil, "https://b.s3.amazonaws.com/x", true},
		{nil, "https://s3.eu-west-1.amazonaws.com/b/x", true},
		{nil, "https://B.S3.AMAZONAWS.COM/x", true},
		{nil, "http://b.s3.amazonaws.com/x", false},
		{nil, "https://b.s3.amazonaws.com:8443/x", false},
		{nil, "https://s3.amazonaws.com.evil.com/x", false},
		{nil, "https://evils3.amazonaws.com/x", false},
		{nil, "https://s3-evil-1.us-east-1.elb.amazonaws.com/x", false},
		{nil, "https://ec2-1-2-3-4.compute-1.amazonaws.com/x", false},
		{nil, "https://127.0.0.1/x", false},
		{[]string{}, "https://b.s3.amazonaws.com/x", true},
		{[]string{"d.example.com"}, "https://b.s3.amazonaws.com/x", false},
		{[]string{"d.example.com"}, "https://D.example.com/x", true},
		{[]string{"d.example.com"}, "https://d.example.com:8443/x", false},
		{[]string{"d.example.com:8443"}, "https://d.example.com:8443/x", true},
		{[]string{"d.example.com"}, "http://d.example.com/x", false},
		{[]string{"d.example.com"}, "https://e.d.example.com/x", false},
		{[]string{"*.example.com"}, "https://e.d.example.com/x", true},
		{[]string{"*.example.com"}, "https://example.com/x", false},
		{[]string{"*.example.com"}, "https://evilexample.com/x", false},
		{[]string{"http://minio:9000"}, "http://minio:9000/x", true},
		{[]string{"http://minio:9000"}, "https://minio:9000/x", false},
		{[]string{"minio"}, "ftp://minio/x", false},
		{[]string{"http://minio"}, "ftp://minio/x", false},
	} {
		at, err := url.Parse(test.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := documentHosts(test.hosts).allow(at); got != test.want {
			t.Errorf("%q allows %s: %v", test.hosts, test.at, got)
		}
	}
	for _, test := range []struct {
		base, at string
		want     bool
	}{
		{"http://127.0.0.1:8090", "http://127.0.0.1:9000/x", true},
		{"http://localhost:8090", "http://127.0.0.1:9000/x", true},
		{"http://127.0.0.1:8090", "http://[::1]:9000/x", true},
		{"http://simulator:8090", "http://simulator:8091/x", true},
		{"http://simulator:8090", "http://127.0.0.1/x", false},
		{"http://127.0.0.1:8090", "http://192.0.2.1/x", false},
		{"http://127.0.0.1:8090", "https://127.0.0.1/x", false},
		{"https://127.0.0.1:8090", "http://127.0.0.1/x", false},
		{"https://sellingpartnerapi-eu.amazon.com", "http://sellingpartnerapi-eu.amazon.com/x", false},
	} {
		base, _ := url.Parse(test.base)
		at, _ := url.Parse(test.at)
		if got := sameHost(base, at); got != test.want {
			t.Errorf("with %s, %s is at the same host: %v", test.base, test.at, got)
		}
	}
	for _, host := range []string{"", "*", "*.", "https://x", "a/b", "http://", "u@h"} {
		if _, err := New(Config{DocumentHosts: []string{host}}); err == nil {
			t.Errorf("%q is taken for a host", host)
		}
	}
}

// TestReadFeedReport also shows what the host of documents gets to see.
func TestReadFeedReport(t *testing.T) {
	t.Parallel()
	const text = `{"header":{"sellerId":"A","version":"2.0","feedId":"f"},"issues":[{"messageId":4,"sku":"S","code":"90220","severity":"ERROR","message":"m","attributeName":"a"}],` +
		`"summary":{"errors":1,"warnings":2,"messagesProcessed":3,"messagesAccepted":4,"messagesInvalid":5}}`
	want := model.FeedReport{
		FeedID:  "f",
		Issues:  []model.FeedIssue{{MessageID: 4, SKU: "S", Code: "90220", Severity: "ERROR", Message: "m", AttributeName: "a"}},
		Summary: model.FeedReportSummary{Errors: 1, Warnings: 2, MessagesProcessed: 3, MessagesAccepted: 4, MessagesInvalid: 5},
	}
	for _, compression := range []string{"", "GZIP"} {
		s := newStorage(t)
		s.compression = compression
		var header http.Header
		s.serve = func(w http.ResponseWriter, r *http.Request) {
			header = r.Header
			if compression == "" {
				fmt.Fprint(w, text)
				return
			}
			w.Header().Set("Content-Encoding", "gzip") // as S3 does for some
			_, _ = w.Write(zip(t, text))
		}
		got, _, err := s.seller(t, nil).ReadFeedReport(t.Context(), model.ReadFeedReportRequest{FeedDocumentID: "d"})
		if err != nil || fmt.Sprint(*got) != fmt.Sprint(want) {
			t.Errorf("%q: %+v, %v", compression, got, err)
		}
		if header.Get("x-amz-access-token") != "" || header.Get("Authorization") != "" || header.Get("Cookie") != "" {
			t.Errorf("the host of documents was sent %v", header)
		}
	}
}

// TestAReportThatIsCutOff is a broken connection, not a broken report.
func TestAReportThatIsCutOff(t *testing.T) {
	t.Parallel()
	for _, compression := range []string{"", "GZIP"} {
		s := newStorage(t)
		s.compression = compression
		s.serve = func(w http.ResponseWriter, _ *http.Request) {
			body := []byte(`{"issues":[],"summary":{"errors":0}}`)
			if compression != "" {
				body = zip(t, string(body))
			}
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			_, _ = w.Write(body[:len(body)-5])
		}
		_, _, err := s.seller(t, nil).ReadFeedReport(t.Context(), model.ReadFeedReportRequest{FeedDocumentID: "d"})
		if wantError(t, err, model.GetFeedDocument, model.Unavailable); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%v", err)
		}
	}
}

func TestTLSOnLoopbackIsNoSimulation(t *testing.T) {
	t.Parallel()
	s := newStorage(t)
	secure := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a transfer was made") }))
	t.Cleanup(secure.Close)
	s.at = secure.URL + "/document" + canaryQuery // on loopback, but with TLS: no simulation's
	for operation, transfer := range transfers() {
		wantError(t, transfer(t.Context(), s.seller(t, nil)), operation, model.Invalid)
	}
}

// TestATransferEndsWithItsContext stops one in its middle.
func TestATransferEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for operation, transfer := range transfers() {
		s := newStorage(t)
		arrived := make(chan struct{})
		s.serve = func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			close(arrived)
			<-r.Context().Done()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		go func() { <-arrived; cancel() }()
		err := transfer(ctx, s.seller(t, nil))
		if wantError(t, err, operation, model.Unavailable); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	}
}

func zip(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// FuzzDocumentURL: whatever text Amazon gives as a document's URL, what is let
// through is HTTPS at one of Amazon's hosts, on the usual port and without a login.
func FuzzDocumentURL(f *testing.F) {
	for _, text := range []string{
		"https://tortuga-prod-eu.s3-eu-west-1.amazonaws.com/x?y", "http://s3.amazonaws.com/", "https://s3.amazonaws.com@evil.example/",
		"https://s3.amazonaws.com.evil.example/", "//s3.amazonaws.com", "https://[::1]/", "https://S3.AMAZONAWS.COM:8443/", "\x00",
	} {
		f.Add(text)
	}
	base, err := url.Parse("https://sellingpartnerapi-eu.amazon.com")
	if err != nil {
		f.Fatal(err)
	}
	c := &caller{client: &Client{}, base: base}
	f.Fuzz(func(t *testing.T, text string) {
		at, refusal := c.documentURL("getFeedDocument", text)
		if refusal != nil {
			if len(refusal.Error()) > 2_000 {
				t.Errorf("an error of %d bytes", len(refusal.Error()))
			}
			return
		}
		host := strings.ToLower(at.Hostname())
		if at.Scheme != "https" || at.User != nil || at.Port() != "" && at.Port() != "443" ||
			!strings.HasSuffix("."+host, ".amazonaws.com") {
			t.Errorf("%q was let through as %s", text, at)
		}
	})
}
