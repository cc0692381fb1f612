package conformance_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/test/conformance"
)

const notificationsModel = "notifications.json"

func wantClass(t *testing.T, what string, err error, class model.Class) {
	t.Helper()
	var refusal *model.Error
	if !errors.As(err, &refusal) || refusal.Class != class {
		t.Errorf("%s: %v, want %s", what, err, class)
	}
}

// liveAndDie takes a destination and two subscriptions through their lives.
func liveAndDie(t *testing.T, n *simulated) {
	t.Helper()
	ctx := t.Context()
	request := model.CreateDestinationRequest{
		Name: "sellerstream", Resource: model.DestinationResourceSpecification{SQS: &model.SQSResource{ARN: "arn:aws:sqs:eu-west-1:1:q"}},
	}
	made, _, err := n.grantless.CreateDestination(ctx, request)
	if err != nil || made.QueueARN() != request.Resource.SQS.ARN {
		t.Fatalf("%+v, %v", made, err)
	}
	_, _, err = n.grantless.CreateDestination(ctx, request)
	wantClass(t, "the same destination", err, model.Conflict)
	if all, _, err := n.grantless.GetDestinations(ctx, model.GetDestinationsRequest{}); err != nil || len(all.Destinations) != 1 || all.Destinations[0].ID != made.ID {
		t.Errorf("%+v, %v", all, err)
	}
	for kind, directive := range map[string]*model.ProcessingDirective{
		model.OrderChangeNotification:            {EventFilter: &model.EventFilter{Type: model.OrderChangeNotification, MarketplaceIDs: []string{simulatortest.Germany}}},
		model.FeedProcessingFinishedNotification: nil,
	} {
		sub, _, err := n.seller.CreateSubscription(ctx, model.CreateSubscriptionRequest{
			NotificationType: kind, PayloadVersion: "1.0", DestinationID: made.ID, ProcessingDirective: directive,
		})
		if err != nil || sub.DestinationID != made.ID {
			t.Fatalf("%s: %+v, %v", kind, sub, err)
		}
		_, _, err = n.seller.CreateSubscription(ctx, model.CreateSubscriptionRequest{
			NotificationType: kind, PayloadVersion: "1.0", DestinationID: made.ID, ProcessingDirective: directive,
		})
		wantClass(t, "the same subscription", err, model.Conflict)
		if got, _, err := n.seller.GetSubscription(ctx, model.GetSubscriptionRequest{NotificationType: kind, PayloadVersion: "1.0"}); err != nil || got.ID != sub.ID {
			t.Errorf("%s: %+v, %v", kind, got, err)
		}
		page, _, err := n.seller.GetSubscriptions(ctx, model.GetSubscriptionsRequest{NotificationType: kind, PayloadVersion: "1.0"})
		if err != nil || len(page.Subscriptions) != 1 || page.NextToken != "" {
			t.Errorf("%s: %+v, %v", kind, page, err)
		}
		if got, _, err := n.grantless.GetSubscriptionByID(ctx, model.GetSubscriptionByIDRequest{NotificationType: kind, SubscriptionID: sub.ID}); err != nil || got.ID != sub.ID {
			t.Errorf("%s: %+v, %v", kind, got, err)
		}
		if _, _, err := n.grantless.DeleteSubscriptionByID(ctx, model.DeleteSubscriptionByIDRequest{NotificationType: kind, SubscriptionID: sub.ID}); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		_, _, err = n.grantless.DeleteSubscriptionByID(ctx, model.DeleteSubscriptionByIDRequest{NotificationType: kind, SubscriptionID: sub.ID})
		wantClass(t, "a deleted subscription", err, model.NotFound)
	}
	if got, _, err := n.grantless.GetDestination(ctx, model.GetDestinationRequest{DestinationID: made.ID}); err != nil || got.Name != "sellerstream" {
		t.Errorf("%+v, %v", got, err)
	}
	if _, _, err := n.grantless.DeleteDestination(ctx, model.DeleteDestinationRequest{DestinationID: made.ID}); err != nil {
		t.Error(err)
	}
	_, _, err = n.grantless.GetDestination(ctx, model.GetDestinationRequest{DestinationID: made.ID})
	wantClass(t, "a deleted destination", err, model.NotFound)
}

