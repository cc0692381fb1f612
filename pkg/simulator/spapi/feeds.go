package spapi

import (
	"errors"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/simulator/exchange"
	"github.com/sellerstream/sellerstream/pkg/simulator/stock"
)

// invalidParameters is the 400 of the Feeds API, which says no more
// (selling-partner-api-models#5186). The reason is for the ledger.
func invalidParameters(reason string) exchange.Answer {
	result := failure(http.StatusBadRequest, "InvalidInput", "Invalid request parameters", "")
	result.Code = "InvalidInput: " + reason
	return result
}

func (a *API) createFeedDocument(r *request) exchange.Answer {
	var body struct {
		ContentType string `json:"contentType"`
	}
	if refusal := decodeBody(r, &body); refusal != nil {
		return *refusal
	}
	if body.ContentType == "" {
		return failure(http.StatusBadRequest, "InvalidInput", "One or more required parameters missing", "contentType;")
	}
	doc := a.Documents.Create(r.account, body.ContentType, r.now)
	r.Call.Parameters["feedDocumentId"] = doc.ID
	return exchange.JSON(http.StatusCreated, struct {
		ID  string `json:"feedDocumentId"`
		URL string `json:"url"`
	}{doc.ID, a.Documents.Presign(r.Request, r.now, http.MethodPut, &doc)})
}

func (a *API) createFeed(r *request) exchange.Answer {
	order := stock.FeedOrder{Now: r.now, Late: r.Action.ApplyLate, Hidden: r.Action.ShowLate}
	if refusal := decodeBody(r, &order); refusal != nil {
		return *refusal
	}
	maps.Copy(r.Call.Parameters, map[string]string{
		"feedType": order.Type, "marketplaceIds": strings.Join(order.Marketplaces, ","), "inputFeedDocumentId": order.Document,
	})
	made, err := a.Stock.Submit(r.account, order)
	var missing stock.MissingError
	switch {
	case errors.Is(err, stock.ErrThrottled):
		return throttled()
	case errors.As(err, &missing):
		return failure(http.StatusBadRequest, "InvalidInput", "One or more required parameters missing", string(missing))
	case err != nil:
		return invalidParameters(err.Error())
	}
	maps.Copy(r.Call.Parameters, map[string]string{
		"feedId": made.FeedID, "sha256": made.SHA256, "messages": strconv.Itoa(made.Messages),
	})
	return exchange.JSON(http.StatusAccepted, struct {
		ID string `json:"feedId"`
	}{made.FeedID})
}

func (a *API) getFeed(r *request) exchange.Answer {
	if q := r.read(); q.err != nil {
		return invalid(q.err)
	}
	r.Call.Parameters["feedId"] = r.PathValue("feedId")
	shown, err := a.Stock.Feed(r.account, r.PathValue("feedId"), r.now)
	if err != nil {
		return status(http.StatusNotFound)
	}
	return exchange.JSON(http.StatusOK, shown)
}

func (a *API) cancelFeed(r *request) exchange.Answer {
	r.Call.Parameters["feedId"] = r.PathValue("feedId")
	switch err := a.Stock.Cancel(r.account, r.PathValue("feedId"), r.now); {
	case errors.Is(err, stock.ErrNotCancelable):
		return failure(http.StatusBadRequest, "InvalidInput", "The feed cannot be cancelled: it is not IN_QUEUE.", "")
	case err != nil:
		return status(http.StatusNotFound)
	}
	return exchange.JSON(http.StatusOK, struct{}{})
}

func (a *API) getFeedDocument(r *request) exchange.Answer {
	if q := r.read("enableContentEncodingUrlHeader"); q.err != nil {
		return invalid(q.err)
	}
	return a.shownDocument(r, "feedDocumentId", r.PathValue("feedDocumentId"))
}
