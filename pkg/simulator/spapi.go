package simulator

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Rate is a quota: tokens per second and the bucket's size, as in Amazon's
// usage plans.
type Rate struct {
	PerSecond float64
	Burst     int
}

// operation is one SP-API operation, as the table of package model describes it. That
// the table says what Amazon's models say is tested apart from this simulator.
type operation struct {
	model.Operation
	serve serve
}

// serve answers a request.
type serve func(*spapiRequest) answer

// spapiRequest is an authorized request that is within its quota.
type spapiRequest struct {
	*http.Request
	account     *Account // nil for a grantless operation
	application string   // name of the one that calls
	region      model.Region
	query       url.Values
	elements    map[string]bool // the buyer's data that a restricted token opens
	call        *Call
	action      *Action // the fault that met it, or nil
	now         time.Time
}

// operations lists every operation that is served. Each API's file says which.
func (s *Simulator) operations() []operation {
	served := make(map[string]serve)
	for _, api := range []map[string]serve{
		s.ordersOperations(), s.ordersV0Operations(), s.tokensOperations(),
		s.notificationsOperations(), s.feedsOperations(), s.listingsOperations(),
	} {
		maps.Copy(served, api)
	}
	var all []operation
	for _, row := range model.Operations() {
		if answer, ok := served[row.Name]; ok {
			all = append(all, operation{row, answer})
		}
	}
	return all
}

// SPAPI is the Selling Partner API's endpoint of one region.
func (s *Simulator) SPAPI(region model.Region) http.Handler {
	mux := http.NewServeMux()
	for _, op := range s.operations() {
		mux.HandleFunc(op.Method+" "+op.Path, func(w http.ResponseWriter, r *http.Request) {
			s.serveOperation(w, r, region, &op)
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.serve(w, r, &Call{Part: SPAPI, Parameters: requestParameters(r, nil)}, 0, func(*exchange) answer {
			// What Amazon's gateway says to a path or method that it does not know.
			return spapiError(http.StatusForbidden, "MissingAuthenticationToken", "Access to requested resource is denied.", "")
		})
	})
	return mux
}

func (s *Simulator) serveOperation(w http.ResponseWriter, r *http.Request, region model.Region, op *operation) {
	held, known := s.tokens.lookup(r.Header.Get("x-amz-access-token"))
	query, malformed := url.ParseQuery(r.URL.RawQuery)
	call := &Call{Part: SPAPI, Operation: op.Name, Parameters: requestParameters(r, query)}
	if held.account != nil {
		call.Account = held.account.ID
	}
	s.serve(w, r, call, 0, func(x *exchange) answer {
		if refusal, refused := s.authorize(r, region, op, held, known, x.call.Time); refused {
			return refusal
		}
		seller := ""
		if held.account != nil {
			seller = held.account.ID
		}
		perSecond, within := s.quotas.take(quotaKey{seller, held.application, op.Name}, x.call.Time)
		if !within {
			result := spapiStatus(http.StatusTooManyRequests)
			result.throttled = true
			return result
		}
		if malformed != nil {
			return limited(invalidInput("The query string is malformed: "+malformed.Error()), perSecond)
		}
		s.agenda.run(x.call.Time)
		elements, _ := held.opened(r)
		return limited(op.serve(&spapiRequest{
			Request: r, account: held.account, application: held.application, region: region,
			query: query, elements: elements, call: x.call, action: x.action, now: x.call.Time,
		}), perSecond)
	})
}

// authorize refuses what Amazon's gateway refuses before it counts a call.
func (s *Simulator) authorize(r *http.Request, region model.Region, op *operation, held grant, known bool, now time.Time) (answer, bool) {
	denied := func(details string) (answer, bool) {
		return spapiError(http.StatusForbidden, "Unauthorized", "Access to requested resource is denied.", details), true
	}
	_, fits := held.opened(r)
	agent := r.Header.Get("User-Agent")
	switch {
	case agent == "":
		return spapiError(http.StatusBadRequest, "InvalidInput", "The User-Agent header is missing.", ""), true
	case len(agent) > 500:
		return spapiError(http.StatusBadRequest, "InvalidInput", "The User-Agent header is longer than 500 characters.", ""), true
	case r.Header.Get("x-amz-access-token") == "":
		return denied("Access token is missing in the request header.")
	case !known:
		return denied("The access token you provided is revoked, malformed or invalid.")
	case !now.Before(held.expires):
		return denied("The access token you provided has expired.")
	case (op.Scope != "") != (held.account == nil), op.Scope != "" && string(op.Scope) != held.scope:
		return denied("")
	case held.account != nil && held.account.Region != region:
		return denied("")
	case held.restricted != nil && !(op.Restricted && fits):
		return denied("")
	}
	return answer{}, false
}

// limited adds the header that tells the pair's rate. Amazon sends it on 20x,
// 400 and 404 only.
func limited(result answer, perSecond float64) answer {
	if result.status < 300 || result.status == http.StatusBadRequest || result.status == http.StatusNotFound {
		result.header = map[string]string{"x-amzn-RateLimit-Limit": strconv.FormatFloat(perSecond, 'f', -1, 64)}
	}
	return result
}

// requestParameters are what the ledger keeps of a request's path and query.
func requestParameters(r *http.Request, query url.Values) map[string]string {
	parameters := map[string]string{"method": r.Method, "path": r.URL.Path}
	for name, values := range query {
		parameters[name] = strings.Join(values, ",")
	}
	return parameters
}

// spapiError has the shape of the models' ErrorList.
func spapiError(status int, code, message, details string) answer {
	type fault struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Details string `json:"details"`
	}
	return answer{status: status, contentType: jsonType, code: code, body: mustJSON(struct {
		Errors []fault `json:"errors"`
	}{[]fault{{code, message, details}}})}
}

