package spapi

import (
	"cmp"
	"errors"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/exchange"
	"github.com/sellerstream/sellerstream/pkg/simulator/wire"
	"github.com/sellerstream/sellerstream/pkg/simulator/world"
)

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
	r.Call.Parameters["orderId"] = id
	q := r.read("includedData")
	included := q.values("includedData", len(dataSets()), dataSets())
	q.check(orderID.MatchString(id), "The orderId is not in 3-7-7 format.")
	if q.err != nil {
		return invalid(q.err)
	}
	order, ok := a.World.Visible(r.account.ID, id, r.now)
	if !ok {
		return failure(http.StatusNotFound, "NotFound", "The requested order was not found.", "")
	}
	return exchange.JSON(http.StatusOK, struct {
		Order world.Order `json:"order"`
	}{order.Only(included)})
}

func (a *API) searchOrders(r *request) exchange.Answer {
	current, err := a.requestedPage(r)
	if err != nil {
		return invalid(err)
	}
	found, token := a.orderPage(r, current)
	result := searchResult{Orders: make([]world.Order, 0, len(found))}
	for _, o := range found {
		result.Orders = append(result.Orders, o.Only(current.search.included))
	}
	bound := wire.Time(current.search.before)
	if current.search.byCreation {
		result.CreatedBefore = &bound
	} else {
		result.LastUpdatedBefore = &bound
	}
	if token != "" {
		result.Pagination = &pagination{NextToken: token}
	}
	return exchange.JSON(http.StatusOK, result)
}

// orderPage is the orders of a page, and the token of the next one or "".
func (a *API) orderPage(r *request, page orderPage) (found []world.Order, token string) {
	found = page.search.of(a.World, r.account.ID, page.after, r.now)
	if end := page.search.size; end < len(found) {
		page.after = page.search.place(&found[end-1])
		return found[:end], a.orderPages.open(a.service.IDs.New(), page, r.now)
	}
	return found, ""
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
	wanted, err := readSearch(r)
	token := r.query.Get("paginationToken")
	rest := maps.Clone(r.query)
	for _, free := range []string{"paginationToken", "maxResultsPerPage", "includedData"} {
		rest.Del(free)
	}
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
	q := r.read("createdAfter", "createdBefore", "lastUpdatedAfter", "lastUpdatedBefore",
		"fulfillmentStatuses", "marketplaceIds", "fulfilledBy", "maxResultsPerPage", "paginationToken", "includedData")
	wanted := search{}
	wanted.readWindow(q, "created", "lastUpdated", r.now)
	wanted.statuses = q.values("fulfillmentStatuses", len(statuses()), statuses())
	wanted.marketplaces = q.values("marketplaceIds", 50, nil)
	wanted.fulfilledBy = q.values("fulfilledBy", 2, []string{"MERCHANT", "AMAZON"})
	wanted.included = q.values("includedData", len(dataSets()), dataSets())
	wanted.size = q.number("maxResultsPerPage", 100, 1, 100, "maxResultsPerPage must be between 1 and 100")
	return wanted, q.err
}

// readWindow reads the window of time: exactly one of createdAfter and
// lastUpdatedAfter, with a *Before of the same kind at least two minutes ago.
func (w *search) readWindow(q *reader, created, updated string, now time.Time, layouts ...string) {
	w.byCreation = q.query.Has(created + "After")
	kind, other := updated, created
	if w.byCreation {
		kind, other = created, updated
	}
	after, before := kind+"After", kind+"Before"
	q.check(w.byCreation != q.query.Has(updated+"After") && !q.query.Has(other+"Before"),
		"exactly one of %sAfter and %sAfter must be given, with a *Before of the same kind if any", created, updated)
	w.after = q.time(after, layouts...)
	// Without an end the search ends two minutes ago too, so that pages are stable.
	latest := now.Add(-2 * time.Minute)
	w.before = latest
	if q.query.Has(before) {
		w.before = q.time(before, layouts...)
		q.check(!w.before.After(latest), "%s must be at least two minutes before the time of the request", before)
		q.check(!w.before.Before(w.after), "%s must not be before %s", before, after)
	}
}

// of lists a seller's orders that match and come after the place of the page
// before, by the time searched for.
func (w *search) of(from *world.World, accountID string, after place, now time.Time) []world.Order {
	found := from.Shown(accountID, now, func(o *world.Order) bool { return w.match(o) && w.place(o).compare(after) > 0 })
	slices.SortStableFunc(found, func(a, b world.Order) int { return w.place(&a).compare(w.place(&b)) })
	return found
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
		among(w.fulfilledBy, o.Fulfillment.FulfilledBy) &&
		among(w.ids, o.OrderID)
}
