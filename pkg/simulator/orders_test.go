package simulator_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

func TestGetOrderIncludesWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	a := start(t, nil)
	token := a.token(sellerToken(1))
	path := ordersV1 + "/" + a.order(german)
	sections := func(query string) []string {
		got := a.get(model.Europe, token, path+query)
		if got.status != http.StatusOK {
			t.Fatalf("%s: %d %s", query, got.status, got.body)
		}
		var answer struct {
			Order map[string]json.RawMessage `json:"order"`
		}
		if err := json.Unmarshal([]byte(got.body), &answer); err != nil {
			t.Fatal(err)
		}
		return slices.Sorted(maps.Keys(answer.Order))
	}
	always := []string{"createdTime", "lastUpdatedTime", "orderAliases", "orderId", "orderItems", "salesChannel"}
	bare := slices.DeleteFunc(sections(""), func(s string) bool { return s == "programs" })
	if !slices.Equal(bare, always) {
		t.Errorf("without includedData: %v", bare)
	}
	if got := sections("?includedData=BUYER,RECIPIENT,FULFILLMENT"); !slices.Contains(got, "buyer") || !slices.Contains(got, "recipient") || !slices.Contains(got, "fulfillment") || slices.Contains(got, "proceeds") {
		t.Errorf("three data sets: %v", got)
	}
}

func TestGetOrderRefuses(t *testing.T) {
	t.Parallel()
	a := start(t, nil)
	token := a.token(sellerToken(1))
	id := a.order(german)
	tests := []struct {
		path   string
		status int
	}{
		{"/" + id + "?includedData=EVERYTHING", 400},
		{"/" + id + "?include=BUYER", 400},
		{"/" + id + "?includedData=BUYER&includedData=TAX", 400},
		{"/" + id + "?includedData=%zz", 400},
		{"/not-an-order", 400},
		{"/111-1111111-1111111", 404},
		{"/" + a.order(american), 404}, // another seller's
	}
	for _, test := range tests {
		got := a.get(model.Europe, token, ordersV1+test.path)
		if got.status != test.status || got.header.Get("x-amzn-RateLimit-Limit") == "" {
			t.Errorf("%s: %d %v %s", test.path, got.status, got.header, got.body)
		}
	}
}

func TestReadLag(t *testing.T) {
	t.Parallel()
	clock := newManual()
	a := start(t, func(c *simulator.Config) { c.Clock = clock; c.ReadLag = time.Minute })
	token := a.token(sellerToken(1))
	id := a.order(german)
	path := ordersV1 + "/" + id + "?includedData=FULFILLMENT"
	if got := a.get(model.Europe, token, path); got.status != http.StatusNotFound {
		t.Errorf("a new order shows at once: %d", got.status)
	}
	clock.advance(time.Minute)
	before := a.get(model.Europe, token, path)
	if _, err := a.World.Change(id); err != nil {
		t.Fatal(err)
	}
	if after := a.get(model.Europe, token, path); before.status != http.StatusOK || after.body != before.body {
		t.Errorf("a change shows at once:\n%s\n%s", before.body, after.body)
	}
	clock.advance(time.Minute)
	if later := a.get(model.Europe, token, path); later.body == before.body {
		t.Errorf("a change does not show: %s", later.body)
	}
}

// walk lists all pages of a search.
func (a *amazon) walk(token string, query url.Values) (orders []string, pages int) {
	a.t.Helper()
	for {
		got := a.get(model.Europe, token, ordersV1+"?"+query.Encode())
		var answer struct {
			Orders []struct {
				OrderID string `json:"orderId"`
			} `json:"orders"`
			Pagination struct {
				NextToken string `json:"nextToken"`
			} `json:"pagination"`
		}
		if err := json.Unmarshal([]byte(got.body), &answer); err != nil || got.status != http.StatusOK {
			a.t.Fatalf("%d %s", got.status, got.body)
		}
		pages++
		for _, o := range answer.Orders {
			orders = append(orders, o.OrderID)
		}
		if answer.Pagination.NextToken == "" {
			return orders, pages
		}
		query.Set("paginationToken", answer.Pagination.NextToken)
	}
}

