package eventbridge

import (
	"errors"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// remedy is what to do about entries refused with the code, in the terms of
// the configuration. The codes are those of PutEventsResultEntry.
func remedy(code string) string {
	switch code {
	case "ResourceNotFoundException", "InvalidAccountIdException", "InvalidArgument":
		return "check events.bus, which must name an event bus that exists"
	case "AccessDeniedException", "NotAuthorizedForSource", "NotAuthorizedForSourceException", "NotAuthorizedForDetailTypeException":
		return "check events.bus and its policy, and that the credentials may put events on it"
	default:
		return "Amazon's service limits or its own failure"
	}
}

// invalid reports whether Amazon will never take the request as it is because of
// its events. A bus or a source that is not valid is the configuration's fault
// and no reason to set events aside. The status decides as well as the code: 413
// can come from what stands before Amazon, with an empty or an HTML body.
func invalid(err error) bool {
	if status(err) == http.StatusRequestEntityTooLarge {
		return true
	}
	var answer smithy.APIError
	if !errors.As(err, &answer) {
		return false
	}
	switch answer.ErrorCode() {
	case "ValidationException":
		return !strings.Contains(answer.ErrorMessage(), ".member.eventBusName'") && !strings.Contains(answer.ErrorMessage(), ".member.source'")
	case "RequestEntityTooLarge":
		return true
	}
	return false
}

// status is that of the answer with which a request failed; 0 for none.
func status(err error) int {
	var answer *smithyhttp.ResponseError
	if !errors.As(err, &answer) || answer.Response == nil || answer.Response.Response == nil {
		return 0
	}
	return answer.HTTPStatusCode()
}

// advice returns what to do about a request that failed as a whole.
func advice(err error) string {
	var answer smithy.APIError
	switch code := status(err); {
	case code == 0 && !errors.As(err, &answer):
		return "no answer came: look at the way to EventBridge (network, proxy, aws.eventbridge_endpoint)"
	case code >= 500 || code == http.StatusTooManyRequests || errors.As(err, &answer) && strings.Contains(answer.ErrorCode(), "Throttl"):
		return "Amazon's own failure or its limits, which pass"
	}
	return "check events.bus, its policy and the credentials"
}

// throttled reports whether Amazon refused a request for its limits.
func throttled(err error) bool {
	var answer smithy.APIError
	return status(err) == http.StatusTooManyRequests || errors.As(err, &answer) && throttles(answer.ErrorCode())
}

// throttles reports whether a code, of a request or of an entry, names Amazon's limits.
func throttles(code string) bool { return strings.Contains(code, "Throttl") }

// taken reports whether Amazon may have taken the events of a request that failed.
func taken(err error) bool {
	var answer smithy.APIError
	return !errors.As(err, &answer) || answer.ErrorFault() != smithy.FaultClient
}
