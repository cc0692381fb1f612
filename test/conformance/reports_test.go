package conformance_test

import (
	"cmp"
	"context"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// reportCalls are a part of calls.
func reportCalls() map[string]func(context.Context, client, map[string]string) (any, error) {
	return map[string]func(context.Context, client, map[string]string) (any, error){
		model.CreateReport: func(ctx context.Context, c client, _ map[string]string) (any, error) {
			answer, _, err := c.seller.CreateReport(ctx, model.CreateReportRequest{
				ReportType: model.ListingsReportType, MarketplaceIDs: []string{"A1PA6795UKMFR9", "ATVPDKIKX0DER"},
			})
			return answer, err
		},
		model.GetReport: func(ctx context.Context, c client, with map[string]string) (any, error) {
			answer, _, err := c.seller.GetReport(ctx, model.GetReportRequest{ReportID: cmp.Or(with["reportId"], aSKU)})
			return answer, err
		},
		model.GetReportDocument: func(ctx context.Context, c client, with map[string]string) (any, error) {
			_, _, err := c.seller.ReadListingsReport(ctx, model.ReadListingsReportRequest{ReportDocumentID: cmp.Or(with["reportDocumentId"], aSKU)})
			return nil, err
		},
	}
}

// readListings takes a report through its life, which is over as soon as somebody asks.
func readListings(t *testing.T, s *simulated) {
	t.Helper()
	ctx := t.Context()
	s.Faults.Clear() // of what was processed before
	made, _, err := s.seller.CreateReport(ctx, model.CreateReportRequest{ReportType: model.ListingsReportType, MarketplaceIDs: []string{simulatortest.Germany}})
	if err != nil {
		t.Fatal(err)
	}
	shown, _, err := s.seller.GetReport(ctx, model.GetReportRequest{ReportID: made.ReportID})
	if err != nil || shown.ProcessingStatus != model.ReportDone || shown.ReportDocumentID == "" {
		t.Fatalf("%+v, %v", shown, err)
	}
	listings, _, err := s.seller.ReadListingsReport(ctx, model.ReadListingsReportRequest{ReportDocumentID: shown.ReportDocumentID})
	if err != nil || len(listings.Rows) == 0 || len(listings.Missing) > 0 || listings.Omitted > 0 {
		t.Errorf("%+v, %v", listings, err)
	}
	_, _, err = s.seller.GetReport(ctx, model.GetReportRequest{ReportID: "gone"})
	wantClass(t, "an unknown report", err, model.NotFound)
	_, _, err = s.seller.CreateReport(ctx, model.CreateReportRequest{ReportType: "GET_NOTHING", MarketplaceIDs: []string{simulatortest.Germany}})
	wantClass(t, "an unknown type", err, model.Invalid)
}
