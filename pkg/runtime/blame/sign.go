package blame

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// unavailable is what calls of a host that does not answer have in common.
const unavailable = "unavailable"

// pair is an account's operation.
type pair struct{ account, operation string }

// scope is what accounts share.
type scope struct{ host, application, operation string }

// says is what the end of one call shows about similar calls.
type says int

const (
	nothing says = iota
	answers      // they are well
	fails        // they may fail alike
)

// sign is the end of a call, as a Tally counts it.
type sign struct {
	says   says
	scope  scope  // what its account shares
	alike  string // what like failures have in common
	status string // " (503)" of an answer, where alike does not have it
	need   int    // how many items must fail alike; 0 when it is not the item's fault to begin with
	party  Party  // that items' failures are blamed on
	wider  Party  // that accounts' failures are blamed on
	atOnce bool   // it is known to be shared
	passes bool   // items of several accounts show that they share it, though few are of each
	unheld bool   // calls are held back, if at all, by their breaker or lane
}

// signOf is what the end of a call shows.
func signOf(call Call, err error, party Party) sign {
	var refusal *model.Error
	known := errors.As(err, &refusal)
	switch {
	case err == nil:
		return sign{says: answers}
	case party == Ourselves:
		if known && refusal.Setting != "" {
			return sign{says: fails, party: Ourselves, alike: refusal.Setting + ": " + refusal.Message}
		}
		return sign{}
	case known && refusal.TokenMissing:
		return loginSign(call, refusal, party)
	case party == Host:
		s := sign{says: fails, scope: scopeOf(call), alike: unavailable, party: Host, wider: Host, unheld: true}
		if known {
			s.status = statusText(refusal.Status)
		}
		return s
	}
	s := sign{says: fails, scope: scopeOf(call), alike: alike(refusal)}
	switch refusal.Class {
	case model.Unauthorized, model.Forbidden:
		s.need, s.party, s.wider, s.passes = needRefused, Account, Application, true
	case model.Malformed, model.Invalid:
		if refusal.Status == 0 { // refused before it was sent
			return sign{}
		}
		s.need, s.party, s.wider = needGarbled, Operation, Host
		s.passes = refusal.Class == model.Invalid // an item that cannot be read stays so
		s.unheld = s.passes && party == Item
	case model.NotFound, model.Conflict: // an answer about the item
		return sign{says: answers}
	default:
		return sign{} // throttled, or the host of a document
	}
	if party != Item {
		s.need = 0
	}
	return s
}

// loginSign is for a call that was not made because there was no access token.
func loginSign(call Call, refusal *model.Error, party Party) sign {
	s := sign{says: fails, scope: loginOf(call), alike: unavailable, party: party, wider: party}
	switch party {
	case Account:
		s.wider = Application
	case Application:
		s.atOnce = true
	default:
		s.status = statusText(refusal.Status)
		return s
	}
	s.alike = alike(refusal) + space(refusal.Code) // the code is of a short list and names what is refused
	return s
}

// alike is what like refusals have in common. Amazon's codes vary in one outage.
func alike(refusal *model.Error) string {
	return cmp.Or(string(refusal.Class), "error") + statusText(refusal.Status)
}

func scopeOf(call Call) scope { return scope{call.Host, call.Application, call.Operation} }

func loginOf(call Call) scope { return scope{Login, call.Application, ""} }

func statusText(status int) string {
	if status == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d)", status)
}

func space(code string) string {
	if code == "" {
		return ""
	}
	return " " + code
}
