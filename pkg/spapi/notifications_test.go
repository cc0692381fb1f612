package spapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

const (
	aSubscription = `{"payload":{"subscriptionId":"s-1","payloadVersion":"1.0","destinationId":"d-1","processingDirective":{"eventFilter":{"eventFilterType":"ORDER_CHANGE","marketplaceIds":["M"]}}}}`
	aDestination  = `{"payload":{"destinationId":"d-1","name":"ours","resource":{"sqs":{"arn":"arn:aws:sqs:eu-west-1:1:q"}}}}`
)

func TestNotificationOperations(t *testing.T) {
	t.Parallel()
	subscription := model.Subscription{
		ID: "s-1", PayloadVersion: "1.0", DestinationID: "d-1",
		ProcessingDirective: &model.ProcessingDirective{EventFilter: &model.EventFilter{Type: "ORDER_CHANGE", MarketplaceIDs: []string{"M"}}},
	}
	destination := model.Destination{ID: "d-1", Name: "ours", Resource: model.DestinationResource{SQS: &model.SQSResource{ARN: "arn:aws:sqs:eu-west-1:1:q"}}}
	for _, test := range []struct {
		name    string
		call    func(context.Context, *Seller, *Grantless) (any, error)
		answer  string
		want    any
		request string // method, URL and body
		grant   string
	}{
		{
			"getSubscriptions", func(ctx context.Context, s *Seller, _ *Grantless) (any, error) {
				got, _, err := s.GetSubscriptions(ctx, model.GetSubscriptionsRequest{NotificationType: "ORDER_CHANGE", PayloadVersion: "1.0", NextToken: "a b"})
				return got, err
			},
			`{"payload":{"subscriptions":[` + aSubscription[len(`{"payload":`):len(aSubscription)-1] + `],"nextToken":"n"}}`,
			&model.SubscriptionPage{Subscriptions: []model.Subscription{subscription}, NextToken: "n"},
			"GET /notifications/v1/subscriptions?nextToken=a+b&notificationTypes=ORDER_CHANGE&payloadVersion=1.0 ", "refresh_token",
		},
		{
			"getSubscription", func(ctx context.Context, s *Seller, _ *Grantless) (any, error) {
				got, _, err := s.GetSubscription(ctx, model.GetSubscriptionRequest{NotificationType: "ORDER_CHANGE", PayloadVersion: "1.0"})
				return got, err
			},
			aSubscription, &subscription, "GET /notifications/v1/subscriptions/ORDER_CHANGE?payloadVersion=1.0 ", "refresh_token",
		},
		{
			"createSubscription", func(ctx context.Context, s *Seller, _ *Grantless) (any, error) {
				got, _, err := s.CreateSubscription(ctx, model.CreateSubscriptionRequest{
					NotificationType: "ORDER_CHANGE", PayloadVersion: "1.0", DestinationID: "d-1",
					ProcessingDirective: &model.ProcessingDirective{EventFilter: &model.EventFilter{Type: "ORDER_CHANGE"}},
				})
				return got, err
			},
			aSubscription, &subscription,
			`POST /notifications/v1/subscriptions/ORDER_CHANGE {"payloadVersion":"1.0","destinationId":"d-1","processingDirective":{"eventFilter":{"eventFilterType":"ORDER_CHANGE"}}}`,
			"refresh_token",
		},
		{
			"getSubscriptionById", func(ctx context.Context, _ *Seller, g *Grantless) (any, error) {
				got, _, err := g.GetSubscriptionByID(ctx, model.GetSubscriptionByIDRequest{NotificationType: "ORDER_CHANGE", SubscriptionID: "s/1"})
				return got, err
			},
			aSubscription, &subscription, "GET /notifications/v1/subscriptions/ORDER_CHANGE/s%2F1 ", "client_credentials",
		},
		{
			"deleteSubscriptionById", func(ctx context.Context, _ *Seller, g *Grantless) (any, error) {
				_, _, err := g.DeleteSubscriptionByID(ctx, model.DeleteSubscriptionByIDRequest{NotificationType: "ORDER_CHANGE", SubscriptionID: "s-1"})
				return nil, err
			},
			`{}`, nil, "DELETE /notifications/v1/subscriptions/ORDER_CHANGE/s-1 ", "client_credentials",
		},
		{
			"getDestinations", func(ctx context.Context, _ *Seller, g *Grantless) (any, error) {
				got, _, err := g.GetDestinations(ctx, model.GetDestinationsRequest{})
				return got, err
			},
			`{"payload":[` + aDestination[len(`{"payload":`):len(aDestination)-1] + `]}`, &model.GetDestinationsResponse{Destinations: []model.Destination{destination}},
			"GET /notifications/v1/destinations ", "client_credentials",
		},
		{
			"getDestination", func(ctx context.Context, _ *Seller, g *Grantless) (any, error) {
				got, _, err := g.GetDestination(ctx, model.GetDestinationRequest{DestinationID: "d-1"})
				return got, err
			},
			aDestination, &destination, "GET /notifications/v1/destinations/d-1 ", "client_credentials",
		},
		{
			"createDestination", func(ctx context.Context, _ *Seller, g *Grantless) (any, error) {
				got, _, err := g.CreateDestination(ctx, model.CreateDestinationRequest{
					Name: "ours", Resource: model.DestinationResourceSpecification{SQS: &model.SQSResource{ARN: "arn:aws:sqs:eu-west-1:1:q"}},
				})
				return got, err
			},
			aDestination, &destination,
			`POST /notifications/v1/destinations {"name":"ours","resourceSpecification":{"sqs":{"arn":"arn:aws:sqs:eu-west-1:1:q"}}}`, "client_credentials",
		},
		{
			"deleteDestination", func(ctx context.Context, _ *Seller, g *Grantless) (any, error) {
				_, _, err := g.DeleteDestination(ctx, model.DeleteDestinationRequest{DestinationID: "d-1"})
				return nil, err
			},
			`{}`, nil, "DELETE /notifications/v1/destinations/d-1 ", "client_credentials",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			status := http.StatusOK
			f.api = func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if got := fmt.Sprintf("%s %s %s", r.Method, r.URL, body); got != test.request {
					t.Errorf("request %s, want %s", got, test.request)
				}
				if media := r.Header.Get("Content-Type"); (media == "application/json") != (len(body) > 0) {
					t.Errorf("Content-Type %q of a body of %d bytes", media, len(body))
				}
				w.WriteHeader(status)
				fmt.Fprint(w, test.answer)
			}
			client := f.client(t, nil)
			seller, err := client.Seller(testSeller("acme-eu"))
			if err != nil {
				t.Fatal(err)
			}
			grantless, err := client.Grantless(testApplication(), model.Europe)
			if err != nil {
				t.Fatal(err)
			}
			got, err := test.call(t.Context(), seller, grantless)
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, %v", got, err)
			}
			if grant := f.forms[0]["grant_type"]; grant != test.grant {
				t.Errorf("grant %s, want %s", grant, test.grant)
			}

			status = http.StatusInternalServerError
			_, err = test.call(t.Context(), seller, grantless)
			want := model.Unavailable
			if model.Writes(test.name) {
				want = model.Ambiguous
			}
			var refusal *model.Error
			if !errors.As(err, &refusal) || refusal.Class != want || refusal.Operation != test.name {
				t.Errorf("a 500: %v, want %s of %s", err, want, test.name)
			}
		})
	}
}

