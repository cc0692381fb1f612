package spapi

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/exchange"
	"github.com/sellerstream/sellerstream/pkg/simulator/stock"
)

// searchResults is searchListingsItems' answer.
type searchResults struct {
	Found      int         `json:"numberOfResults"`
	Pagination *pagination `json:"pagination,omitempty"`
	Items      []shownItem `json:"items"`
}

// mostFound is how many SKUs Amazon pages through.
const mostFound = 1000

// searchListingsItems gives pages of pageSize; its token is the number of those before.
func (a *API) searchListingsItems(r *request) exchange.Answer {
	q := r.read("marketplaceIds", "identifiers", "identifiersType", "includedData", "pageSize", "pageToken", "issueLocale",
		"createdAfter", "createdBefore", "lastUpdatedAfter", "lastUpdatedBefore", "withStatus", "withoutStatus", "withIssueSeverity",
		"sortBy", "sortOrder", "variationParentSku", "packageHierarchySku")
	included := q.values("includedData", len(itemData()), itemData())
	size := q.number("pageSize", 10, 1, 20, "The pageSize must be 1 to 20.")
	from := q.number("pageToken", 0, 0, mostFound, "The pageToken is invalid.")
	filter := readItemFilter(q)
	if q.err != nil {
		return invalid(q.err)
	}
	if len(included) == 0 {
		included["summaries"] = true
	}
	_, marketplace, refusal := a.ownListing(r)
	if refusal != nil {
		return *refusal
	}
	found := a.Stock.Items(r.account, marketplace, r.now.Add(-a.config.ListingsLag), filter.match)
	slices.SortStableFunc(found, filter.compare)
	results := searchResults{Found: len(found), Items: []shownItem{}}
	found = found[:min(len(found), mostFound)]
	for _, item := range found[min(from, len(found)):min(from+size, len(found))] {
		results.Items = append(results.Items, show(item, marketplace, included))
	}
	if from+size < len(found) {
		results.Pagination = &pagination{NextToken: strconv.Itoa(from + size)}
	}
	return exchange.JSON(http.StatusOK, results)
}

// itemFilter is what a search asks for.
type itemFilter struct {
	skus                                map[string]bool
	nothing                             bool // whether no listing can match
	createdAfter, createdBefore         time.Time
	lastUpdatedAfter, lastUpdatedBefore time.Time
	by                                  string
	ascending                           bool
}

func readItemFilter(q *reader) itemFilter {
	statuses := []string{"BUYABLE", "DISCOVERABLE"} // every listing here has both
	f := itemFilter{skus: q.values("identifiers", 20, nil), by: cmp.Or(q.query.Get("sortBy"), "lastUpdatedDate")}
	q.values("withStatus", 2, statuses)
	severe := q.values("withIssueSeverity", 2, []string{"WARNING", "ERROR"})
	f.nothing = len(severe)+len(q.values("withoutStatus", 2, statuses)) > 0
	q.check(q.query.Has("identifiers") == q.query.Has("identifiersType"), "identifiers and identifiersType come together.")
	q.check(len(f.skus) == 0 || q.query.Get("identifiersType") == "SKU", "Of identifiers, only those of the type SKU are simulated.")
	for _, name := range []string{"variationParentSku", "packageHierarchySku"} {
		q.check(!q.query.Has(name), "%s is not simulated: no listing here belongs to another.", name)
	}
	q.check(slices.Contains([]string{"sku", "createdDate", "lastUpdatedDate"}, f.by), "The sortBy must be sku, createdDate or lastUpdatedDate.")
	order := cmp.Or(q.query.Get("sortOrder"), "DESC")
	f.ascending = order == "ASC"
	q.check(f.ascending || order == "DESC", "The sortOrder must be ASC or DESC.")
	for name, at := range map[string]*time.Time{
		"createdAfter": &f.createdAfter, "createdBefore": &f.createdBefore,
		"lastUpdatedAfter": &f.lastUpdatedAfter, "lastUpdatedBefore": &f.lastUpdatedBefore,
	} {
		if q.query.Has(name) {
			*at = q.time(name)
		}
	}
	return f
}

func (f *itemFilter) match(i *stock.Item) bool {
	within := func(t, after, before time.Time) bool {
		return !t.Before(after) && (before.IsZero() || !t.After(before))
	}
	return !f.nothing && among(f.skus, i.SKU) &&
		within(i.Created, f.createdAfter, f.createdBefore) && within(i.Updated, f.lastUpdatedAfter, f.lastUpdatedBefore)
}

// compare orders listings; those that are equal in what they are sorted by, by their SKUs.
func (f *itemFilter) compare(a, b stock.Item) int {
	bySKU := strings.Compare(a.SKU, b.SKU)
	order := bySKU
	switch f.by {
	case "createdDate":
		order = a.Created.Compare(b.Created)
	case "lastUpdatedDate":
		order = a.Updated.Compare(b.Updated)
	}
	if !f.ascending {
		order = -order
	}
	return cmp.Or(order, bySKU)
}
