package spapi

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

func TestReportCalls(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	came := f.record(http.StatusAccepted, `{"reportId":"ID323"}`)
	made, _, err := f.seller(t, nil).CreateReport(t.Context(), model.CreateReportRequest{ReportType: model.ListingsReportType, MarketplaceIDs: []string{"M1", "M2"}})
	if err != nil || made.ReportID != "ID323" {
		t.Fatal(made, err)
	}
	if got := (*came)[0]; got.method+" "+got.target+" "+got.body != `POST /reports/2021-06-30/reports {"reportType":"GET_MERCHANT_LISTINGS_ALL_DATA","marketplaceIds":["M1","M2"]}` {
		t.Errorf("%+v", got)
	}
	came = f.record(http.StatusOK, `{"reportId":"ID323","reportType":"GET_MERCHANT_LISTINGS_ALL_DATA","createdTime":"2026-11-01T10:00:00Z","processingStatus":"DONE","reportDocumentId":"d"}`)
	shown, _, err := f.seller(t, nil).GetReport(t.Context(), model.GetReportRequest{ReportID: "ID323"})
	if err != nil || shown.ProcessingStatus != model.ReportDone || shown.ReportDocumentID != "d" || shown.CreatedTime.IsZero() {
		t.Fatal(shown, err)
	}
	if got := (*came)[0]; got.target != "/reports/2021-06-30/reports/ID323" {
		t.Errorf("%+v", got)
	}
	_, _, err = f.seller(t, nil).GetReport(t.Context(), model.GetReportRequest{ReportID: "other"})
	wantError(t, err, model.GetReport, model.Malformed)
}

func TestReportCallsThatAreNotMade(t *testing.T) {
	t.Parallel()
	s := newFake(t).seller(t, nil)
	for _, req := range []model.CreateReportRequest{
		{MarketplaceIDs: []string{"M"}}, {ReportType: "T"}, {ReportType: "T", MarketplaceIDs: []string{""}}, {ReportType: "T", MarketplaceIDs: make([]string, 26)},
	} {
		_, _, err := s.CreateReport(t.Context(), req)
		wantError(t, err, model.CreateReport, model.Invalid)
	}
	_, _, err := s.GetReport(t.Context(), model.GetReportRequest{})
	wantError(t, err, model.GetReport, model.Invalid)
	_, _, err = s.ReadListingsReport(t.Context(), model.ReadListingsReportRequest{})
	wantError(t, err, model.GetReportDocument, model.Invalid)
}

func TestListingsAreDownloaded(t *testing.T) {
	t.Parallel()
	s := newStorage(t)
	s.serve = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain;charset=ISO-8859-1")
		fmt.Fprint(w, string(zip(t, "seller-sku\tquantity\nGr\xfcn\t3\n")))
	}
	report, _, err := s.seller(t, nil).ReadListingsReport(t.Context(), model.ReadListingsReportRequest{ReportDocumentID: "d"})
	if err != nil || len(report.Rows) != 1 || report.Rows[0] != (model.ListingsRow{SKU: "Grün", Quantity: 3}) {
		t.Errorf("%+v, %v", report, err)
	}
}
