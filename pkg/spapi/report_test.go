package spapi

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/test/models"
)

func TestReportsThatCanBeRead(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		text string
		want model.FeedReport
	}{
		"summary alone": {`{"summary":{"messagesProcessed":3,"messagesAccepted":3}}`,
			model.FeedReport{Summary: model.FeedReportSummary{MessagesProcessed: 3, MessagesAccepted: 3}}},
		"an issue of the feed": {`{"issues":[{"severity":"ERROR","message":"cannot be parsed"}],"summary":{"errors":1}}`,
			model.FeedReport{Issues: []model.FeedIssue{{Severity: "ERROR", Message: "cannot be parsed"}}, Summary: model.FeedReportSummary{Errors: 1}}},
		"byte order mark, space": {"\xef\xbb\xbf \r\n{\"issues\" : [ ] }\n", model.FeedReport{}},
		"other types": {`{"header":7,"issues":[7,null,{"messageId":"4","sku":null,"code":90220,"severity":["ERROR"],"message":{"a":[1]}}],"summary":{"errors":1.5,"warnings":-1,"messagesProcessed":"12","messagesInvalid":1e3}}`,
			model.FeedReport{Issues: []model.FeedIssue{{MessageID: 4}}, Summary: model.FeedReportSummary{MessagesProcessed: 12}}},
		"what nobody knows": {`{"new":{"a":[{"b":"}"}]},"items":[{"sku":"S","issues":[{"severity":"ERROR"}]}],"issues":[{"categories":["X"],"severity":"NEW","message":"m"}]}`,
			model.FeedReport{Issues: []model.FeedIssue{{Severity: "NEW", Message: "m"}}}},
		"quantities": {`{"summary":{},"items":[{"sku":"S","fulfillmentAvailability":[{"fulfillmentChannelCode":"DEFAULT","quantity":3},{"fulfillmentChannelCode":"AMAZON_EU"},{"quantity":4}]},` +
			`{"fulfillmentAvailability":[{"fulfillmentChannelCode":"DEFAULT","quantity":5}]},7,{"fulfillmentAvailability":[{"quantity":0,"fulfillmentChannelCode":"X"}],"sku":"T"}]}`,
			model.FeedReport{Shown: []model.ShownQuantity{{SKU: "S", FulfillmentChannelCode: "DEFAULT", Quantity: 3}, {SKU: "T", FulfillmentChannelCode: "X"}}}},
		"no issues": {`{"issues":null,"summary":{}}`, model.FeedReport{}},
		"XML": {xmlReport("<Result><MessageID>2</MessageID><ResultCode>Error</ResultCode><ResultMessageCode>18028</ResultMessageCode>" +
			"<ResultDescription>a &lt; b <![CDATA[& c]]></ResultDescription><AdditionalInfo><SKU>S</SKU><AmazonOrderID>canary</AmazonOrderID></AdditionalInfo></Result>\n" +
			"<Result><MessageID>0</MessageID><ResultCode>Warning</ResultCode><ResultMessageCode>5</ResultMessageCode><ResultDescription/></Result>"),
			model.FeedReport{Issues: []model.FeedIssue{{MessageID: 2, SKU: "S", Code: "18028", Severity: "ERROR", Message: "a < b & c"}, {Code: "5", Severity: "WARNING"}},
				Summary: model.FeedReportSummary{Errors: 1, Warnings: 1, MessagesProcessed: 3, MessagesAccepted: 2, MessagesInvalid: 1}}},
		"XML of other types": {xmlReport("<New><Result><MessageID>7</MessageID></Result></New><Result><MessageID>-1</MessageID><ResultCode>Fatal</ResultCode><New>x</New></Result>"),
			model.FeedReport{Issues: []model.FeedIssue{{Severity: "FATAL"}},
				Summary: model.FeedReportSummary{Errors: 1, MessagesProcessed: 3, MessagesAccepted: 2, MessagesInvalid: 1}}},
		"XML in Latin-1": {`<?xml version="1.0" encoding="ISO-8859-1"?>` + xmlReport("<Result><ResultCode>Error</ResultCode><ResultDescription>\xe4</ResultDescription></Result>"),
			model.FeedReport{Issues: []model.FeedIssue{{Severity: "ERROR", Message: "ä"}},
				Summary: model.FeedReportSummary{Errors: 1, MessagesProcessed: 3, MessagesAccepted: 2, MessagesInvalid: 1}}},
		"long XML": {xmlReport("<Result><ResultCode>Error</ResultCode><ResultDescription>" + strings.Repeat("ä", 3000) + "</ResultDescription></Result>"),
			model.FeedReport{Issues: []model.FeedIssue{{Severity: "ERROR", Message: strings.Repeat("ä", 1000) + "…"}},
				Summary: model.FeedReportSummary{Errors: 1, MessagesProcessed: 3, MessagesAccepted: 2, MessagesInvalid: 1}}},
		"no UTF-8": {"{\"issues\":[{\"message\":\"a\xffb\"}]}", model.FeedReport{Issues: []model.FeedIssue{{Message: "a\ufffdb"}}}},
		"long": {`{"issues":[{"message":"` + strings.Repeat("ä", 3000) + `"}]}`,
			model.FeedReport{Issues: []model.FeedIssue{{Message: strings.Repeat("ä", 1000) + "…"}}}},
	} {
		for reader, wrap := range map[string]func(io.Reader) io.Reader{
			"": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader, "with EOF": iotest.DataErrReader,
		} {
			// The compression that Amazon names is not always right, in either
			// direction.
			for _, announced := range []string{"", "GZIP", "gzip", "Gzip", "ZSTD"} {
				got, err := readReport(&source{from: wrap(strings.NewReader(test.text))}, announced)
				if err != nil || !reflect.DeepEqual(*got, test.want) {
					t.Errorf("%s %s, plain and announced %q: %+v, %v\nwant %+v", name, reader, announced, got, err, test.want)
				}
				got, err = readReport(&source{from: wrap(bytes.NewReader(zip(t, test.text)))}, announced)
				if err != nil || !reflect.DeepEqual(*got, test.want) {
					t.Errorf("%s %s, zipped and announced %q: %+v, %v", name, reader, announced, got, err)
				}
			}
		}
	}
}

