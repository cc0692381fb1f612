package spapi

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/exchange"
	"github.com/sellerstream/sellerstream/pkg/simulator/wire"
	"github.com/sellerstream/sellerstream/pkg/simulator/world"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// ordersOperations is Orders 2026-01-01.
func (a *API) ordersOperations() map[string]serve {
	return map[string]serve{model.GetOrder: a.getOrder, model.SearchOrders: a.searchOrders}
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

func (a *API) getOrder(r *request) exchange.Answer {
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
	order, ok := a.World.Visible(r.account.ID, id, r.now)
	if !ok {
		return failure(http.StatusNotFound, "NotFound", "The requested order was not found.", "")
	}
	return exchange.JSON(http.StatusOK, struct {
		Order world.Order `json:"order"`
	}{order.Only(included)})
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

// orderPage is what a pagination token stands for.
type orderPage struct {
	account string
	query   string // the request that it continues, without what may differ
	search  search
	after   place // that of the last order of the page before
}

func (a *API) searchOrders(r *request) exchange.Answer {
	current, err := a.requestedPage(r)
	if err != nil {
		return invalidInput(err.Error())
	}
	found := current.search.of(a.World, r.account.ID, current.after, r.now)
	end := min(current.search.size, len(found))
	result := searchResult{Orders: make([]world.Order, 0, end)}
	for _, o := range found[:end] {
		result.Orders = append(result.Orders, o.Only(current.search.included))
	}
	bound := wire.Time(current.search.before)
	if current.search.byCreation {
		result.CreatedBefore = &bound
	} else {
		result.LastUpdatedBefore = &bound
	}
	if end < len(found) {
		current.after = current.search.place(&found[end-1])
		result.Pagination = &pagination{NextToken: a.orderPages.open(a.service.IDs.New(), current, r.now)}
	}
	return exchange.JSON(http.StatusOK, result)
}

type searchResult struct {
	Orders            []world.Order `json:"orders"`
	Pagination        *pagination   `json:"pagination,omitempty"`
	LastUpdatedBefore *wire.Time    `json:"lastUpdatedBefore,omitempty"`
	CreatedBefore     *wire.Time    `json:"createdBefore,omitempty"`
}

type pagination struct {
	NextToken string `json:"nextToken"`
}

// requestedPage is the page that a request asks for: the first of a new search,
// or the one that its token stands for.
func (a *API) requestedPage(r *request) (orderPage, error) {
	if complaint, bad := unknownParameter(r.query, "createdAfter", "createdBefore", "lastUpdatedAfter", "lastUpdatedBefore",
		"fulfillmentStatuses", "marketplaceIds", "fulfilledBy", "maxResultsPerPage", "paginationToken", "includedData"); bad {
		return orderPage{}, errors.New(complaint)
	}
	token := r.query.Get("paginationToken")
	rest := maps.Clone(r.query)
	for _, free := range []string{"paginationToken", "maxResultsPerPage", "includedData"} {
		rest.Del(free)
	}
	wanted, err := readSearch(r)
	if err != nil || token == "" {
		return orderPage{account: r.account.ID, query: rest.Encode(), search: wanted}, err
	}
	next, ok := a.orderPages.find(token, r.now)
	if !ok || next.account != r.account.ID {
		return orderPage{}, errors.New("the paginationToken is unknown or has expired")
	}
	if next.query != rest.Encode() {
		return orderPage{}, errors.New("the other parameters differ from those that the paginationToken continues")
	}
	next.search.size, next.search.included = wanted.size, wanted.included
	return next, nil
}

func readSearch(r *request) (search, error) {
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
func (w *search) readWindow(r *request) error {
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

// of lists a seller's orders that match and come after the place of the page
// before, by the time searched for.
func (w *search) of(from *world.World, accountID string, after place, now time.Time) []world.Order {
	found := from.Shown(accountID, now, func(o *world.Order) bool { return w.match(o) && w.place(o).compare(after) > 0 })
	slices.SortStableFunc(found, func(a, b world.Order) int { return w.place(&a).compare(w.place(&b)) })
	return found
}

// place is where an order stands in a search: by time, then by id. An order that
// changes meanwhile moves, and moves no other one.
type place struct {
	time time.Time
	id   string
}

func (p place) compare(q place) int { return cmp.Or(p.time.Compare(q.time), cmp.Compare(p.id, q.id)) }

func (w *search) place(o *world.Order) place { return place{w.timeOf(o), o.OrderID} }

func (w *search) timeOf(o *world.Order) time.Time {
	if w.byCreation {
		return time.Time(o.CreatedTime)
	}
	return time.Time(o.LastUpdatedTime)
}

func (w *search) match(o *world.Order) bool {
	t := w.timeOf(o)
	return !t.Before(w.after) && !t.After(w.before) &&
		among(w.statuses, string(o.Status())) &&
		among(w.marketplaces, o.SalesChannel.MarketplaceID) &&
		among(w.fulfilledBy, o.Fulfillment.FulfilledBy)
}
