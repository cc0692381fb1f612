package simulator

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// ordersOperations is Orders 2026-01-01.
func (s *Simulator) ordersOperations() map[string]serve {
	return map[string]serve{model.GetOrder: s.getOrder, model.SearchOrders: s.searchOrders}
}

// dataSets are the values of includedData in Amazon's model.
func dataSets() []string {
	return []string{
		"BUYER", "RECIPIENT", "PROCEEDS", "EXPENSE", "PROMOTION", "CANCELLATION",
		"FULFILLMENT", "PACKAGES", "TAX", "PAYMENT", "FULFILLMENT_ORDERS",
	}
}

// statuses are the values of fulfillmentStatuses in Amazon's model.
func statuses() []string {
	return []string{
		"PENDING_AVAILABILITY", "PENDING", "UNSHIPPED", "PARTIALLY_SHIPPED", "SHIPPED", "CANCELLED", "UNFULFILLABLE",
	}
}

// orderID is Amazon's 3-7-7 form.
var orderID = regexp.MustCompile(`^[0-9]{3}-[0-9]{7}-[0-9]{7}$`)

func (s *Simulator) getOrder(r *spapiRequest) answer {
	id := r.PathValue("orderId")
	r.call.Parameters["orderId"] = id
	if complaint, bad := unknownParameter(r.query, "includedData"); bad {
		return invalidInput(complaint)
	}
	included, err := valuesOf(r.query, "includedData", dataSets())
	if err != nil {
		return invalidInput(err.Error())
	}
	if !orderID.MatchString(id) {
		return invalidInput("The orderId is not in 3-7-7 format.")
	}
	order, ok := s.World.visible(r.account.ID, id, r.now)
	if !ok {
		return spapiError(http.StatusNotFound, "NotFound", "The requested order was not found.", "")
	}
	return answer{status: http.StatusOK, contentType: jsonType, body: mustJSON(struct {
		Order Order `json:"order"`
	}{order.only(included)})}
}

// valuesOf reads a comma-separated list of known values; nil knows all.
func valuesOf(query url.Values, name string, known []string) (map[string]bool, error) {
	given := make(map[string]bool)
	if !query.Has(name) {
		return given, nil
	}
	for value := range strings.SplitSeq(query.Get(name), ",") {
		if known != nil && !slices.Contains(known, value) {
			return nil, fmt.Errorf("the value %q of %s is not one of %s", value, name, strings.Join(known, ", "))
		}
		given[value] = true
	}
	return given, nil
}

// search is a checked searchOrders request. Times are inclusive.
type search struct {
	byCreation    bool // whether the window is of creation rather than of update
	after, before time.Time
	statuses      map[string]bool
	marketplaces  map[string]bool
	fulfilledBy   map[string]bool
	included      map[string]bool
	size          int
}

// page is what a pagination token stands for.
type page struct {
	account string
	query   string // the request that it continues, without what may differ
	search  search
	after   place // that of the last order of the page before
	expires time.Time
}

// pageLifetime is how long a pagination token lives (Amazon's developer pages).
const pageLifetime = 24 * time.Hour

// pages holds the open pagination tokens.
type pages struct {
	mu   sync.Mutex
	open map[string]page
}

func (s *Simulator) searchOrders(r *spapiRequest) answer {
	current, err := s.requestedPage(r)
	if err != nil {
		return invalidInput(err.Error())
	}
	found := s.World.search(r.account.ID, &current.search, current.after, r.now)
	end := min(current.search.size, len(found))
	result := searchResult{Orders: make([]Order, 0, end)}
	for _, o := range found[:end] {
		result.Orders = append(result.Orders, o.only(current.search.included))
	}
	bound := timestamp(current.search.before)
	if current.search.byCreation {
		result.CreatedBefore = &bound
	} else {
		result.LastUpdatedBefore = &bound
	}
	if end < len(found) {
		current.after = current.search.place(&found[end-1])
		current.expires = r.now.Add(pageLifetime)
		result.Pagination = &pagination{NextToken: s.openPage(current, r.now)}
	}
	return answer{status: http.StatusOK, contentType: jsonType, body: mustJSON(result)}
}

type searchResult struct {
	Orders            []Order     `json:"orders"`
	Pagination        *pagination `json:"pagination,omitempty"`
	LastUpdatedBefore *timestamp  `json:"lastUpdatedBefore,omitempty"`
	CreatedBefore     *timestamp  `json:"createdBefore,omitempty"`
}

