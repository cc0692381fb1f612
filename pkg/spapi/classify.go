package spapi

import (
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/sellerstream/sellerstream/pkg/spapi/internal/answers"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// classify turns an answer that is not a success into an error. body may be cut.
func classify(decoder *answers.Decoder, call call, account string, resp *http.Response, body []byte) *model.Error {
	e := &model.Error{
		Operation:  call.Name,
		Account:    account,
		Status:     resp.StatusCode,
		RequestID:  shorten(resp.Header.Get("x-amzn-RequestId"), 100),
		RateLimit:  rateLimit(resp.Header),
		RetryAfter: retryAfter(resp.Header),
	}
	e.Code, e.Message = errorList(decoder, body, sentSecrets(resp.Request))
	e.Class, e.Remedy = classOf(resp.StatusCode, call.InDoubt())
	switch e.Class {
	case model.Forbidden:
		e.Remedy = causeOf(e.Code, strings.ToLower(e.Message))
	case model.Throttled:
		// Only the message says whose limit it was.
		e.OfApplication = strings.Contains(strings.ToLower(e.Message), "for the application")
	}
	return e
}

// causeOf is the likely cause of a 403. Amazon has one code for nearly all of
// them, so its message and details are looked at too; only this text depends on
// them.
func causeOf(code, message string) (remedy string) {
	switch {
	case code == "MissingAuthenticationToken": // its gateway's word for a path that it does not know
		return "the endpoint does not know this operation: check its method and path, and the endpoint's URL"
	case strings.Contains(message, "signature"):
		return "the request's signature is refused: check this machine's clock and the account's role, " +
			"or remove the role: Amazon has not required signatures since October 2023"
	case strings.Contains(message, "access token"):
		return "the access token is refused: if a new one is too, the seller withdrew the authorization, " +
			"or the account's region is wrong"
	}
	return "likely causes: the seller withdrew or never gave the authorization, the application lacks the role " +
		"for this operation, the seller id is another seller's, or the account's region is wrong"
}

// classOf is the one place that says what a status means.
func classOf(status int, writes bool) (class model.Class, remedy string) {
	switch {
	case status == http.StatusTooManyRequests:
		return model.Throttled, ""
	case status == http.StatusUnauthorized:
		return model.Unauthorized, "check the account's refresh token and its application's client id and secret"
	case status == http.StatusForbidden:
		return model.Forbidden, "" // see causeOf
	case status == http.StatusNotFound:
		return model.NotFound, ""
	case status == http.StatusConflict:
		return model.Conflict, ""
	case status == http.StatusRequestTimeout || status >= 500:
		// The request may have been carried out before the answer was lost.
		if writes {
			return model.Ambiguous, ""
		}
		return model.Unavailable, ""
	case status >= 400:
		return model.Invalid, ""
	}
	// A redirect, or a success that the operation does not have: not Amazon.
	if writes {
		return model.Ambiguous, "check the endpoint: this is no answer of the Selling Partner API"
	}
	return model.Unavailable, "check the endpoint: this is no answer of the Selling Partner API"
}

const maxMessage = 300

// errorList reads Amazon's {"errors":[{code, message, details}]}. Anything else
// in the body stays there: it could hold a buyer's data.
func errorList(decoder *answers.Decoder, body []byte, hidden *strings.Replacer) (code, message string) {
	var list struct {
		Errors []struct {
			Code    string `json:"code" answer:"cut=1000"`
			Message string `json:"message" answer:"cut=4000"`
			Details string `json:"details" answer:"cut=4000"`
		} `json:"errors" answer:"max=1"` // the first is told
	}
	if _, err := decoder.Decode(body, &list); err != nil || len(list.Errors) == 0 {
		return "", ""
	}
	first := list.Errors[0]
	message = first.Message
	if first.Details != "" {
		message += " (" + first.Details + ")"
	}
	return shorten(hidden.Replace(first.Code), 60), shorten(hidden.Replace(message), maxMessage)
}

// sentSecrets hides the secrets of a request. In its message about a wrong signature
// AWS repeats the request's headers, tokens included.
func sentSecrets(sent *http.Request) *strings.Replacer {
	if sent == nil { // Config.Base did not say what it sent
		return hide()
	}
	return hide(sent.Header.Get("x-amz-access-token"), sent.Header.Get("X-Amz-Security-Token"))
}

// hide takes secrets out of a text from outside.
func hide(secrets ...string) *strings.Replacer {
	var pairs []string
	for _, secret := range secrets {
		if secret != "" {
			pairs = append(pairs, secret, "[secret]")
		}
	}
	return strings.NewReplacer(pairs...)
}

// lwaToken matches access, refresh and restricted data tokens (Atz.sprdt|…) as
// Amazon writes them.
var lwaToken = regexp.MustCompile(`Atz[a-zA-Z.]{1,10}\|[^\s"']*`)

// shorten makes text from outside fit for a log line.
func shorten(text string, limit int) string {
	if len(text) > 8*limit {
		text = text[:8*limit]
	}
	text = lwaToken.ReplaceAllString(strings.ToValidUTF8(text, "?"), "[secret]")
	var b strings.Builder
	for _, r := range text {
		if b.Len() >= limit {
			b.WriteString("…")
			break
		}
		if unicode.IsControl(r) {
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String()
}

// rateLimit reads x-amzn-RateLimit-Limit: requests per second of this
// operation for this seller and application; 0 when missing or absurd.
func rateLimit(header http.Header) float64 {
	rate, err := strconv.ParseFloat(header.Get("x-amzn-RateLimit-Limit"), 64)
	if err != nil || math.IsNaN(rate) || rate <= 0 || rate > 10_000 {
		return 0
	}
	return rate
}

// retryAfter reads the seconds of Retry-After, which Amazon does not document
// but a proxy may send; at most an hour.
func retryAfter(header http.Header) time.Duration {
	seconds, err := strconv.Atoi(header.Get("Retry-After"))
	if err != nil || seconds <= 0 {
		return 0
	}
	return time.Duration(min(seconds, 3600)) * time.Second
}
