package spapi

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"

	"github.com/sellerstream/sellerstream/pkg/simulator/exchange"
	"github.com/sellerstream/sellerstream/pkg/simulator/lwa"
)

// Restricted data tokens (Tokens API 2021-03-01): access tokens that open the
// buyer's data of named resources, and nothing else.

// maxResources is the most that a token may open.
const maxResources = 50

func (a *API) createRestrictedDataToken(r *request) exchange.Answer {
	var request struct {
		TargetApplication string         `json:"targetApplication"`
		Resources         []lwa.Resource `json:"restrictedResources"`
	}
	if refusal := readOperation(r, &request); refusal != nil {
		return *refusal
	}
	switch {
	case len(request.Resources) == 0:
		return failure(http.StatusBadRequest, "InvalidRequest", "Request is missing or has invalid parameters", "Resource not provided.")
	case len(request.Resources) > maxResources:
		return invalidInput(fmt.Sprintf("restrictedResources has more than %d values.", maxResources))
	}
	for _, resource := range request.Resources {
		if complaint := complain(resource); complaint != "" {
			return invalidInput(complaint)
		}
	}
	token := "Atz.sprdt|" + a.service.IDs.New() + a.service.IDs.New()
	a.Tokens.Issue(token, lwa.Grant{
		Application: r.application, Account: r.account, Restricted: request.Resources, Expires: r.now.Add(lwa.TokenLifetime),
	}, r.now)
	return exchange.JSON(http.StatusOK, struct {
		Token     string `json:"restrictedDataToken"`
		ExpiresIn int    `json:"expiresIn"`
	}{token, int(lwa.TokenLifetime.Seconds())})
}

// restrictedPath is a path that can be opened here: that of the orders, or of an order and
// what belongs to it.
var restrictedPath = regexp.MustCompile(`^/orders/v0/orders(?:/(?:\{orderId\}|[0-9]{3}-[0-9]{7}-[0-9]{7})(/orderItems|/address|/buyerInfo)?)?$`)

// complain returns why a resource cannot be opened, or "".
func complain(r lwa.Resource) string {
	path := restrictedPath.FindStringSubmatch(r.Path)
	switch {
	case r.Method != http.MethodGet || path == nil:
		return fmt.Sprintf("%s %s is not a restricted resource.", r.Method, r.Path)
	case path[1] == "/address", path[1] == "/buyerInfo": // which are a buyer's data alone
		return ""
	case len(r.DataElements) == 0:
		return "dataElements is required for the getOrders, getOrder and getOrderItems operations."
	}
	known := []string{"buyerInfo", "shippingAddress", "buyerTaxInformation"}
	if path[1] != "" {
		known = known[:1]
	}
	for _, element := range r.DataElements {
		if !slices.Contains(known, element) {
			return fmt.Sprintf("%s is not a data element of %s.", element, r.Path)
		}
	}
	return ""
}
