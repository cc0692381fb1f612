package spapi

import (
	"context"
	"slices"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// The operations of the Reports API 2021-06-30. What a report says is read in
// listingsreport.go. All their errors are *model.Error.

// callReports makes the calls of Reports 2021-06-30.
func (s *Seller) callReports(ctx context.Context, request any) (any, Meta, error) {
	switch req := request.(type) {
	case *model.CreateReportRequest:
		return s.CreateReport(ctx, *req)
	case *model.GetReportRequest:
		return s.GetReport(ctx, *req)
	case *model.ReadListingsReportRequest:
		return s.ReadListingsReport(ctx, *req)
	}
	return nil, Meta{}, ErrUnknownRequest
}

// CreateReport asks for a report (createReport; default quota one a minute, burst 15).
func (s *Seller) CreateReport(ctx context.Context, req model.CreateReportRequest) (*model.CreateReportResponse, Meta, error) {
	create := newCall(model.CreateReport)
	create.body = req
	switch {
	case req.ReportType == "":
		return nil, Meta{}, s.invalid(create.Name, "a report needs a type")
	case len(req.MarketplaceIDs) == 0 || len(req.MarketplaceIDs) > 25 || slices.Contains(req.MarketplaceIDs, ""):
		return nil, Meta{}, s.invalid(create.Name, "a report needs 1 to 25 marketplace ids")
	}
	var answer model.CreateReportResponse
	meta, err := s.send(ctx, create, &answer)
	if err != nil {
		return nil, meta, err
	}
	if !identifier(answer.ReportID, maxFeedID) {
		return nil, meta, s.unreadable(create, "the answer's field reportId is no id of Amazon's")
	}
	return &answer, meta, nil
}

// GetReport reads how a report is doing (getReport; default quota 2 a second, burst 15).
func (s *Seller) GetReport(ctx context.Context, req model.GetReportRequest) (*model.Report, Meta, error) {
	if req.ReportID == "" {
		return nil, Meta{}, s.invalid(model.GetReport, "the report id is empty")
	}
	get := newCall(model.GetReport, req.ReportID)
	var answer model.Report
	meta, err := s.send(ctx, get, &answer)
	if err != nil {
		return nil, meta, err
	}
	if !strings.EqualFold(answer.ReportID, req.ReportID) {
		return nil, meta, s.unreadable(get, "the answer is about another report")
	}
	if !identifier(answer.ReportDocumentID, maxDocumentID) {
		answer.ReportDocumentID = ""
	}
	return &answer, meta, nil
}

// ReadListingsReport reads a report of all listings (getReportDocument, default quota one
// a minute, burst 15; then the download). A document that is no such report is an answer
// with Unreadable: to ask again would bring the same. Everything that a repeat could mend
// is an error.
func (s *Seller) ReadListingsReport(ctx context.Context, req model.ReadListingsReportRequest) (*model.ListingsReport, Meta, error) {
	if req.ReportDocumentID == "" {
		return nil, Meta{}, s.invalid(model.GetReportDocument, "the document id is empty")
	}
	get := newCall(model.GetReportDocument, req.ReportDocumentID)
	var answer feedDocument // which has the same fields, except for the id
	meta, err := s.send(ctx, get, &answer)
	if err != nil {
		return nil, meta, err
	}
	if err := answer.check(); err != nil {
		return nil, meta, s.unreadable(get, err.Error())
	}
	var report *model.ListingsReport
	err = s.download(ctx, get, answer, s.client.catalogues, func(raw *source) (err error) {
		report, err = readListings(raw)
		return err
	})
	return report, meta, err
}
