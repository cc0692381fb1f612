package spapi

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"golang.org/x/time/rate"

	"github.com/sellerstream/sellerstream/pkg/simulator/exchange"
	"github.com/sellerstream/sellerstream/pkg/simulator/ledger"
	"github.com/sellerstream/sellerstream/pkg/simulator/lwa"
	"github.com/sellerstream/sellerstream/pkg/spapi/carriers"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// New makes an API whose quotas are full.
func New(desk *exchange.Desk, on Amazon, c Config) (*API, error) {
	a := &API{
		service: exchange.Service{Desk: desk, Part: ledger.SPAPI, Fail: status},
		Amazon:  on, config: c, carriers: make(map[string]bool),
	}
	for _, carrier := range carriers.List() {
		a.carriers[carrier.Code] = true
	}
	var err error
	a.quotas, err = newQuotas(a.operations(), c.Rates, c.ApplicationRates)
	return a, err
}

// operations lists every operation that is served.
func (a *API) operations() []operation {
	served := map[string]serve{
		// Orders 2026-01-01.
		model.GetOrder: a.getOrder, model.SearchOrders: a.searchOrders,
		// Orders v0, which is deprecated but there, as far as it is called.
		model.GetOrderV0: a.getOrderV0, model.GetOrderItemsV0: a.getOrderItemsV0, model.ConfirmShipment: a.confirmShipment,
		getOrders: a.getOrdersV0, getOrderAddress: a.getOrderAddressV0, getOrderBuyerInfo: a.getOrderBuyerInfoV0,
		// Tokens 2021-03-01.
		model.CreateRestrictedDataToken: a.createRestrictedDataToken,
		// Notifications v1.
		model.GetDestinations: a.getDestinations, model.CreateDestination: a.createDestination,
		model.GetDestination: a.getDestination, model.DeleteDestination: a.deleteDestination,
		model.GetSubscriptions: a.getSubscriptions, model.GetSubscription: a.getSubscription, model.CreateSubscription: a.createSubscription,
		model.GetSubscriptionByID: a.getSubscriptionByID, model.DeleteSubscriptionByID: a.deleteSubscriptionByID,
		sendTestNotification: a.sendTestNotification,
		// Feeds 2021-06-30.
		model.CreateFeedDocument: a.createFeedDocument, model.GetFeedDocument: a.getFeedDocument, model.CreateFeed: a.createFeed,
		model.GetFeeds: a.getFeeds, model.GetFeed: a.getFeed, model.CancelFeed: a.cancelFeed,
		// The part of Listings Items 2021-08-01 that sets and reads quantities.
		model.PatchListingsItem: a.patchListingsItem, putListingsItem: a.putListingsItem, model.GetListingsItem: a.getListingsItem,
		model.SearchListingsItems: a.searchListingsItems,
		// The part of Reports 2021-06-30 that makes and reads a report of all listings.
		model.CreateReport: a.createReport, model.GetReport: a.getReport, model.GetReportDocument: a.getReportDocument,
	}
	var all []operation
	for _, row := range slices.Concat(model.Operations(), foreign()) {
		if answer, ok := served[row.Name]; ok {
			all = append(all, operation{row, answer})
		}
	}
	return all
}

// Handler is the endpoint of one region.
func (a *API) Handler(region model.Region) http.Handler {
	mux := http.NewServeMux()
	for _, op := range a.operations() {
		mux.HandleFunc(op.Method+" "+op.Path, func(w http.ResponseWriter, r *http.Request) {
			a.serveOperation(w, r, region, &op)
		})
	}
	for _, pattern := range unplayed() {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			a.answer(w, r, failure(http.StatusNotImplemented, "NotImplemented", "Amazon has this API; the simulator does not play "+r.Method+" "+r.URL.Path+".", ""))
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		// What Amazon's gateway says to a path or method that it does not know.
		a.answer(w, r, failure(http.StatusForbidden, "MissingAuthenticationToken", "Access to requested resource is denied.", ""))
	})
	return mux
}

// answer answers a call of no operation that is served.
func (a *API) answer(w http.ResponseWriter, r *http.Request, result exchange.Answer) {
	call := &ledger.Call{Parameters: exchange.Parameters(r, nil)}
	a.service.Serve(w, r, call, func(*exchange.Exchange) exchange.Answer { return result })
}

