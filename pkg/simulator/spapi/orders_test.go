package spapi_test

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
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

func TestGetOrderIncludesWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, nil)
	token := a.Token(simulatortest.SellerToken(1))
	path := simulatortest.OrdersPath + "/" + a.Order(simulatortest.German)
	sections := func(query string) []string {
		got := a.Get(model.Europe, token, path+query)
		if got.Status != http.StatusOK {
			t.Fatalf("%s: %d %s", query, got.Status, got.Body)
		}
		var answer struct {
			Order map[string]json.RawMessage `json:"order"`
		}
		if err := json.Unmarshal([]byte(got.Body), &answer); err != nil {
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
	a := simulatortest.Start(t, nil)
	token := a.Token(simulatortest.SellerToken(1))
	id := a.Order(simulatortest.German)
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
		{"/" + a.Order(simulatortest.American), 404}, // another seller's
	}
	for _, test := range tests {
		got := a.Get(model.Europe, token, simulatortest.OrdersPath+test.path)
		if got.Status != test.status || got.Header.Get("x-amzn-RateLimit-Limit") == "" {
			t.Errorf("%s: %d %v %s", test.path, got.Status, got.Header, got.Body)
		}
	}
}

func TestReadLag(t *testing.T) {
	t.Parallel()
	clock := simulatortest.NewClock()
	a := simulatortest.Start(t, func(c *simulator.Config) { c.Clock = clock; c.ReadLag = time.Minute })
	token := a.Token(simulatortest.SellerToken(1))
	id := a.Order(simulatortest.German)
	path := simulatortest.OrdersPath + "/" + id + "?includedData=FULFILLMENT"
	if got := a.Get(model.Europe, token, path); got.Status != http.StatusNotFound {
		t.Errorf("a new order shows at once: %d", got.Status)
	}
	clock.Advance(time.Minute)
	before := a.Get(model.Europe, token, path)
	if _, err := a.World.Change(id); err != nil {
		t.Fatal(err)
	}
	if after := a.Get(model.Europe, token, path); before.Status != http.StatusOK || after.Body != before.Body {
		t.Errorf("a change shows at once:\n%s\n%s", before.Body, after.Body)
	}
	clock.Advance(time.Minute)
	if later := a.Get(model.Europe, token, path); later.Body == before.Body {
		t.Errorf("a change does not show: %s", later.Body)
	}
}

// walk lists all pages of a search.
func walk(a *simulatortest.Amazon, token string, query url.Values) (orders []string, pages int) {
	a.T.Helper()
	for {
		got := a.Get(model.Europe, token, simulatortest.OrdersPath+"?"+query.Encode())
		var answer struct {
			Orders []struct {
				OrderID string `json:"orderId"`
			} `json:"orders"`
			Pagination struct {
				NextToken string `json:"nextToken"`
			} `json:"pagination"`
		}
		if err := json.Unmarshal([]byte(got.Body), &answer); err != nil || got.Status != http.StatusOK {
			a.T.Fatalf("%d %s", got.Status, got.Body)
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
	clock := simulatortest.NewClock()
	a := simulatortest.Start(t, func(c *simulator.Config) { c.Clock = clock })
	token := a.Token(simulatortest.SellerToken(1))
	since := clock.Now().Format(time.RFC3339)
	var placed []string
	for range 7 {
		placed = append(placed, a.Order(simulatortest.German))
		clock.Advance(time.Second)
	}
	a.Order(simulatortest.American)
	clock.Advance(3 * time.Minute)
	if _, err := a.World.RequestCancel(placed[0]); err != nil { // too new to be found by its update
		t.Fatal(err)
	}
	found, pages := walk(a, token, url.Values{"createdAfter": {since}, "maxResultsPerPage": {"3"}})
	if !slices.Equal(found, placed) || pages != 3 {
		t.Errorf("%d pages: %v, placed %v", pages, found, placed)
	}
	found, _ = walk(a, token, url.Values{"lastUpdatedAfter": {since}})
	if !slices.Equal(found, placed[1:]) {
		t.Errorf("by update: %v", found)
	}
	found, _ = walk(a, token, url.Values{"createdAfter": {since}, "fulfillmentStatuses": {"SHIPPED,CANCELLED"}})
	if len(found) != 0 {
		t.Errorf("by status: %v", found)
	}
	found, _ = walk(a, token, url.Values{"createdAfter": {since}, "marketplaceIds": {"A1PA6795UKMFR9"}, "fulfilledBy": {"MERCHANT"}})
	if len(found) != 7 {
		t.Errorf("by marketplace: %v", found)
	}
}

func TestSearchOrdersRefuses(t *testing.T) {
	t.Parallel()
	clock := simulatortest.NewClock()
	a := simulatortest.Start(t, func(c *simulator.Config) {
		c.Clock = clock
		c.Rates = map[string]simulator.Rate{"searchOrders": {PerSecond: 100, Burst: 100}}
	})
	a.Order(simulatortest.German)
	a.Order(simulatortest.German)
	clock.Advance(time.Hour)
	token := a.Token(simulatortest.SellerToken(1))
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
		got := a.Get(model.Europe, token, simulatortest.OrdersPath+"?"+query)
		if got.Status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", query, got.Status, got.Body)
		}
	}
	// A token continues its own request only, for a day.
	first := a.Get(model.Europe, token, simulatortest.OrdersPath+"?createdAfter=2026-08-01T00:00:00Z&maxResultsPerPage=1")
	_, rest, _ := strings.Cut(first.Body, `"nextToken":"`)
	next, _, _ := strings.Cut(rest, `"`)
	if got := a.Get(model.Europe, token, simulatortest.OrdersPath+"?createdAfter=2026-08-02T00:00:00Z&maxResultsPerPage=1&paginationToken="+next); next == "" || got.Status != http.StatusBadRequest {
		t.Errorf("a token with other parameters: %d", got.Status)
	}
	clock.Advance(24 * time.Hour)
	token = a.Token(simulatortest.SellerToken(1))
	if got := a.Get(model.Europe, token, simulatortest.OrdersPath+"?createdAfter=2026-08-01T00:00:00Z&maxResultsPerPage=1&paginationToken="+next); got.Status != http.StatusBadRequest {
		t.Errorf("a token after a day: %d", got.Status)
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
	clock := simulatortest.NewClock()
	a := simulatortest.Start(t, func(c *simulator.Config) { c.Clock = clock })
	token, since := a.Token(simulatortest.SellerToken(1)), clock.Now()
	var placed []string
	for range 4 {
		placed = append(placed, a.Order(simulatortest.German))
		clock.Advance(time.Second)
	}
	clock.Advance(3 * time.Minute)
	query := "?lastUpdatedAfter=" + since.Format(time.RFC3339) + "&maxResultsPerPage="
	first := a.Get(model.Europe, token, simulatortest.OrdersPath+query+"2")
	if _, err := a.World.RequestCancel(placed[0]); err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(first.Body, `"nextToken":"`)
	next, _, _ := strings.Cut(rest, `"`)
	// How many a page has, and what of them, may change between pages.
	second := a.Get(model.Europe, token, simulatortest.OrdersPath+query+"10&includedData=FULFILLMENT&paginationToken="+next)
	for i, id := range placed {
		if strings.Contains(first.Body, id) != (i < 2) || strings.Contains(second.Body, id) != (i >= 2) {
			t.Errorf("order %d:\n%s\n%s", i, first.Body, second.Body)
		}
	}
}