// xmlReport is the processing report of a feed about orders, with these results.
func xmlReport(results string) string {
	return `<AmazonEnvelope xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Header><DocumentVersion>1.02</DocumentVersion></Header>
<MessageType>ProcessingReport</MessageType><Message><MessageID>1</MessageID><ProcessingReport><DocumentTransactionID>77</DocumentTransactionID>
<StatusCode>Complete</StatusCode><ProcessingSummary><MessagesProcessed>3</MessagesProcessed><MessagesSuccessful>2</MessagesSuccessful>
<MessagesWithError> 1 </MessagesWithError><MessagesWithWarning>0</MessagesWithWarning></ProcessingSummary>` + results + "</ProcessingReport></Message></AmazonEnvelope>\n"
}

func TestDocumentsThatAreNoReport(t *testing.T) {
	t.Parallel()
	zeros := func(n int) string { return strings.Repeat(" ", n) }
	report := `{"issues":[],"summary":{}}`
	for name, test := range map[string]struct{ text, compression, says string }{
		"empty":                     {"", "", "empty"},
		"empty where GZIP is":       {"", "GZIP", "empty"},
		"empty inside GZIP":         {string(zip(t, "")), "GZIP", "empty"},
		"space":                     {" \n ", "", "empty"},
		"zipped twice":              {string(zip(t, string(zip(t, report)))), "GZIP", "no JSON object"},
		"a broken gzip header":      {"\x1f\x8b\x07", "", "begins like gzip"},
		"zipped and cut":            {string(zip(t, report)[:20]), "GZIP", "cannot be read to its end"},
		"zipped and broken":         {string(zip(t, report)[:len(zip(t, report))-8]) + "checksum", "GZIP", "cannot be read to its end"},
		"unknown compression":       {"\x28\xb5\x2f\xfd", "ZSTD", `"ZSTD"`},
		"XML that is cut":           {`<?xml version="1.0"?><AmazonEnvelope><Message><ProcessingReport>`, "", "no valid XML at byte"},
		"zipped XML that is cut":    {string(zip(t, "\n<AmazonEnvelope>")), "GZIP", "no valid XML at byte"},
		"HTML":                      {"<!DOCTYPE html><html>canary", "", "XML or HTML"},
		"other XML":                 {"<Error><Code>canary</Code></Error>", "", "XML or HTML"},
		"an envelope of orders":     {"<AmazonEnvelope><MessageType>OrderReport</MessageType></AmazonEnvelope>", "", "no ProcessingReport"},
		"more XML":                  {xmlReport("") + "<AmazonEnvelope/>", "", "something follows"},
		"text after XML":            {xmlReport("") + "canary", "", "something follows"},
		"an entity of its own":      {`<!DOCTYPE AmazonEnvelope [<!ENTITY e "canary">]>` + xmlReport("<Result><ResultDescription>&e;</ResultDescription></Result>"), "", "no valid XML at byte"},
		"deep XML":                  {strings.Repeat("<AmazonEnvelope>", 20_000), "", "deeper than 50 elements"},
		"a long text in XML":        {xmlReport("<Result><ResultDescription>" + strings.Repeat("x", maxToken+8<<10) + "</ResultDescription></Result>"), "", "larger than 1 MiB"},
		"a long comment":            {"<!--" + strings.Repeat(">", maxToken+8<<10), "", "larger than 1 MiB"},
		"a long name in XML":        {"<" + strings.Repeat("x", maxToken+8<<10), "", "larger than 1 MiB"},
		"XML in unknown letters":    {`<?xml version="1.0" encoding="EBCDIC"?><AmazonEnvelope/>`, "", "no valid XML at byte"},
		"a flat-file report":        {"Feed Processing Summary:\n\tNumber of records processed\t3", "", "flat-file"},
		"a list":                    {"[]", "", "no JSON object"},
		"other JSON":                {`{"errors":[]}`, "", "neither issues nor a summary"},
		"cut":                       {`{"issues":[{"message":"canary`, "", "no valid JSON at byte"},
		"no JSON":                   {`{issues}`, "", "no valid JSON at byte 1"},
		"more":                      {report + report, "", "follows"},
		"more that is none":         {report + "canary", "", "no valid JSON"},
		"deep":                      {`{"x":` + strings.Repeat("[", 20_000), "", "no valid JSON"},
		"a long string":             {`{"x":"` + strings.Repeat("x", maxToken+1) + `"}`, "", "larger than 1 MiB"},
		"a long name":               {`{"` + strings.Repeat("x", maxToken+1) + `":1}`, "", "larger than 1 MiB"},
		"a long number":             {`{"x":` + strings.Repeat("1", maxToken+1) + `}`, "", "larger than 1 MiB"},
		"much space":                {`{"x":` + zeros(maxToken+1) + `1}`, "", "larger than 1 MiB"},
		"a bomb":                    {string(zip(t, `{"x":[`+strings.Repeat(`"xxxxxxxxxxxxxxxxxxxx",`, 100_000))), "GZIP", "gzip bomb"},
		"a bomb of space":           {string(zip(t, zeros(2<<20))), "GZIP", "empty"},
		"a bomb in several members": {strings.Repeat(string(zip(t, strings.Repeat(`{"x":[[`, 50_000))), 8), "GZIP", "no valid JSON"},
	} {
		got, err := readReport(&source{from: strings.NewReader(test.text)}, test.compression)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !strings.Contains(got.Unreadable, test.says) || got.Unreadable == "" || strings.Contains(got.Unreadable, "canary") || len(got.Unreadable) > 310 {
			t.Errorf("%s: %q", name, got.Unreadable)
		}
		if len(got.Issues) != 0 || got.Summary != (model.FeedReportSummary{}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestTheNetworksErrorIsNotTheDocuments breaks the connection at every byte.
func TestTheNetworksErrorIsNotTheDocuments(t *testing.T) {
	t.Parallel()
	cut := errors.New("connection reset")
	report := `{"issues":[{"message":"m"}],"summary":{}}`
	for compression, text := range map[string]string{"": report, "GZIP": string(zip(t, report))} {
		for n := range text {
			_, err := readReport(&source{from: io.MultiReader(strings.NewReader(text[:n]), iotest.ErrReader(cut))}, compression)
			if !errors.Is(err, cut) {
				t.Errorf("%q cut at %d: %v", compression, n, err)
			}
		}
	}
}

// TestNoRefusedMessageIsLost fills a report with more issues than are kept.
func TestNoRefusedMessageIsLost(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(`{"issues":[`)
	total := 0
	add := func(id int, severity string) {
		if total > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"messageId":%d,"severity":%q,"message":"m"}`, id, severity)
		total++
	}
	for range maxIssues / 2 {
		add(1, "WARNING")
	}
	for id := range model.MaxFeedMessages {
		add(id+1, "ERROR")
		if id%100 == 0 {
			add(id+1, "ERROR")
			add(id+1, "INFO")
		}
	}
	b.WriteString(`]}`)
	got, err := readReport(&source{from: strings.NewReader(b.String())}, "")
	if err != nil || got.Unreadable != "" {
		t.Fatal(err, got.Unreadable)
	}
	refused := make(map[int]bool)
	for _, issue := range got.Issues {
		if issue.Severity == "ERROR" {
			refused[issue.MessageID] = true
		}
	}
	if len(refused) != model.MaxFeedMessages || len(got.Issues) != maxIssues/2+model.MaxFeedMessages || len(got.Issues)+got.IssuesOmitted != total {
		t.Errorf("%d messages with errors; %d issues kept, %d omitted of %d", len(refused), len(got.Issues), got.IssuesOmitted, total)
	}
}

// endless gives the same byte for ever.
type endless byte

func (e endless) Read(p []byte) (int, error) {
	p[0] = byte(e)
	for n := 1; n < len(p); n *= 2 { // by doubling: the race detector counts bytes
		copy(p[n:], p[:n])
	}
	return len(p), nil
}

func TestBoundsOfADocument(t *testing.T) {
	t.Parallel()
	const buffer = 64 << 10
	for name, test := range map[string]struct {
		from io.Reader
		most int64
	}{
		"as it comes": {&source{from: endless(' ')}, maxDownload},
		// Of so much that came, the ratio would allow more.
		"inflated":  {&inflated{from: endless(' '), raw: &source{read: maxDownload}}, maxReport},
		"its ratio": {&inflated{from: endless(' '), raw: &source{read: 10 << 10}}, max(maxUnmeasured, 10<<10*maxRatio)},
		"one value": {&tokenBound{from: endless('1')}, maxToken},
	} {
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, test.from, make([]byte, buffer))
		var bound unreadable
		if !errors.As(err, &bound) || n > test.most || n < test.most-buffer {
			t.Errorf("%s: %d bytes, then %v; the bound is %d", name, n, err, test.most)
		}
	}
}

// TestTooManyIssues has more messages with errors than a feed has messages.
func TestTooManyIssues(t *testing.T) {
	t.Parallel()
	p := newIssueKeeper(new(model.FeedReport))
	for id := range maxIssues + 10 {
		p.keep(model.FeedIssue{MessageID: id})
	}
	if len(p.report.Issues) != maxIssues || p.report.IssuesOmitted != 10 {
		t.Errorf("%d kept, %d omitted", len(p.report.Issues), p.report.IssuesOmitted)
	}
}

func TestAmazonsExampleReport(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(models.Directory(t), "schemas", "listings-feed-processing-report-schema-v2.example.json"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := readReport(&source{from: bytes.NewReader(text)}, "")
	if err != nil || got.Unreadable != "" {
		t.Fatal(err, got.Unreadable)
	}
	if got.FeedID != "1234567890" || len(got.Issues) != 3 || got.Issues[2] != (model.FeedIssue{
		MessageID: 5, SKU: "My-SKU-C", Code: "99022", Severity: "ERROR", AttributeName: "purchasable_offer.our_price",
		Message: "The field '\"prices\"' for the attribute 'purchasable_offer.our_price' does not have enough values. The required minimum is '1' value(s).",
	}) {
		t.Errorf("%+v", got)
	}
	if got.Summary != (model.FeedReportSummary{Errors: 3, MessagesProcessed: 4, MessagesAccepted: 2, MessagesInvalid: 2}) {
		t.Errorf("%+v", got.Summary)
	}
	if len(got.Shown) != 1 || got.Shown[0] != (model.ShownQuantity{SKU: "My-SKU-B", FulfillmentChannelCode: "DEFAULT", Quantity: 10}) {
		t.Errorf("%+v", got.Shown)
	}
}

func FuzzReadReport(f *testing.F) {
	for _, text := range []string{
		"", "{}", `{"issues":[{"messageId":1,"sku":"S","severity":"ERROR","message":"m"}],"summary":{"errors":1}}`,
		`<AmazonEnvelope>`, xmlReport("<Result><MessageID>1</MessageID><ResultCode>Error</ResultCode></Result>"), `<?xml version="1.0" encoding="latin1"?><a b="c"/>`, "\xef\xbb\xbf{", `{"issues":[[[]]],"summary":[]}`, `{"a":"\ud800","b":1e999}`, "\x1f\x8b\x08",
	} {
		f.Add([]byte(text), false)
		f.Add([]byte(text), true)
		f.Add(zip(f, text), false)
		f.Add(zip(f, text), true)
	}
	f.Fuzz(func(t *testing.T, body []byte, announced bool) {
		read := func(body []byte, announced bool) *model.FeedReport {
			compression := ""
			if announced {
				compression = "GZIP"
			}
			report, err := readReport(&source{from: bytes.NewReader(body)}, compression)
			if err != nil {
				t.Fatalf("an error of a reader that has none: %v", err)
			}
			checkReport(t, report)
			return report
		}
		report := read(body, announced)
		// Only the first bytes count, and plain and compressed are the same document.
		if other := read(body, !announced); !reflect.DeepEqual(report, other) {
			t.Fatalf("announced as GZIP %t: %+v, else %+v", announced, report, other)
		}
		if bytes.HasPrefix(body, []byte(gzipMagic)) || len(body) >= maxUnmeasured {
			return
		}
		if other := read(zip(t, string(body)), announced); !reflect.DeepEqual(report, other) {
			t.Fatalf("plain %+v, compressed %+v", report, other)
		}
	})
}

// checkReport wants texts that can be read, of bounded size, and issues only of a report
// that was read.
func checkReport(t *testing.T, report *model.FeedReport) {
	t.Helper()
	if report.Unreadable != "" && (len(report.Issues) > 0 || !utf8.ValidString(report.Unreadable)) {
		t.Fatalf("%+v", report)
	}
	for _, issue := range report.Issues {
		for _, text := range []string{issue.SKU, issue.Code, issue.Severity, issue.Message, issue.AttributeName} {
			if !utf8.ValidString(text) || len(text) > maxIssueText+len("…") {
				t.Fatalf("%q", text)
			}
		}
		if issue.MessageID < 0 {
			t.Fatalf("%+v", issue)
		}
	}
}

// BenchmarkReadReport reads a report in which each of 25,000 messages has an issue.
func BenchmarkReadReport(b *testing.B) {
	var text bytes.Buffer
	w := gzip.NewWriter(&text)
	fmt.Fprint(w, `{"issues":[`)
	for i := range model.MaxFeedMessages {
		if i > 0 {
			fmt.Fprint(w, ",")
		}
		fmt.Fprintf(w, `{"messageId":%d,"sku":"SKU-%06d","code":"90220","severity":"ERROR","message":"'[batteries_required]' is required but not supplied.","attributeName":"batteries_required"}`, i+1, i)
	}
	fmt.Fprint(w, `],"summary":{"errors":25000}}`)
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		report, err := readReport(&source{from: bytes.NewReader(text.Bytes())}, "GZIP")
		if err != nil || len(report.Issues) != model.MaxFeedMessages {
			b.Fatal(err, len(report.Issues))
		}
	}
}
