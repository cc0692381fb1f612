package simulator

import (
	"bytes"
	"compress/gzip"
	"encoding/xml"
	"errors"
	"fmt"
	"time"
)

// feedReport is what a feed's processing report tells
// (listings-feed-processing-report-schema-v2).
type feedReport struct {
	seller, feed       string
	issues             []reportIssue
	errors, warnings   int
	processed, invalid int
}

type reportIssue struct {
	MessageID int    `json:"messageId,omitempty"`
	SKU       string `json:"sku,omitempty"`
	Code      string `json:"code,omitempty"`
	Severity  string `json:"severity"`
	Message   string `json:"message"`
	Attribute string `json:"attributeName,omitempty"`
}

// add reports an issue of a message; of the feed as a whole when it has no id.
func (r *feedReport) add(m feedMessage, i issue) {
	if i.severity == "ERROR" {
		r.errors++
	} else {
		r.warnings++
	}
	r.issues = append(r.issues, reportIssue{m.id, m.sku, i.code, i.severity, i.message, i.attribute})
}

// issueOf is the issue that an error of this package says.
func issueOf(err error) issue {
	var refusal *fault
	if errors.As(err, &refusal) {
		return refusal.issue
	}
	return issue{code: "BAD_REQUEST", severity: "ERROR", message: err.Error()}
}

func (r *feedReport) json() []byte {
	type header struct {
		Seller  string `json:"sellerId"`
		Version string `json:"version"`
		Feed    string `json:"feedId"`
	}
	type summary struct {
		Errors    int `json:"errors"`
		Warnings  int `json:"warnings"`
		Processed int `json:"messagesProcessed"`
		Accepted  int `json:"messagesAccepted"`
		Invalid   int `json:"messagesInvalid"`
	}
	return mustJSON(struct {
		Header  header        `json:"header"`
		Issues  []reportIssue `json:"issues"`
		Summary summary       `json:"summary"`
	}{
		header{r.seller, feedVersion, r.feed}, append([]reportIssue{}, r.issues...),
		summary{r.errors, r.warnings, r.processed, r.processed - r.invalid, r.invalid},
	})
}

// xml is the report of feeds in XML, which some old feeds still get.
func (r *feedReport) xml() []byte {
	return fmt.Appendf(nil, xml.Header+`<AmazonEnvelope><Header><DocumentVersion>1.02</DocumentVersion></Header>`+
		`<MessageType>ProcessingReport</MessageType><Message><MessageID>1</MessageID><ProcessingReport>`+
		`<DocumentTransactionID>%s</DocumentTransactionID><StatusCode>Complete</StatusCode><ProcessingSummary>`+
		`<MessagesProcessed>%d</MessagesProcessed><MessagesSuccessful>%d</MessagesSuccessful>`+
		`<MessagesWithError>%d</MessagesWithError><MessagesWithWarning>%d</MessagesWithWarning>`+
		`</ProcessingSummary></ProcessingReport></Message></AmazonEnvelope>`,
		r.feed, r.processed, r.processed-r.invalid, r.invalid, r.warnings)
}

// storeReport makes a document of a report, and returns its id.
func (s *Simulator) storeReport(f *feed, r *feedReport, now time.Time) string {
	doc := &document{
		documentKey: documentKey{f.account.key(), s.newDocumentID(f.account)}, account: f.account.ID,
		created: now, uploaded: true, gzip: !f.outcome.Uncompressed,
	}
	doc.body = r.json()
	if f.outcome.XMLReport {
		doc.body = r.xml()
	}
	if doc.gzip {
		doc.body = compress(doc.body)
	}
	s.documents.put(doc)
	return doc.id
}

// compress is gzip.
func compress(body []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(body) // a buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

// bomb is a small document that inflates to at least so many bytes of spaces,
// which JSON allows anywhere: a thousand times its size.
func bomb(inflated int64) []byte {
	const piece = 1 << 20
	member := compress(bytes.Repeat([]byte(" "), piece))
	return bytes.Repeat(member, int((inflated+piece-1)/piece))
}
