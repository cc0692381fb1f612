package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Restricted data tokens (Tokens API 2021-03-01): access tokens that open the
// buyer's data of named resources, and nothing else.

// restrictedLifetime is the tokens' expiresIn, in seconds of the simulator's clock.
const restrictedLifetime = 3600

// maxResources is the most that a token may open.
const maxResources = 50

func (s *Simulator) tokensOperations() map[string]serve {
	return map[string]serve{model.CreateRestrictedDataToken: s.createRestrictedDataToken}
}

// restrictedResource is a method and a path, with an order's id or {orderId} for any.
type restrictedResource struct {
	Method       string   `json:"method"`
	Path         string   `json:"path"`
	DataElements []string `json:"dataElements"`
}

type restrictedRequest struct {
	TargetApplication string               `json:"targetApplication"`
	Resources         []restrictedResource `json:"restrictedResources"`
}

func (s *Simulator) createRestrictedDataToken(r *spapiRequest) answer {
	var request restrictedRequest
	if refusal := readOperation(r, &request); refusal != nil {
		return *refusal
	}
	switch {
	case len(request.Resources) == 0:
		return spapiError(http.StatusBadRequest, "InvalidRequest", "Request is missing or has invalid parameters", "Resource not provided.")
	case len(request.Resources) > maxResources:
		return invalidInput(fmt.Sprintf("restrictedResources has more than %d values.", maxResources))
	}
	for _, resource := range request.Resources {
		if complaint := resource.fault(); complaint != "" {
			return invalidInput(complaint)
		}
	}
	token := "Atz.sprdt|" + s.newID() + s.newID()
	s.tokens.issue(token, grant{
		application: r.application, account: r.account, restricted: request.Resources,
		expires: r.now.Add(tokenLifetime),
	}, r.now)
	return answer{status: http.StatusOK, contentType: jsonType, body: mustJSON(struct {
		Token     string `json:"restrictedDataToken"`
		ExpiresIn int    `json:"expiresIn"`
	}{token, restrictedLifetime})}
}

// restrictedPath is a path that can be opened here: an order's, or its items'.
var restrictedPath = regexp.MustCompile(`^/orders/v0/orders/(\{orderId\}|[0-9]{3}-[0-9]{7}-[0-9]{7})(/orderItems)?$`)

func (r *restrictedResource) fault() string {
	path := restrictedPath.FindStringSubmatch(r.Path)
	switch {
	case r.Method != http.MethodGet || path == nil:
		return fmt.Sprintf("%s %s is not a restricted resource.", r.Method, r.Path)
	case len(r.DataElements) == 0:
		return "dataElements is required for the getOrder and getOrderItems operations."
	}
	known := []string{"buyerInfo", "shippingAddress", "buyerTaxInformation"}
	if path[2] != "" {
		known = known[:1]
	}
	for _, element := range r.DataElements {
		if !slices.Contains(known, element) {
			return fmt.Sprintf("%s is not a data element of %s.", element, r.Path)
		}
	}
	return ""
}

// opened is what a token's resources open of a request; nothing for an
// ordinary token. fits is false for a restricted token of other resources.
func (g *grant) opened(r *http.Request) (elements map[string]bool, fits bool) {
	if g.restricted == nil {
		return nil, true
	}
	elements = make(map[string]bool)
	for _, resource := range g.restricted {
		path := strings.Replace(resource.Path, "{orderId}", r.PathValue("orderId"), 1)
		if resource.Method != r.Method || path != r.URL.Path {
			continue
		}
		fits = true
		for _, element := range resource.DataElements {
			elements[element] = true
		}
	}
	return elements, fits
}

// readOperation reads an operation's body strictly, or refuses it: what is not
// in the model, or of another type there, is a fault.
func readOperation(r *spapiRequest, v any) *answer {
	decoder := json.NewDecoder(http.MaxBytesReader(nil, r.Body, adminLimit))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		refusal := invalidInput("The request's body is not what the model says: " + err.Error())
		return &refusal
	}
	return nil
}
