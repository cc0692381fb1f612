package stock_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/simulator/stock"
)

const reportsPath = "/reports/2021-06-30/reports"

type shownReport struct{ ProcessingStatus, ReportDocumentID string }

// ask asks for a report of all listings and returns its path.
func (s *seller) ask() string {
	s.T.Helper()
	made := simulatortest.Read[struct{ ReportID string }](s.T, s.Call(http.MethodPost, reportsPath,
		fmt.Sprintf(`{"reportType":%q,"marketplaceIds":[%q]}`, stock.ListingsReport, simulatortest.Germany)), 202)
	return reportsPath + "/" + made.ReportID
}

// TestAReportSaysWhatWas: a quantity of after its beginning is not in it.
func TestAReportSaysWhatWas(t *testing.T) {
	t.Parallel()
	s := sell(t, func(c *simulator.Config) { c.SKUs, c.EveryAmazons = 10, 4 })
	s.create(s.upload(s.quantities("SKU-00001", 41)))
	s.Clock.Advance(time.Minute)
	at := s.ask()
	var seen []string
	for range 4 {
		shown := simulatortest.Read[shownReport](t, s.Call(http.MethodGet, at, ""), 200)
		seen = append(seen, shown.ProcessingStatus)
		if len(seen) == 2 {
			s.create(s.upload(s.quantities("SKU-00001", 42)))
		}
		s.Clock.Advance(15 * time.Second)
	}
	if got := strings.Join(seen, ","); got != "IN_QUEUE,IN_PROGRESS,DONE,DONE" {
		t.Error(got)
	}
	s.Clock.Advance(time.Minute)
	if got := s.quantity("SKU-00001"); got != 42 {
		t.Fatal(got)
	}
	shown := simulatortest.Read[shownReport](t, s.Call(http.MethodGet, at, ""), 200)
	doc := simulatortest.Read[struct{ URL, CompressionAlgorithm string }](t, s.Call(http.MethodGet, "/reports/2021-06-30/documents/"+shown.ReportDocumentID, ""), 200)
	if doc.URL == "" || doc.CompressionAlgorithm != "GZIP" {
		t.Errorf("%+v", doc)
	}
	lines := strings.Split(string(s.download(shown.ReportDocumentID)), "\n")
	if len(lines) != 1+10+1 || !strings.Contains(lines[1], "\tSKU-00001\t9.99\t41\t") || !strings.Contains(lines[4], "\tSKU-00004\t9.99\t\t") || !strings.Contains(lines[4], "\tAMAZON_EU\t") {
		t.Errorf("%d lines:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	if got := s.Call(http.MethodGet, reportsPath+"/1", ""); got.Status != 404 {
		t.Error(got)
	}
}

func TestReportsThatEndOtherwise(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		skus    int
		outcome simulator.FeedOutcome
		want    string
	}{
		"no listings": {0, simulator.FeedOutcome{}, "CANCELLED"},
		"failed":      {3, simulator.FeedOutcome{Status: "FATAL"}, "FATAL"},
		"stuck":       {3, simulator.FeedOutcome{Queued: time.Hour}, "IN_QUEUE"},
		"plain":       {3, simulator.FeedOutcome{Uncompressed: true}, "DONE"},
	} {
		s := sell(t, func(c *simulator.Config) { c.SKUs = test.skus })
		s.script(test.outcome)
		at := s.ask()
		s.Clock.Advance(time.Minute)
		shown := simulatortest.Read[shownReport](t, s.Call(http.MethodGet, at, ""), 200)
		if shown.ProcessingStatus != test.want || (shown.ReportDocumentID != "") != (test.want == "DONE") {
			t.Errorf("%s: %+v", name, shown)
		}
		if test.want == "DONE" && !strings.HasPrefix(string(s.download(shown.ReportDocumentID)), "item-name") {
			t.Errorf("%s: no text", name)
		}
	}
}