func TestSearchOrders(t *testing.T) {
	t.Parallel()
	clock := newManual()
	a := start(t, func(c *simulator.Config) { c.Clock = clock })
	token := a.token(sellerToken(1))
	since := clock.Now().Format(time.RFC3339)
	var placed []string
	for range 7 {
		placed = append(placed, a.order(german))
		clock.advance(time.Second)
	}
	a.order(american)
	clock.advance(3 * time.Minute)
	if _, err := a.World.RequestCancel(placed[0]); err != nil { // too new to be found by its update
		t.Fatal(err)
	}
	found, pages := a.walk(token, url.Values{"createdAfter": {since}, "maxResultsPerPage": {"3"}})
	if !slices.Equal(found, placed) || pages != 3 {
		t.Errorf("%d pages: %v, placed %v", pages, found, placed)
	}
	found, _ = a.walk(token, url.Values{"lastUpdatedAfter": {since}})
	if !slices.Equal(found, placed[1:]) {
		t.Errorf("by update: %v", found)
	}
	found, _ = a.walk(token, url.Values{"createdAfter": {since}, "fulfillmentStatuses": {"SHIPPED,CANCELLED"}})
	if len(found) != 0 {
		t.Errorf("by status: %v", found)
	}
	found, _ = a.walk(token, url.Values{"createdAfter": {since}, "marketplaceIds": {"A1PA6795UKMFR9"}, "fulfilledBy": {"MERCHANT"}})
	if len(found) != 7 {
		t.Errorf("by marketplace: %v", found)
	}
}

func TestSearchOrdersRefuses(t *testing.T) {
	t.Parallel()
	clock := newManual()
	a := start(t, func(c *simulator.Config) {
		c.Clock = clock
		c.Rates = map[string]simulator.Rate{"searchOrders": {PerSecond: 100, Burst: 100}}
	})
	a.order(german)
	a.order(german)
	clock.advance(time.Hour)
	token := a.token(sellerToken(1))
	minuteAgo := clock.Now().Add(-time.Minute).Format(time.RFC3339)
	for _, query := range []string{
		"",
		"createdAfter=yesterday",
		"createdAfter=2026-08-01T00:00:00Z&lastUpdatedAfter=2026-08-01T00:00:00Z",
		"createdAfter=2026-08-01T00:00:00Z&lastUpdatedBefore=2026-08-02T00:00:00Z",
		"createdAfter=2026-08-01T00:00:00Z&createdBefore=" + minuteAgo,
		"createdAfter=2026-08-01T00:00:00Z&createdBefore=2026-07-01T00:00:00Z",
		"createdAfter=2026-08-01T00:00:00Z&maxResultsPerPage=101",
		"createdAfter=2026-08-01T00:00:00Z&fulfillmentStatuses=LOST",
		"createdAfter=2026-08-01T00:00:00Z&fulfilledBy=ME",
		"createdAfter=2026-08-01T00:00:00Z&marketplaceIds=" + manyValues(51),
		"createdAfter=2026-08-01T00:00:00Z&paginationToken=guess",
		"createdAfter=2026-08-01T00:00:00Z&page=2",
	} {
		got := a.get(model.Europe, token, ordersV1+"?"+query)
		if got.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
	// A token continues its own request only, for a day.
	first := a.get(model.Europe, token, ordersV1+"?createdAfter=2026-08-01T00:00:00Z&maxResultsPerPage=1")
	_, rest, _ := strings.Cut(first.body, `"nextToken":"`)
	next, _, _ := strings.Cut(rest, `"`)
	if got := a.get(model.Europe, token, ordersV1+"?createdAfter=2026-08-02T00:00:00Z&maxResultsPerPage=1&paginationToken="+next); next == "" || got.status != http.StatusBadRequest {
		t.Errorf("a token with other parameters: %d", got.status)
	}
	clock.advance(24 * time.Hour)
	token = a.token(sellerToken(1))
	if got := a.get(model.Europe, token, ordersV1+"?createdAfter=2026-08-01T00:00:00Z&maxResultsPerPage=1&paginationToken="+next); got.status != http.StatusBadRequest {
		t.Errorf("a token after a day: %d", got.status)
	}
}

func manyValues(n int) string {
	values := make([]string, n)
	for i := range values {
		values[i] = strings.Repeat("A", i+1)
	}
	return strings.Join(values, ",")
}

// TestAChangeMovesNoOtherOrderOfASearch: pages continue after the last order, not
// after a number of them.
func TestAChangeMovesNoOtherOrderOfASearch(t *testing.T) {
	t.Parallel()
	clock := newManual()
	a := start(t, func(c *simulator.Config) { c.Clock = clock })
	token, since := a.token(sellerToken(1)), clock.Now()
	var placed []string
	for range 4 {
		placed = append(placed, a.order(german))
		clock.advance(time.Second)
	}
	clock.advance(3 * time.Minute)
	query := "?lastUpdatedAfter=" + since.Format(time.RFC3339) + "&maxResultsPerPage="
	first := a.get(model.Europe, token, ordersV1+query+"2")
	if _, err := a.World.RequestCancel(placed[0]); err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(first.body, `"nextToken":"`)
	next, _, _ := strings.Cut(rest, `"`)
	// How many a page has, and what of them, may change between pages.
	second := a.get(model.Europe, token, ordersV1+query+"10&includedData=FULFILLMENT&paginationToken="+next)
	for i, id := range placed {
		if strings.Contains(first.body, id) != (i < 2) || strings.Contains(second.body, id) != (i >= 2) {
			t.Errorf("order %d:\n%s\n%s", i, first.body, second.body)
		}
	}
}
