package spapi

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/sellerstream/sellerstream/pkg/simulator/exchange"
	"github.com/sellerstream/sellerstream/pkg/simulator/stock"
	"github.com/sellerstream/sellerstream/pkg/simulator/wire"
)

// ownListing checks what both operations have in common: the seller's own SKU
// in one marketplace.
func (a *API) ownListing(r *request) (sku, marketplace string, refusal *exchange.Answer) {
	refuse := func(a exchange.Answer) (string, string, *exchange.Answer) { return "", "", &a }
	sku, marketplace = r.PathValue("sku"), r.query.Get("marketplaceIds")
	r.Call.Parameters["sku"] = sku
	switch {
	case r.PathValue("sellerId") != r.account.SellerID:
		return refuse(status(http.StatusForbidden))
	case marketplace == "":
		return refuse(failure(http.StatusBadRequest, "InvalidInput", "One or more required parameters missing", "marketplaceIds;"))
	case !slices.Contains(r.account.Marketplaces, marketplace):
		return refuse(invalidInput("The marketplaceIds must be one marketplace in which the seller sells."))
	}
	return sku, marketplace, nil
}

// listingIssue is an issue in the shape of this API.
type listingIssue struct {
	Code       string   `json:"code"`
	Message    string   `json:"message"`
	Severity   string   `json:"severity"`
	Attributes []string `json:"attributeNames,omitempty"`
	Categories []string `json:"categories"`
}

// submission is the answer of patchListingsItem and putListingsItem.
type submission struct {
	SKU    string         `json:"sku"`
	Status string         `json:"status"`
	ID     string         `json:"submissionId"`
	Issues []listingIssue `json:"issues"`
}

// refuse makes a submission INVALID, which is a 200.
func (s *submission) refuse(err error) {
	i := stock.IssueOf(err)
	out := listingIssue{Code: i.Code, Message: i.Message, Severity: i.Severity, Categories: []string{}}
	if i.Attribute != "" {
		out.Attributes = []string{i.Attribute}
	}
	if i.Category != "" {
		out.Categories = append(out.Categories, i.Category)
	}
	s.Status, s.Issues = "INVALID", append(s.Issues, out)
}

func (a *API) patchListingsItem(r *request) exchange.Answer {
	var body struct {
		ProductType string        `json:"productType"`
		Patches     []stock.Patch `json:"patches"`
	}
	if refusal := decodeBody(r, &body); refusal != nil {
		return *refusal
	}
	if body.ProductType == "" || len(body.Patches) == 0 {
		return failure(http.StatusBadRequest, "InvalidInput", "One or more required parameters missing", "productType;patches;")
	}
	return a.submit(r, stock.PatchOrder{Patches: body.Patches})
}

// putListingsItem replaces the attributes that it is given, as patches would. Unlike these it
// can list a SKU.
func (a *API) putListingsItem(r *request) exchange.Answer {
	var body struct {
		ProductType  string                       `json:"productType"`
		Requirements string                       `json:"requirements"`
		Attributes   map[string][]json.RawMessage `json:"attributes"`
	}
	if refusal := decodeBody(r, &body); refusal != nil {
		return *refusal
	}
	switch {
	case body.ProductType == "" || body.Attributes == nil:
		return failure(http.StatusBadRequest, "InvalidInput", "One or more required parameters missing", "productType;attributes;")
	case !slices.Contains([]string{"", "LISTING", "LISTING_PRODUCT_ONLY", "LISTING_OFFER_ONLY"}, body.Requirements):
		return invalidInput("The requirements must be LISTING, LISTING_PRODUCT_ONLY or LISTING_OFFER_ONLY.")
	}
	order := stock.PatchOrder{Lists: body.ProductType}
	for _, name := range slices.Sorted(maps.Keys(body.Attributes)) {
		order.Patches = append(order.Patches, stock.Patch{Op: "replace", Path: "/attributes/" + name, Value: body.Attributes[name]})
	}
	return a.submit(r, order)
}