type pagination struct {
	NextToken string `json:"nextToken"`
}

func (s *Simulator) openPage(p page, now time.Time) string {
	token := s.newID()
	s.pages.mu.Lock()
	defer s.pages.mu.Unlock()
	maps.DeleteFunc(s.pages.open, func(_ string, old page) bool { return !now.Before(old.expires) })
	s.pages.open[token] = p
	return token
}

// requestedPage is the page that a request asks for: the first of a new search,
// or the one that its token stands for.
func (s *Simulator) requestedPage(r *spapiRequest) (page, error) {
	if complaint, bad := unknownParameter(r.query, "createdAfter", "createdBefore", "lastUpdatedAfter", "lastUpdatedBefore",
		"fulfillmentStatuses", "marketplaceIds", "fulfilledBy", "maxResultsPerPage", "paginationToken", "includedData"); bad {
		return page{}, errors.New(complaint)
	}
	token := r.query.Get("paginationToken")
	rest := maps.Clone(r.query)
	for _, free := range []string{"paginationToken", "maxResultsPerPage", "includedData"} {
		rest.Del(free)
	}
	wanted, err := readSearch(r)
	if err != nil || token == "" {
		return page{account: r.account.ID, query: rest.Encode(), search: wanted}, err
	}
	s.pages.mu.Lock()
	defer s.pages.mu.Unlock()
	next, ok := s.pages.open[token]
	if !ok || next.account != r.account.ID || !r.now.Before(next.expires) {
		return page{}, errors.New("the paginationToken is unknown or has expired")
	}
	if next.query != rest.Encode() {
		return page{}, errors.New("the other parameters differ from those that the paginationToken continues")
	}
	next.search.size, next.search.included = wanted.size, wanted.included
	return next, nil
}

func readSearch(r *spapiRequest) (search, error) {
	wanted := search{size: 100}
	err := wanted.readWindow(r)
	if err != nil {
		return search{}, err
	}
	if wanted.statuses, err = valuesOf(r.query, "fulfillmentStatuses", statuses()); err != nil {
		return search{}, err
	}
	if wanted.marketplaces, err = valuesOf(r.query, "marketplaceIds", nil); err != nil {
		return search{}, err
	}
	if len(wanted.marketplaces) > 50 {
		return search{}, errors.New("marketplaceIds has more than 50 values")
	}
	if wanted.fulfilledBy, err = valuesOf(r.query, "fulfilledBy", []string{"MERCHANT", "AMAZON"}); err != nil {
		return search{}, err
	}
	if wanted.included, err = valuesOf(r.query, "includedData", dataSets()); err != nil {
		return search{}, err
	}
	if given := r.query.Get("maxResultsPerPage"); given != "" {
		wanted.size, err = strconv.Atoi(given)
		if err != nil || wanted.size < 1 || wanted.size > 100 {
			return search{}, errors.New("maxResultsPerPage must be between 1 and 100")
		}
	}
	return wanted, nil
}

// readWindow reads the window of time: exactly one of createdAfter and
// lastUpdatedAfter, with a *Before of the same kind at least two minutes ago.
func (w *search) readWindow(r *spapiRequest) error {
	q := r.query
	w.byCreation = q.Has("createdAfter")
	after, before, other := "lastUpdatedAfter", "lastUpdatedBefore", "createdBefore"
	if w.byCreation {
		after, before, other = "createdAfter", "createdBefore", "lastUpdatedBefore"
	}
	if q.Has("createdAfter") == q.Has("lastUpdatedAfter") || q.Has(other) {
		return errors.New("exactly one of createdAfter and lastUpdatedAfter must be given, with a *Before of the same kind if any")
	}
	var err error
	if w.after, err = readTime(q, after); err != nil {
		return err
	}
	// Without an end the search ends two minutes ago too, so that pages are stable.
	latest := r.now.Add(-2 * time.Minute)
	w.before = latest
	if q.Has(before) {
		if w.before, err = readTime(q, before); err != nil {
			return err
		}
		if w.before.After(latest) {
			return fmt.Errorf("%s must be at least two minutes before the time of the request", before)
		}
		if w.before.Before(w.after) {
			return fmt.Errorf("%s must not be before %s", before, after)
		}
	}
	return nil
}

func readTime(q url.Values, name string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, q.Get(name))
	if err != nil {
		return time.Time{}, fmt.Errorf("%s is not an ISO 8601 date and time", name)
	}
	return t, nil
}
