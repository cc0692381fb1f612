package spapi

import (
	"net/http"

	"github.com/sellerstream/sellerstream/pkg/simulator/exchange"
)

// failure has the shape of the models' ErrorList.
func failure(status int, code, message, details string) exchange.Answer {
	type fault struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Details string `json:"details"`
	}
	result := exchange.JSON(status, struct {
		Errors []fault `json:"errors"`
	}{[]fault{{code, message, details}}})
	result.Code = code
	return result
}

// invalidInput is a 400.
func invalidInput(message string) exchange.Answer {
	return failure(http.StatusBadRequest, "InvalidInput", message, "")
}

// invalid is a 400 that an error explains.
func invalid(err error) exchange.Answer { return invalidInput(err.Error()) }

// throttled is a 429 for the ledger too.
func throttled() exchange.Answer {
	result := status(http.StatusTooManyRequests)
	result.Throttled = true
	return result
}

// throttledTogether is the 429 of a limit that the accounts of an application share.
func throttledTogether() exchange.Answer {
	result := failure(http.StatusTooManyRequests, "QuotaExceeded", "The frequency of requests was greater than what is allowed for the application.", "")
	result.Throttled = true
	return result
}

// status is Amazon's body for a status that needs no more explanation.
func status(status int) exchange.Answer {
	switch status {
	case http.StatusTooManyRequests:
		return failure(status, "QuotaExceeded", "You exceeded your quota for the requested resource.", "")
	case http.StatusServiceUnavailable:
		return failure(status, "ServiceUnavailable", "Service is temporarily unavailable. Please try again.", "")
	case http.StatusUnauthorized, http.StatusForbidden:
		return failure(status, "Unauthorized", "Access to requested resource is denied.", "")
	case http.StatusNotFound:
		return failure(status, "NotFound", "The requested resource was not found.", "")
	case http.StatusBadRequest:
		return failure(status, "InvalidInput", "Request has missing or invalid parameters and cannot be parsed.", "")
	}
	return failure(status, "InternalFailure", "We encountered an internal error. Please try again.", "")
}
