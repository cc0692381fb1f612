package model

import "time"

// ListingsReportType is the report of all listings of a seller, which a ListingsReport
// is read from.
const ListingsReportType = "GET_MERCHANT_LISTINGS_ALL_DATA"

// Values of Report.ProcessingStatus. Others may come.
const (
	ReportInQueue    = "IN_QUEUE"
	ReportInProgress = "IN_PROGRESS"
	ReportDone       = "DONE"
	ReportCancelled  = "CANCELLED" // somebody cancelled it, or there is nothing to report
	ReportFatal      = "FATAL"     // Amazon gives no reason
)

// CreateReportRequest is createReport's body. A repeat makes a second report, which
// changes nothing.
type CreateReportRequest struct {
	ReportType     string   `json:"reportType"`
	MarketplaceIDs []string `json:"marketplaceIds"`
	// ReportOptions depend on the type, such as preferredReportDocumentLocale.
	ReportOptions map[string]string `json:"reportOptions,omitempty"`
}

// CreateReportResponse is createReport's answer.
type CreateReportResponse struct {
	ReportID string `json:"reportId" answer:"required,max=100"`
}

// GetReportRequest asks how a report is doing.
type GetReportRequest struct{ ReportID string }

// Report is a report as getReport shows it.
type Report struct {
	ReportID         string    `json:"reportId" answer:"required,max=100"`
	ReportType       string    `json:"reportType" answer:"max=100"`
	CreatedTime      time.Time `json:"createdTime"`
	ProcessingStatus string    `json:"processingStatus" answer:"required,max=100"`
	ReportDocumentID string    `json:"reportDocumentId" answer:"max=500"` // "" until there is a document
}

// ReadListingsReportRequest reads the document of a report of the type
// ListingsReportType (getReportDocument, whose quota it spends, then the download).
type ReadListingsReportRequest struct {
	ReportDocumentID string // Report.ReportDocumentID
}

// ListingsReport is what this project uses of a seller's listings.
type ListingsReport struct {
	Rows    []ListingsRow // in the order of their SKUs; a SKU can have several
	Omitted int           // rows that could not be read, such as one with too few columns
	// Missing are the columns that the report does not have, by Amazon's English names.
	Missing []string
	// Unreadable is why the document is no such report; "" for one that was read. A fault
	// that a repeat could mend is an error of the call instead.
	Unreadable string
}

// NoQuantity is the quantity of a row that has none: Amazon gives none of what it
// fulfils itself.
const NoQuantity = -1

// ListingsRow is one listing. Texts that are in many rows are in memory once.
type ListingsRow struct {
	SKU      string
	Channel  string // fulfillment channel, such as DEFAULT or AMAZON_EU; "" where it is not known
	Status   string // such as Active, in the seller's language
	Quantity int32
}