// TestSubscriptionPagesConform reads more subscriptions than fit on a page.
func TestSubscriptionPagesConform(t *testing.T) {
	t.Parallel()
	n := startClient(t, simulator.Config{})
	const count = 31
	for range count {
		if _, err := n.Subscribe(simulatortest.German, model.FeedProcessingFinishedNotification, queueARN); err != nil {
			t.Fatal(err)
		}
	}
	ids, pages := make(map[string]bool), 0
	request := model.GetSubscriptionsRequest{NotificationType: model.FeedProcessingFinishedNotification}
	for page, err := range spapi.Pages(t.Context(), 10, n.seller.GetSubscriptions, request) {
		if err != nil {
			t.Fatal(err)
		}
		for _, sub := range page.Subscriptions {
			ids[sub.ID] = true
		}
		pages++
	}
	if len(ids) != count || pages != 2 {
		t.Errorf("%d of %d subscriptions on %d pages", len(ids), count, pages)
	}
}

// TestNotificationsRefusalsConform makes the simulator refuse in every way.
func TestNotificationsRefusalsConform(t *testing.T) {
	t.Parallel()
	n, ctx := startClient(t, simulator.Config{}), t.Context()
	n.checked.Refusals = true
	_, _, err := n.seller.CreateSubscription(ctx, model.CreateSubscriptionRequest{NotificationType: model.OrderChangeNotification, PayloadVersion: "1.0", DestinationID: "x"})
	wantClass(t, "no directive", err, model.Invalid)
	_, _, err = n.seller.GetSubscription(ctx, model.GetSubscriptionRequest{NotificationType: model.FeedProcessingFinishedNotification})
	wantClass(t, "no subscription", err, model.NotFound)
	_, _, err = n.grantless.CreateDestination(ctx, model.CreateDestinationRequest{
		Name: strings.Repeat("x", 70_000), Resource: model.DestinationResourceSpecification{SQS: &model.SQSResource{ARN: "arn:aws:sqs:eu-west-1:1:q"}},
	})
	wantClass(t, "too large", err, model.Invalid)
	for status, class := range map[int]model.Class{400: model.Invalid, 403: model.Forbidden, 429: model.Throttled, 500: model.Ambiguous, 503: model.Ambiguous} {
		n.Fault(simulator.Rule{Part: simulator.SPAPI, Times: 1, Action: simulator.Action{Status: status}})
		_, _, err := n.grantless.DeleteDestination(ctx, model.DeleteDestinationRequest{DestinationID: "x"})
		wantClass(t, http.StatusText(status), err, class)
	}
}

// A misspelt property inside an allOf is found too.
func TestFiltersAreClosed(t *testing.T) {
	t.Parallel()
	n := startClient(t, simulator.Config{})
	for filter, faults := range map[string]int{`{"eventFilterType":"ORDER_CHANGE"}`: 0, `{"eventFilterType":"ORDER_CHANGE","marketplaces":[]}`: 1, `{}`: 1} {
		reported := 0
		transport := &conformance.Transport{
			Base: answered{http.StatusOK, http.Header{"X-Amzn-Requestid": {"1"}, "Content-Type": {"application/json"}},
				`{"payload":{"subscriptionId":"s","payloadVersion":"1.0","destinationId":"d","processingDirective":{"eventFilter":` + filter + `}}}`},
			Model: n.checked.Model, Report: func(error) { reported++ },
		}
		answer, err := transport.RoundTrip(n.Request(http.MethodGet, "http://localhost/notifications/v1/subscriptions/ORDER_CHANGE", ""))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if reported != faults {
			t.Errorf("%s: %d faults reported", filter, reported)
		}
	}
}
