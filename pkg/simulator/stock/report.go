package stock

import (
	"encoding/xml"

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
	Items []reportItem `json:"items,omitempty"`
}

// reportItem is what a listing shows when the feed ends.
type reportItem struct {
	SKU          string              `json:"sku"`
	Availability []shownAvailability `json:"fulfillmentAvailability"`
}

type shownAvailability struct {
	Channel  string `json:"fulfillmentChannelCode"`
	Quantity int    `json:"quantity"`
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

// xml is the report of feeds in XML, such as those about orders.
func (r *feedReport) xml() []byte {
	var report struct {
		XMLName xml.Name `xml:"AmazonEnvelope"`
		Version string   `xml:"Header>DocumentVersion"`
		Seller  string   `xml:"Header>MerchantIdentifier"`
		Type    string   `xml:"MessageType"`
		Message struct {
			ID        int         `xml:"MessageID"`
			Feed      string      `xml:"ProcessingReport>DocumentTransactionID"`
			Status    string      `xml:"ProcessingReport>StatusCode"`
			Processed int         `xml:"ProcessingReport>ProcessingSummary>MessagesProcessed"`
			Accepted  int         `xml:"ProcessingReport>ProcessingSummary>MessagesSuccessful"`
			Invalid   int         `xml:"ProcessingReport>ProcessingSummary>MessagesWithError"`
			Warnings  int         `xml:"ProcessingReport>ProcessingSummary>MessagesWithWarning"`
			Results   []xmlResult `xml:"ProcessingReport>Result"`
		} `xml:"Message"`
	}
	report.Version, report.Seller, report.Type = "1.02", r.Header.Seller, "ProcessingReport"
	m := &report.Message
	m.ID, m.Feed, m.Status = 1, r.Header.Feed, "Complete"
	m.Processed, m.Accepted, m.Invalid, m.Warnings = r.Summary.Processed, r.Summary.Accepted, r.Summary.Invalid, r.Summary.Warnings
	for _, i := range r.Issues {
		severity := "Error"
		if i.Severity != "ERROR" {
			severity = "Warning"
		}
		m.Results = append(m.Results, xmlResult{i.MessageID, severity, i.Code, i.Message, i.SKU})
	}
	text, err := xml.Marshal(report)
	if err != nil {
		panic("stock: a report that cannot be marshalled: " + err.Error()) // plain data: a bug
	}
	return append([]byte(xml.Header), text...)
}

type xmlResult struct {
	MessageID int    `xml:"MessageID"`
	Severity  string `xml:"ResultCode"`
	Code      string `xml:"ResultMessageCode"`
	Message   string `xml:"ResultDescription"`
	SKU       string `xml:"AdditionalInfo>SKU,omitempty"`
}

// storeReport makes a document of a report, and returns its id.
func (s *Stock) storeReport(f *feed, r *feedReport) string {
	body := wire.JSON(r)
	if f.outcome.XMLReport || orderFeeds()[f.FeedType] != "" {
		body = r.xml()
	}
	if !f.outcome.Uncompressed {
		body = wire.Gzip(body)
	}
	return s.documents.Report(f.account, body, !f.outcome.Uncompressed)
}