func TestAnswersWithoutAnIDAreNoAnswers(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.api = func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"payload":{}}`) }
	_, _, err := f.seller(t, nil).CreateSubscription(t.Context(), model.CreateSubscriptionRequest{NotificationType: "ORDER_CHANGE"})
	var refusal *model.Error
	if !errors.As(err, &refusal) || refusal.Class != model.Malformed {
		t.Errorf("an empty subscription: %v", err)
	}
}

func TestSubscriptionsAreListedByOneType(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.api = func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s was sent", r.URL) }
	seller := f.seller(t, nil)
	for _, kind := range []string{"", "ORDER_CHANGE,FEED_PROCESSING_FINISHED"} {
		_, _, err := seller.GetSubscriptions(t.Context(), model.GetSubscriptionsRequest{NotificationType: kind})
		var refusal *model.Error
		if !errors.As(err, &refusal) || refusal.Class != model.Invalid {
			t.Errorf("type %q: %v", kind, err)
		}
	}
}

func TestGrantlessChecksItsConfiguration(t *testing.T) {
	t.Parallel()
	client := newFake(t).client(t, nil)
	if _, err := client.Grantless(testApplication(), "mars"); err == nil || !strings.Contains(err.Error(), "mars") {
		t.Errorf("no region: %v", err)
	}
	if _, err := client.Grantless(Application{Name: "main"}, model.Europe); err == nil || !strings.Contains(err.Error(), "main") {
		t.Errorf("no client: %v", err)
	}
	grantless, err := client.Grantless(testApplication(), model.Europe)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = grantless.GetDestination(t.Context(), model.GetDestinationRequest{DestinationID: ".."})
	var refusal *model.Error
	if !errors.As(err, &refusal) || refusal.Class != model.Invalid {
		t.Errorf("an id that is a path: %v", err)
	}
}
