package spapi

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/simulator/documents"
	"github.com/sellerstream/sellerstream/pkg/simulator/exchange"
)

func (a *API) createReport(r *request) exchange.Answer {
	var body struct {
		Type         string            `json:"reportType"`
		Marketplaces []string          `json:"marketplaceIds"`
		Options      map[string]string `json:"reportOptions"`
		Start        string            `json:"dataStartTime"`
		End          string            `json:"dataEndTime"`
	}
	if refusal := decodeBody(r, &body); refusal != nil {
		return *refusal
	}
	r.Call.Parameters["reportType"], r.Call.Parameters["marketplaceIds"] = body.Type, strings.Join(body.Marketplaces, ",")
	id, err := a.Stock.Request(r.account, body.Type, body.Marketplaces, r.now)
	if err != nil {
		return invalidInput(err.Error())
	}
	r.Call.Parameters["reportId"] = id
	return exchange.JSON(http.StatusAccepted, struct {
		ID string `json:"reportId"`
	}{id})
}

func (a *API) getReport(r *request) exchange.Answer {
	if q := r.read(); q.err != nil {
		return invalid(q.err)
	}
	r.Call.Parameters["reportId"] = r.PathValue("reportId")
	shown, err := a.Stock.Report(r.account, r.PathValue("reportId"), r.now)
	if err != nil {
		return status(http.StatusNotFound)
	}
	return exchange.JSON(http.StatusOK, shown)
}

func (a *API) getReportDocument(r *request) exchange.Answer {
	if q := r.read(); q.err != nil {
		return invalid(q.err)
	}
	return a.shownDocument(r, "reportDocumentId", r.PathValue("reportDocumentId"))
}

// shownDocument answers where a document of Amazon's can be read, under its own name for
// the id.
func (a *API) shownDocument(r *request, name, id string) exchange.Answer {
	r.Call.Parameters[name] = id
	doc, ok := a.Documents.Get(documents.Key{Seller: r.account.Key(), ID: id})
	if !ok || doc.ContentType != "" {
		return status(http.StatusNotFound)
	}
	shown := map[string]string{
		name: id, "url": cmp.Or(r.Action.ReportURL, a.Documents.Presign(r.Request, r.now, http.MethodGet, &doc)),
	}
	if doc.Gzip {
		shown["compressionAlgorithm"] = "GZIP"
	}
	return exchange.JSON(http.StatusOK, shown)
}
