package simulator

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// listingsOperations is the part of Listings Items 2021-08-01 that sets and
// reads quantities.
func (s *Simulator) listingsOperations() map[string]serve {
	return map[string]serve{model.PatchListingsItem: s.patchListingsItem, model.GetListingsItem: s.getListingsItem}
}

// ownListing checks what both operations have in common: the seller's own SKU
// in one marketplace.
func (s *Simulator) ownListing(r *spapiRequest) (sku, marketplace string, refusal *answer) {
	refuse := func(a answer) (string, string, *answer) { return "", "", &a }
	sku, marketplace = r.PathValue("sku"), r.query.Get("marketplaceIds")
	r.call.Parameters["sku"] = sku
	switch {
	case r.PathValue("sellerId") != r.account.SellerID:
		return refuse(spapiStatus(http.StatusForbidden))
	case marketplace == "":
		return refuse(spapiError(http.StatusBadRequest, "InvalidInput", "One or more required parameters missing", "marketplaceIds;"))
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

// submission is patchListingsItem's answer.
type submission struct {
	SKU    string         `json:"sku"`
	Status string         `json:"status"`
	ID     string         `json:"submissionId"`
	Issues []listingIssue `json:"issues"`
}

// refuse makes a submission INVALID, which is a 200.
func (s *submission) refuse(err error) {
	i := issueOf(err)
	out := listingIssue{Code: i.code, Message: i.message, Severity: i.severity, Categories: []string{}}
	if i.attribute != "" {
		out.Attributes = []string{i.attribute}
	}
	if i.category != "" {
		out.Categories = append(out.Categories, i.category)
	}
	s.Status, s.Issues = "INVALID", append(s.Issues, out)
}

func (s *Simulator) patchListingsItem(r *spapiRequest) answer {
	if complaint, bad := unknownParameter(r.query, "marketplaceIds", "includedData", "mode", "issueLocale"); bad {
		return invalidInput(complaint)
	}
	if _, err := valuesOf(r.query, "includedData", []string{"identifiers", "issues"}); err != nil {
		return invalidInput(err.Error())
	}
	preview := r.query.Get("mode") == "VALIDATION_PREVIEW"
	if r.query.Has("mode") && !preview {
		return invalidInput("The mode must be VALIDATION_PREVIEW.")
	}
	var body struct {
		ProductType string  `json:"productType"`
		Patches     []patch `json:"patches"`
	}
	if refusal := decodeBody(r, &body); refusal != nil {
		return *refusal
	}
	sku, marketplace, refusal := s.ownListing(r)
	if refusal != nil {
		return *refusal
	}
	if body.ProductType == "" || len(body.Patches) == 0 {
		return spapiError(http.StatusBadRequest, "InvalidInput", "One or more required parameters missing", "productType;patches;")
	}
	for i := range body.Patches {
		if err := body.Patches[i].check(); err != nil {
			return invalidInput("Patch " + strconv.Itoa(i) + ": " + err.Error() + ".")
		}
	}
	result := submission{SKU: sku, Status: "ACCEPTED", ID: s.newID(), Issues: []listingIssue{}}
	change, err := readPatches(body.Patches)
	switch {
	case err != nil:
		result.refuse(err)
	case !s.listings.has(r.account, sku, marketplace) && !s.config.AcceptUnknownSKUs:
		result.refuse(unknownSKU())
	case preview:
		result.Status = "VALID"
	default:
		s.applyPatch(r, sku, marketplace, change, result.ID)
	}
	r.call.Parameters["submissionId"], r.call.Parameters["submission"] = result.ID, result.Status
	return answer{status: http.StatusOK, contentType: jsonType, body: mustJSON(result)}
}

// applyPatch takes an accepted patch over, late if a fault says so.
func (s *Simulator) applyPatch(r *spapiRequest, sku, marketplace string, change availability, id string) {
	r.call.Parameters["quantity"] = strconv.Itoa(change.quantity)
	s.listings.patched()
	apply := func(at time.Time) {
		s.listings.set(r.account, marketplace, sku, change, AppliedQuantity{Time: at, Patch: id})
	}
	if r.action == nil || r.action.ApplyLate <= 0 {
		apply(r.now)
		return
	}
	at := r.now.Add(r.action.ApplyLate)
	s.agenda.schedule(at, func() { apply(at) })
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
	Created     timestamp `json:"createdDate"`
	Updated     timestamp `json:"lastUpdatedDate"`
}

type itemAvailability struct {
	Channel  string `json:"fulfillmentChannelCode"`
	Quantity int    `json:"quantity"`
}

type itemProductType struct {
	Marketplace string `json:"marketplaceId"`
	ProductType string `json:"productType"`
}

func (s *Simulator) getListingsItem(r *spapiRequest) answer {
	if complaint, bad := unknownParameter(r.query, "marketplaceIds", "includedData", "issueLocale"); bad {
		return invalidInput(complaint)
	}
	included, err := valuesOf(r.query, "includedData", itemData())
	if err != nil {
		return invalidInput(err.Error())
	}
	if len(included) == 0 {
		included["summaries"] = true
	}
	sku, marketplace, refusal := s.ownListing(r)
	if refusal != nil {
		return *refusal
	}
	s.listings.mu.Lock()
	defer s.listings.mu.Unlock()
	item := s.listings.find(r.account, sku, marketplace)
	if item == nil {
		// The wording of selling-partner-api-models#4283 and jrl84/amazon-sp-api#176.
		return spapiError(http.StatusNotFound, "NOT_FOUND", "SKU '"+sku+"' not found in marketplace "+marketplace, "")
	}
	return answer{status: http.StatusOK, contentType: jsonType, body: mustJSON(item.show(marketplace, included, r.now.Add(-s.config.ListingsLag)))}
}

// show is a listing with these data sets. The attributes are what was
// submitted; the availability is what is offered, which can lag behind.
func (i *listed) show(marketplace string, included map[string]bool, offered time.Time) shownItem {
	shown := shownItem{SKU: i.SKU}
	if included["summaries"] {
		updated := i.created
		if n := len(i.applied); n > 0 {
			updated = i.applied[n-1].Time
		}
		shown.Summaries = &[]itemSummary{{marketplace, i.ProductType, []string{"BUYABLE", "DISCOVERABLE"}, timestamp(i.created), timestamp(updated)}}
	}
	if included["attributes"] {
		entry := map[string]any{"fulfillment_channel_code": merchantChannel, "quantity": i.Quantity}
		if i.LeadTime > 0 {
			entry["lead_time_to_ship_max_days"] = i.LeadTime
		}
		shown.Attributes = map[string]any{"fulfillment_availability": []any{entry}}
	}
	if included["issues"] {
		shown.Issues = &[]listingIssue{}
	}
	if included["fulfillmentAvailability"] {
		shown.Availability = &[]itemAvailability{{merchantChannel, i.quantityAt(offered)}}
	}
	if included["productTypes"] {
		shown.ProductTypes = &[]itemProductType{{marketplace, i.ProductType}}
	}
	return shown
}
