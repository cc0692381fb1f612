package stock

import (
	"encoding/xml"
	"fmt"

	"github.com/sellerstream/sellerstream/pkg/simulator/wire"
)

// feedReport is what a feed's processing report tells
// (listings-feed-processing-report-schema-v2).
type feedReport struct {
	Header struct {
		Seller  string `json:"sellerId"`
		Version string `json:"version"`
		Feed    string `json:"feedId"`
	} `json:"header"`
	Issues  []reportIssue `json:"issues"`
	Summary struct {
		Errors    int `json:"errors"`
		Warnings  int `json:"warnings"`
		Processed int `json:"messagesProcessed"`
		Accepted  int `json:"messagesAccepted"`
		Invalid   int `json:"messagesInvalid"`
	} `json:"summary"`
}

func newReport(feed string) *feedReport {
	r := &feedReport{Issues: []reportIssue{}}
	r.Header.Version, r.Header.Feed = feedVersion, feed
	return r
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
		r.Summary.Errors++
	} else {
		r.Summary.Warnings++
	}
	r.Issues = append(r.Issues, reportIssue{m.id, m.sku, i.Code, i.Severity, i.Message, i.Attribute})
}

// xml is the report of feeds in XML, which some old feeds still get.
func (r *feedReport) xml() []byte {
	return fmt.Appendf(nil, xml.Header+`<AmazonEnvelope><Header><DocumentVersion>1.02</DocumentVersion></Header>`+
		`<MessageType>ProcessingReport</MessageType><Message><MessageID>1</MessageID><ProcessingReport>`+
		`<DocumentTransactionID>%s</DocumentTransactionID><StatusCode>Complete</StatusCode><ProcessingSummary>`+
		`<MessagesProcessed>%d</MessagesProcessed><MessagesSuccessful>%d</MessagesSuccessful>`+
		`<MessagesWithError>%d</MessagesWithError><MessagesWithWarning>%d</MessagesWithWarning>`+
		`</ProcessingSummary></ProcessingReport></Message></AmazonEnvelope>`,
		r.Header.Feed, r.Summary.Processed, r.Summary.Accepted, r.Summary.Invalid, r.Summary.Warnings)
}

// storeReport makes a document of a report, and returns its id.
func (s *Stock) storeReport(f *feed, r *feedReport) string {
	body := wire.JSON(r)
	if f.outcome.XMLReport {
		body = r.xml()
	}
	if !f.outcome.Uncompressed {
		body = wire.Gzip(body)
	}
	return s.documents.Report(f.account, body, !f.outcome.Uncompressed)
}
