package blame

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Party is who a failed call is blamed on.
type Party string

// The parties, from the narrowest to the widest, and ourselves.
const (
	// Nobody: the call did not fail.
	Nobody Party = ""
	// Item: what the call is about, such as an order, a SKU or a feed. It never
	// slows, parks or opens anything for others.
	Item Party = "item"
	// Operation: all of the account's calls of this operation, such as getOrder. Amazon
	// throttles, refuses or garbles all of them.
	Operation Party = "operation"
	// Account: the seller's authorization.
	Account Party = "account"
	// Application: the application's credentials, roles or limit, which its accounts share.
	Application Party = "application"
	// Host: Amazon, or the way to it.
	Host Party = "host"
	// Ourselves: our configuration, or a call that we stopped.
	Ourselves Party = "ourselves"
)

// Shared reports whether more than one account is concerned.
func (p Party) Shared() bool { return p == Application || p == Host || p == Ourselves }

// Of is the table. It returns who is to blame for err, the error of one call of
// operation, as far as that error alone tells.
func Of(operation string, err error) Party {
	if err == nil {
		return Nobody
	}
	var refusal *model.Error
	if !errors.As(err, &refusal) {
		if errors.Is(err, context.Canceled) {
			return Ourselves
		}
		return Host
	}
	switch {
	case refusal.Setting != "": // our configuration does not allow it
		return Ourselves
	case refusal.TokenMissing:
		return ofToken(refusal)
	case refusal.StaleToken: // we sent a token that was not fresh
		return Ourselves
	}
	called, _ := model.Describe(operation)
	switch refusal.Class {
	case model.Throttled:
		if refusal.OfApplication {
			return Application
		}
		return Operation
	case model.Unauthorized, model.Forbidden:
		if called.OneItem {
			return Item
		}
		return Account
	case model.NotFound, model.Invalid, model.Conflict, model.Malformed:
		if called.OneItem {
			return Item
		}
		return Operation
	}
	switch {
	case errors.Is(err, context.Canceled):
		return Ourselves
	case called.Document && refusesDocument(refusal.Status):
		return Item
	}
	return Host
}

// VagueFor is how long an item that is refused for no certain reason waits, to see
// whether others are refused alike: then a Tally blames what they share.
const VagueFor = time.Minute

// Vague reports whether err is a refusal that may be Amazon's own trouble. Amazon's
// models have only InvalidInput and BAD_REQUEST for a 400, whatever is wrong. So a
// refusal is certain only with a code that is known to be about the item.
func Vague(err error) bool {
	var refusal *model.Error
	return errors.As(err, &refusal) && refusal.Class == model.Invalid && refusal.Status != 0 &&
		!strings.Contains(refusal.Code+" "+refusal.Message, "PackageToUpdateNotFound")
}

// ofToken is for a call that was not made because there was no access token.
func ofToken(refusal *model.Error) Party {
	if refusal.Class != model.Unauthorized && refusal.Class != model.Forbidden {
		return Host // Login with Amazon, STS or the place of the secrets
	}
	switch refusal.Code {
	case "invalid_client", "unauthorized_client", "invalid_scope", // RFC 6749, 5.2
		model.ClientSecretUnreadable:
		return Application
	case "", model.UnknownCode: // no words of LWA or STS: something before them, or an outage
		return Host
	}
	return Account // its refresh token or its role, as long as others are not refused alike
}

// refusesDocument reports whether the host of documents refuses one: S3 answers so
// when that document's URL has expired. Its class says that a new URL may do.
func refusesDocument(status int) bool {
	const timeout, tooMany = 408, 429
	return status >= 400 && status < 500 && status != timeout && status != tooMany
}
