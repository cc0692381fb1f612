package model

import (
	"errors"
	"testing"
)

func TestErrorIsOneLineForPeople(t *testing.T) {
	t.Parallel()
	cause := errors.New("connection reset")
	for want, err := range map[string]*Error{
		"getOrder for account acme-eu: not_found (404): NotFound: no such order [request r-1]": {
			Class: NotFound, Operation: GetOrder, Account: "acme-eu", Status: 404, Code: "NotFound", Message: "no such order", RequestID: "r-1",
		},
		"getOrder for account acme-eu: unavailable: connection reset": {
			Class: Unavailable, Operation: GetOrder, Account: "acme-eu", Err: cause,
		},
		"createDestination: forbidden (403); check the role": {
			Class: Forbidden, Operation: CreateDestination, Status: 403, Remedy: "check the role",
		},
	} {
		if got := err.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if err.Err != nil && !errors.Is(err, cause) {
			t.Error("the cause is lost")
		}
	}
}

func TestWrites(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{
		GetOrder, SearchOrders, GetOrderV0, GetOrderItemsV0, CreateRestrictedDataToken, GetFeed, GetFeeds, GetFeedDocument,
		GetListingsItem, SearchListingsItems, GetDestination, GetDestinations, GetSubscription, GetSubscriptions, GetSubscriptionByID,
		GetReport, GetReportDocument,
	} {
		if Writes(operation) {
			t.Errorf("%s only reads", operation)
		}
	}
	for _, operation := range []string{
		ConfirmShipment, CreateFeedDocument, CreateFeed, CancelFeed, PatchListingsItem, CreateDestination, DeleteDestination,
		CreateSubscription, DeleteSubscriptionByID, CreateReport, "somethingNew",
	} {
		if !Writes(operation) {
			t.Errorf("%s changes something at Amazon", operation)
		}
	}
}

func TestRegions(t *testing.T) {
	t.Parallel()
	for marketplace, want := range map[string]Region{
		"A1PA6795UKMFR9": Europe, "ATVPDKIKX0DER": NorthAmerica, "A1VC38T7YXB528": FarEast, "": "", "nowhere": "",
	} {
		region := RegionOf(marketplace)
		if region != want || region.Valid() != (want != "") || (region.Endpoint() == "") != (want == "") || (region.AWSRegion() == "") != (want == "") {
			t.Errorf("%s: region %q, endpoint %q, AWS region %q", marketplace, region, region.Endpoint(), region.AWSRegion())
		}
	}
}
