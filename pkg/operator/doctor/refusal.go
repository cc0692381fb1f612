package doctor

import (
	"errors"
	"fmt"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// classOf returns the class of a failed call; "" where err is no error of a call.
func classOf(err error) model.Class {
	var refusal *model.Error
	if errors.As(err, &refusal) {
		return refusal.Class
	}
	return ""
}

// waitFor is what to do about an answer that is Amazon's fault.
const waitFor = "wait: it goes on by itself; if it lasts, see Amazon's status page"

// said is what Amazon answered, without the call's name and our own advice.
func said(refusal *model.Error) string {
	text := refusal.Code
	if refusal.Status != 0 {
		text = fmt.Sprintf("%d %s", refusal.Status, text)
	}
	if refusal.Message != "" {
		text += ": " + refusal.Message
	}
	if refusal.Err != nil {
		text += " " + refusal.Err.Error()
	}
	if refusal.RequestID != "" {
		text += " [request " + refusal.RequestID + "]"
	}
	return oneLine(text)
}

// tokenFault is why Login with Amazon gives no token. Its codes are LWA's
// (Login with Amazon, "Access token errors").
func (d *doctor) tokenFault(err error, application string) Finding {
	var refusal *model.Error
	if !errors.As(err, &refusal) {
		return fail(oneLine(err.Error()), "Login with Amazon was not asked", "try again")
	}
	found := said(refusal)
	switch {
	case refusal.Class == model.Unavailable && refusal.Status != 0:
		return fail(found, fmt.Sprintf("Login with Amazon answers %d at %s: it is reached, and is ill or busy", refusal.Status, d.Config.SPAPI.LWAEndpoint),
			waitFor)
	case refusal.Class == model.Unavailable:
		return fail(found, "Login with Amazon does not answer at "+d.Config.SPAPI.LWAEndpoint,
			"check that this machine reaches it (network, proxy) and that spapi.lwa_endpoint is right")
	case refusal.Code == model.ClientSecretUnreadable || refusal.Code == model.RefreshTokenUnreadable:
		return fail(found, refusal.Message, refusal.Remedy)
	case refusal.Code == "invalid_client":
		return fail(found, "the client id and the client secret of application "+application+
			" do not belong together: one of them is wrong, or the secret was rotated or has expired",
			"copy both from the application's \"LWA credentials\" in Seller Central; secrets end 180 days after they were made")
	case refusal.Code == "invalid_scope":
		return fail(found, "application "+application+" may not make calls that need no seller",
			"register it as an SP-API application in Seller Central, with at least one role")
	case refusal.Code == "unauthorized_client":
		return fail(found, "the refresh token was given to another application than "+application,
			"write the application to which the seller gave it under accounts[].application, or the refresh token that the seller gave to "+application)
	case refusal.Code == "invalid_grant":
		return fail(found, "the refresh token is wrong, or the seller withdrew the authorization, or it has ended after a year",
			"let the seller authorize application "+application+" again in Seller Central, and write the new refresh token")
	}
	return fail(found, "Login with Amazon refuses the request", "see what it says; check the application's credentials and spapi.lwa_endpoint")
}

// callFault is why Amazon does not answer a call as it should, apart from 403s,
// whose cause only more than one call tells.
func (d *doctor) callFault(err error, application string, region model.Region) Finding {
	var refusal *model.Error
	if !errors.As(err, &refusal) {
		return fail(oneLine(err.Error()), "the call was not made", "try again")
	}
	found := said(refusal)
	switch {
	case refusal.TokenMissing && refusal.Class == model.Unauthorized:
		return d.tokenFault(err, application)
	case refusal.Class == model.Throttled:
		return skip("throttled: the quota of %s is being used by somebody else, such as the role subscriptions; run doctor again in a few seconds", refusal.Operation)
	case refusal.Class == model.Unavailable && refusal.Status != 0:
		return fail(found, fmt.Sprintf("Amazon answers %d at %s: it is reached, and is ill or busy", refusal.Status, d.Config.SPAPI.Endpoints[region]), waitFor)
	case refusal.Class == model.Unavailable:
		return fail(found, "Amazon does not answer at "+d.Config.SPAPI.Endpoints[region],
			"check that this machine reaches it (network, proxy), and spapi.endpoints")
	case refusal.Class == model.Unauthorized:
		return fail(found, "Amazon does not accept the token that Login with Amazon has just given", "check that spapi.endpoints and spapi.lwa_endpoint belong together: production or sandbox")
	}
	return fail(found, "Amazon refuses "+refusal.Operation, "see what Amazon says")
}