// submit submits patches of the SKU that a request names.
func (a *API) submit(r *request, order stock.PatchOrder) exchange.Answer {
	q := r.read("marketplaceIds", "includedData", "mode", "issueLocale")
	q.values("includedData", 2, []string{"identifiers", "issues"})
	preview := r.query.Get("mode") == "VALIDATION_PREVIEW"
	q.check(preview || !r.query.Has("mode"), "The mode must be VALIDATION_PREVIEW.")
	if q.err != nil {
		return invalid(q.err)
	}
	sku, marketplace, refusal := a.ownListing(r)
	if refusal != nil {
		return *refusal
	}
	for i := range order.Patches {
		if err := order.Patches[i].Check(); err != nil {
			return invalidInput("Patch " + strconv.Itoa(i) + " (" + order.Patches[i].Path + "): " + err.Error() + ".")
		}
	}
	result := submission{SKU: sku, Status: "ACCEPTED", ID: a.service.IDs.New(), Issues: []listingIssue{}}
	order.SKU, order.Marketplace, order.ID, order.Preview, order.Now, order.Late = sku, marketplace, result.ID, preview, r.now, r.Action.ApplyLate
	quantity, err := a.Stock.Patch(r.account, order)
	switch {
	case err != nil:
		result.refuse(err)
	case preview:
		result.Status = "VALID"
	default:
		r.Call.Parameters["quantity"] = strconv.Itoa(quantity)
	}
	r.Call.Parameters["submissionId"], r.Call.Parameters["submission"] = result.ID, result.Status
	return exchange.JSON(http.StatusOK, result)
}

// itemData are the values of includedData in Amazon's model.
func itemData() []string {
	return []string{
		"summaries", "attributes", "issues", "offers", "fulfillmentAvailability", "procurement", "relationships", "productTypes",
	}
}

// shownItem is a listing as getListingsItem shows it.
type shownItem struct {
	SKU          string              `json:"sku"`
	Summaries    *[]itemSummary      `json:"summaries,omitempty"`
	Attributes   map[string]any      `json:"attributes,omitempty"`
	Issues       *[]listingIssue     `json:"issues,omitempty"`
	Availability *[]itemAvailability `json:"fulfillmentAvailability,omitempty"`
	ProductTypes *[]itemProductType  `json:"productTypes,omitempty"`
}

type itemSummary struct {
	Marketplace string    `json:"marketplaceId"`
	ProductType string    `json:"productType"`
	Status      []string  `json:"status"`
	Created     wire.Time `json:"createdDate"`
	Updated     wire.Time `json:"lastUpdatedDate"`
}

type itemAvailability struct {
	Channel  string `json:"fulfillmentChannelCode"`
	Quantity *int   `json:"quantity,omitempty"` // none of what Amazon ships (selling-partner-api-models#2633)
}

type itemProductType struct {
	Marketplace string `json:"marketplaceId"`
	ProductType string `json:"productType"`
}

func (a *API) getListingsItem(r *request) exchange.Answer {
	q := r.read("marketplaceIds", "includedData", "issueLocale")
	included := q.values("includedData", len(itemData()), itemData())
	if q.err != nil {
		return invalid(q.err)
	}
	if len(included) == 0 {
		included["summaries"] = true
	}
	sku, marketplace, refusal := a.ownListing(r)
	if refusal != nil {
		return *refusal
	}
	item, ok := a.Stock.Item(r.account, sku, marketplace, r.now.Add(-a.config.ListingsLag))
	if !ok {
		// The wording of selling-partner-api-models#4283 and jrl84/amazon-sp-api#176.
		return failure(http.StatusNotFound, "NOT_FOUND", "SKU '"+sku+"' not found in marketplace "+marketplace, "")
	}
	return exchange.JSON(http.StatusOK, show(item, marketplace, included))
}

// show is a listing with these data sets. The attributes are what was
// submitted; the availability is what is offered, which can lag behind.
func show(i stock.Item, marketplace string, included map[string]bool) shownItem {
	shown := shownItem{SKU: i.SKU}
	if included["summaries"] {
		shown.Summaries = &[]itemSummary{{marketplace, i.ProductType, []string{"BUYABLE", "DISCOVERABLE"}, wire.Time(i.Created), wire.Time(i.Updated)}}
	}
	if included["attributes"] {
		shown.Attributes = map[string]any{"fulfillment_availability": submitted(i)}
	}
	if included["issues"] {
		shown.Issues = &[]listingIssue{}
	}
	if included["fulfillmentAvailability"] {
		offers := []itemAvailability{}
		if i.Channel != "" {
			offers = append(offers, itemAvailability{Channel: i.Channel})
		}
		if i.Merchants {
			offers = append(offers, itemAvailability{stock.MerchantChannel, &i.Offered})
		}
		shown.Availability = &offers
	}
	if included["productTypes"] {
		shown.ProductTypes = &[]itemProductType{{marketplace, i.ProductType}}
	}
	return shown
}

// submitted are the entries of a listing's fulfillment_availability.
func submitted(i stock.Item) []any {
	var entries []any
	if i.Channel != "" {
		entries = append(entries, map[string]any{"fulfillment_channel_code": i.Channel})
	}
	if !i.Merchants {
		return entries
	}
	entry := map[string]any{"fulfillment_channel_code": stock.MerchantChannel, "quantity": i.Quantity}
	if i.LeadTime > 0 {
		entry["lead_time_to_ship_max_days"] = i.LeadTime
	}
	return append(entries, entry)
}