// invalidInput is a 400.
func invalidInput(message string) answer {
	return spapiError(http.StatusBadRequest, "InvalidInput", message, "")
}

// spapiStatus is Amazon's body for a status that needs no more explanation.
func spapiStatus(status int) answer {
	switch status {
	case http.StatusTooManyRequests:
		return spapiError(status, "QuotaExceeded", "You exceeded your quota for the requested resource.", "")
	case http.StatusServiceUnavailable:
		return spapiError(status, "ServiceUnavailable", "Service is temporarily unavailable. Please try again.", "")
	case http.StatusUnauthorized, http.StatusForbidden:
		return spapiError(status, "Unauthorized", "Access to requested resource is denied.", "")
	case http.StatusNotFound:
		return spapiError(status, "NotFound", "The requested resource was not found.", "")
	case http.StatusBadRequest:
		return spapiError(status, "InvalidInput", "Request has missing or invalid parameters and cannot be parsed.", "")
	}
	return spapiError(status, "InternalFailure", "We encountered an internal error. Please try again.", "")
}

// unknownParameter names a query parameter that is not among the known ones,
// or that is given twice; both are refused.
func unknownParameter(query url.Values, known ...string) (string, bool) {
	for name, values := range query {
		if !slices.Contains(known, name) {
			return fmt.Sprintf("Unknown query parameter: %s.", name), true
		}
		if len(values) > 1 {
			return fmt.Sprintf("Query parameter %s is given more than once; its values are separated by commas.", name), true
		}
	}
	return "", false
}

// quotas are the token buckets: one per selling partner, application and operation.
type quotas struct {
	mu      sync.Mutex
	rates   map[string]Rate
	buckets map[quotaKey]*rate.Limiter
}

// quotaKey names a bucket. seller is our name of the account, "" for grantless calls.
type quotaKey struct {
	seller, application, operation string
}

func newQuotas(operations []operation, overrides map[string]Rate) (*quotas, error) {
	q := &quotas{rates: make(map[string]Rate), buckets: make(map[quotaKey]*rate.Limiter)}
	for _, op := range operations {
		q.rates[op.Name] = Rate{op.Rate, op.Burst}
	}
	for name, r := range overrides {
		if _, known := q.rates[name]; !known {
			return nil, fmt.Errorf("rates: no operation is named %q", name)
		}
		if r.PerSecond < 0 || r.Burst < 0 {
			return nil, fmt.Errorf("rates: %s: a rate cannot be negative", name)
		}
		q.rates[name] = r
	}
	return q, nil
}

// take spends a token at a time, and tells the bucket's rate.
func (q *quotas) take(key quotaKey, now time.Time) (perSecond float64, within bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	bucket := q.bucket(key)
	return float64(bucket.Limit()), bucket.AllowN(now, 1)
}

func (q *quotas) bucket(key quotaKey) *rate.Limiter {
	bucket := q.buckets[key]
	if bucket == nil {
		r := q.rates[key.operation]
		bucket = rate.NewLimiter(rate.Limit(r.PerSecond), r.Burst)
		q.buckets[key] = bucket
	}
	return bucket
}

// SetRate changes the quota of one account and operation from now on. Amazon gives
// no warning either.
func (s *Simulator) SetRate(accountID, operation string, r Rate) error {
	for i := range s.config.Accounts {
		a := &s.config.Accounts[i]
		if a.ID != accountID {
			continue
		}
		s.quotas.mu.Lock()
		defer s.quotas.mu.Unlock()
		if _, known := s.quotas.rates[operation]; !known {
			return fmt.Errorf("no operation is named %q", operation)
		}
		bucket := s.quotas.bucket(quotaKey{a.ID, a.Application, operation})
		bucket.SetLimitAt(s.clock.Now(), rate.Limit(r.PerSecond))
		bucket.SetBurstAt(s.clock.Now(), r.Burst)
		return nil
	}
	return fmt.Errorf("no account is named %q", accountID)
}
