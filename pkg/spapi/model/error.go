package model

import (
	"fmt"
	"strings"
	"time"
)

// Class is what an error means to the caller.
type Class string

// The classes.
const (
	// Throttled: 429; nothing happened.
	Throttled Class = "throttled"
	// Unauthorized: the credentials or the token are refused; nothing happened.
	Unauthorized Class = "unauthorized"
	// Forbidden: the credentials are good, but not for this; nothing happened.
	Forbidden Class = "forbidden"
	// NotFound: 404.
	NotFound Class = "not_found"
	// Invalid: Amazon will never accept this request.
	Invalid Class = "invalid"
	// Conflict: 409, the thing exists or is in another state.
	Conflict Class = "conflict"
	// Ambiguous: a writing call that may or may not have happened.
	Ambiguous Class = "ambiguous"
	// Unavailable: Amazon, or the way to it, is down; a read can be repeated.
	Unavailable Class = "unavailable"
	// Malformed: an answer of success that cannot be read, or that lacks what it
	// must have. Message names the field by its JSON path. A writing call has
	// happened, who knows with what result.
	Malformed Class = "malformed"
)

// Codes of our own, for a call that was not made because there was no access token.
const (
	// ClientSecretUnreadable: the application's secret cannot be read where it is kept.
	ClientSecretUnreadable = "client_secret_unreadable"
	// RefreshTokenUnreadable: the account's refresh token cannot be read where it is kept.
	RefreshTokenUnreadable = "refresh_token_unreadable"
	// UnknownCode stands for a code that Login with Amazon or STS is not known to have.
	UnknownCode = "unknown code"
)

// Error is a call that failed. It holds neither tokens nor the body of an
// answer, only Amazon's code and message.
type Error struct {
	Class     Class
	Operation string
	Account   string // our name of the account; "" for a grantless call
	Status    int    // HTTP status; 0 when there was no answer
	Code      string // Amazon's code, such as "InvalidInput", LWA's, such as "invalid_grant", or one of ours
	Message   string // Amazon's message, shortened
	RequestID string // x-amzn-RequestId, for a case with Amazon's support
	Remedy    string // what to do about it; "" where waiting is all there is
	Setting   string // the setting of our configuration that does not allow it, such as "spapi.document_hosts"; usually ""
	// RetryAfter is how long the other side asked to wait; usually 0.
	RetryAfter time.Duration
	// OfApplication says that a call was throttled by the limit which the accounts of the
	// application share, not by the account's own.
	OfApplication bool
	// RateLimit is the rate of x-amzn-RateLimit-Limit in requests per second; 0
	// when there was none (Amazon sends it with 400 and 404 too).
	RateLimit float64
	// StaleToken says that the refused access token was not a fresh one and has
	// been dropped: the next try gets a new one.
	StaleToken bool
	// TokenMissing says that the call was never made: there was no access token
	// or, for an account with a role, there were no AWS credentials.
	TokenMissing bool
	// NotSent says that the call failed before a byte of it was written to
	// Amazon: nothing happened. Without it, a call that has no answer may have
	// been sent. A call for which TokenMissing is set was not sent either.
	NotSent bool
	Err     error // the cause, where there was no answer
}

// Error is one line for the person who reads the log.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Operation)
	if e.Account != "" {
		b.WriteString(" for account " + e.Account)
	}
	fmt.Fprintf(&b, ": %s", e.Class)
	if e.Status != 0 {
		fmt.Fprintf(&b, " (%d)", e.Status)
	}
	if e.Code != "" {
		b.WriteString(": " + e.Code)
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	if e.RequestID != "" {
		b.WriteString(" [request " + e.RequestID + "]")
	}
	if e.Remedy != "" {
		b.WriteString("; " + e.Remedy)
	}
	return b.String()
}

// InputDocumentRefused says that createFeed was refused for its input document,
// as far as Amazon tells: the document is unknown, expired or was never
// uploaded. Amazon's 400 often says no more than "Invalid request parameters"
// (selling-partner-api-models#5186), and what else can be wrong with a request
// that Seller.CreateFeed let pass is the feed's type or the marketplace. So it
// is true for every 400 that names neither: upload the document again, but not for
// ever.
func (e *Error) InputDocumentRefused() bool {
	if e.Operation != CreateFeed || e.Class != Invalid || e.Status != 400 {
		return false
	}
	text := strings.ToLower(e.Message)
	return strings.Contains(text, "document") || !strings.Contains(text, "marketplace") && !strings.Contains(text, "feedtype") &&
		!strings.Contains(text, "feed type")
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }
