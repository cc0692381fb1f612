package spapi

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"

	"github.com/sellerstream/sellerstream/pkg/platform/boundedhttp"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Requests to Login with Amazon and STS carry secrets, and what stands at a
// configured endpoint may repeat them in any form: encoded, cut, in other case.
// So nothing of an answer's text is repeated; an error names the status, a code
// of the lists below, and words of our own.

// lwaCodes are Login with Amazon's (RFC 6749, 4.1.2.1 and 5.2; LWA's own
// documentation has no others).
func lwaCodes() []string {
	return []string{
		"invalid_request", invalidClient, invalidGrant, unauthorizedClient, "unsupported_grant_type", "invalid_scope",
		"access_denied", "unsupported_response_type", "server_error", "temporarily_unavailable", "insufficient_scope",
	}
}

// stsCodes are those of AssumeRole and of AWS's common errors.
func stsCodes() []string {
	return []string{
		"AccessDenied", "AccessDeniedException", "ExpiredToken", "ExpiredTokenException", "IncompleteSignature", "InternalFailure",
		"InternalServiceError", "InvalidAction", "InvalidClientTokenId", "InvalidParameterValue", "MalformedPolicyDocument",
		"MissingAuthenticationToken", "NotAuthorized", "OptInRequired", "PackedPolicyTooLarge", "RegionDisabledException",
		"RequestExpired", "RequestLimitExceeded", "ServiceUnavailable", "SignatureDoesNotMatch", "SlowDown", "Throttling",
		"ThrottlingException", "TooManyRequestsException", "UnrecognizedClientException", "ValidationError",
	}
}

// known is a code that is on a list, and model.UnknownCode for any other.
func known(code string, codes []string) string {
	if code == "" || slices.Contains(codes, code) {
		return code
	}
	return model.UnknownCode
}

// amazonRequest matches the request ids of LWA and STS; nothing else is repeated
// as one.
var amazonRequest = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// classifyLWA reads LWA's flat errors (RFC 6749, 5.2).
func classifyLWA(account, application string, resp *http.Response, body []byte) *model.Error {
	var flat struct {
		Code string `json:"error"`
	}
	_ = json.Unmarshal(body, &flat) // without a readable body the status alone decides
	e := &model.Error{
		Operation: tokenOperation, Account: account, TokenMissing: true,
		Status: resp.StatusCode, Code: known(flat.Code, lwaCodes()), RetryAfter: retryAfter(resp.Header),
	}
	if id := resp.Header.Get("x-amzn-RequestId"); amazonRequest.MatchString(id) {
		e.RequestID = id
	}
	switch {
	case flat.Code == "temporarily_unavailable" || flat.Code == "server_error" ||
		resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusRequestTimeout ||
		resp.StatusCode >= 500 || resp.StatusCode < 400:
		e.Class = model.Unavailable
	case flat.Code == invalidClient || flat.Code == unauthorizedClient:
		e.Class = model.Unauthorized
		e.Remedy = "check the client id and the client secret of application " + application +
			": if the secret was rotated, configure the new one"
	case flat.Code == invalidGrant:
		e.Class = model.Unauthorized
		e.Remedy = "the refresh token is wrong, withdrawn or of another application: authorize application " +
			application + " again and configure the new token"
	case flat.Code == "invalid_scope":
		e.Class = model.Unauthorized
		e.Remedy = "application " + application + " may not ask for this scope: check its roles"
	default:
		e.Class = model.Unauthorized
		e.Remedy = "check the credentials of application " + application + " and the LWA endpoint"
	}
	return e
}

// lwaUnavailable is a token request without an answer, or without a whole one.
func lwaUnavailable(account string, err error) error {
	return &model.Error{
		Class: model.Unavailable, Operation: tokenOperation, Account: account, TokenMissing: true, Err: boundedhttp.WithoutAnswer(err),
	}
}