func (a *API) serveOperation(w http.ResponseWriter, r *http.Request, region model.Region, op *operation) {
	held, known := a.Tokens.Lookup(r.Header.Get("x-amz-access-token"))
	query, malformed := url.ParseQuery(r.URL.RawQuery)
	call := &ledger.Call{Operation: op.Name, Parameters: exchange.Parameters(r, query)}
	if held.Account != nil {
		call.Account = held.Account.ID
	}
	a.service.Serve(w, r, call, func(x *exchange.Exchange) exchange.Answer {
		if refusal, refused := a.authorize(r, region, op, held, known, x.Call.Time); refused {
			return refusal
		}
		seller := ""
		if held.Account != nil {
			seller = held.Account.ID
		}
		perSecond, within := a.quotas.take(quotaKey{seller: seller, application: held.Application, operation: op.Name}, x.Call.Time)
		if !within {
			return throttled()
		}
		if !a.quotas.takeShared(held.Application, op.Name, region, x.Call.Time) {
			return throttledTogether()
		}
		if malformed != nil {
			return limited(invalidInput("The query string is malformed: "+malformed.Error()), perSecond)
		}
		a.Agenda.Run(x.Call.Time)
		elements, _ := held.Opened(r)
		return limited(op.serve(&request{
			Request: r, Exchange: x, account: held.Account, application: held.Application, region: region,
			query: query, elements: elements, now: x.Call.Time, lenient: a.config.Lenient,
		}), perSecond)
	})
}

// authorize refuses what Amazon's gateway refuses before it counts a call.
func (a *API) authorize(r *http.Request, region model.Region, op *operation, held lwa.Grant, known bool, now time.Time) (exchange.Answer, bool) {
	denied := func(details string) (exchange.Answer, bool) {
		return failure(http.StatusForbidden, "Unauthorized", "Access to requested resource is denied.", details), true
	}
	_, fits := held.Opened(r)
	agent := r.Header.Get("User-Agent")
	switch {
	case agent == "":
		return failure(http.StatusBadRequest, "InvalidInput", "The User-Agent header is missing.", ""), true
	case len(agent) > 500:
		return failure(http.StatusBadRequest, "InvalidInput", "The User-Agent header is longer than 500 characters.", ""), true
	case r.Header.Get("x-amz-access-token") == "":
		return denied("Access token is missing in the request header.")
	case !known:
		return denied("The access token you provided is revoked, malformed or invalid.")
	case !now.Before(held.Expires):
		return denied("The access token you provided has expired.")
	case (op.Scope != "") != (held.Account == nil), op.Scope != "" && string(op.Scope) != held.Scope:
		return denied("")
	case held.Account != nil && held.Account.Region != region:
		return denied("")
	case held.Restricted != nil && !(op.Restricted && fits):
		return denied("")
	}
	return exchange.Answer{}, false
}

// limited adds the header that tells the pair's rate. Amazon sends it on 20x,
// 400 and 404 only.
func limited(result exchange.Answer, perSecond float64) exchange.Answer {
	if result.Status < 300 || result.Status == http.StatusBadRequest || result.Status == http.StatusNotFound {
		result.Header = map[string]string{"x-amzn-RateLimit-Limit": strconv.FormatFloat(perSecond, 'f', -1, 64)}
	}
	return result
}

// SetRate changes the quota of one account and operation from now on. Amazon gives
// no warning either.
func (a *API) SetRate(accountID, operation string, r Rate) error {
	account, err := a.World.Account(accountID)
	if err != nil {
		return err
	}
	a.quotas.mu.Lock()
	defer a.quotas.mu.Unlock()
	if _, known := a.quotas.rates[operation]; !known {
		return fmt.Errorf("no operation is named %q", operation)
	}
	bucket, now := a.quotas.bucket(quotaKey{seller: accountID, application: account.Application, operation: operation}), a.service.Clock.Now()
	bucket.SetLimitAt(now, rate.Limit(r.PerSecond))
	bucket.SetBurstAt(now, r.Burst)
	return nil
}
