package stock

import (
	"encoding/xml"
	"fmt"

	"github.com/sellerstream/sellerstream/pkg/simulator/wire"
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
func (r *feedReport) add(m feedMessage, i Issue) {
	if i.Severity == "ERROR" {
		r.errors++
	} else {
		r.warnings++
	}
	r.issues = append(r.issues, reportIssue{m.id, m.sku, i.Code, i.Severity, i.Message, i.Attribute})
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
	return wire.JSON(struct {
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
func (s *Stock) storeReport(f *feed, r *feedReport) string {
	body := r.json()
	if f.outcome.XMLReport {
		body = r.xml()
	}
	if !f.outcome.Uncompressed {
		body = wire.Gzip(body)
	}
	return s.documents.Report(f.account, body, !f.outcome.Uncompressed)
}
