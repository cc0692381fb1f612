package conformance_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/test/conformance"
	"github.com/sellerstream/sellerstream/test/long"
	"github.com/sellerstream/sellerstream/test/models"
	"github.com/sellerstream/sellerstream/test/property"
)

// clientModels are the models of the operations that are called here.
func clientModels(t *testing.T) []string {
	t.Helper()
	names := []string{ordersModel, ordersV0Model, tokensModel, notificationsModel, feedsModel, listingsModel}
	if models.Has(t, models.ReportsModel) {
		names = append(names, models.ReportsModel)
	}
	return names
}

// client is pkg/spapi's client behind Amazon's models.
type client struct {
	seller    *spapi.Seller
	grantless *spapi.Grantless
}

// newClient calls the SP-API and LWA at these addresses over base, and the hosts
// of documents over documents.
func newClient(t *testing.T, sp map[model.Region]string, lwa, refreshToken string, base, documents http.RoundTripper) client {
	t.Helper()
	shared, err := spapi.New(spapi.Config{
		UserAgent: "Conformance/1", Endpoints: sp, LWAEndpoint: lwa, Base: base, Once: base,
		Documents: documents, DocumentHosts: []string{sandboxHost},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(shared.Close)
	authorized := simulatortest.Application()
	application := spapi.Application{
		Name: authorized.Name, ClientID: authorized.ClientID, ClientSecret: secrets.Literal(secrets.New(authorized.ClientSecrets[0])),
	}
	var c client
	if c.seller, err = shared.Seller(spapi.SellerConfig{
		Account: simulatortest.German, Region: model.Europe, Application: application, RefreshToken: secrets.Literal(secrets.New(refreshToken)),
	}); err != nil {
		t.Fatal(err)
	}
	if c.grantless, err = shared.Grantless(application, model.Europe); err != nil {
		t.Fatal(err)
	}
	return c
}

// simulated is the client that calls a simulator.
type simulated struct {
	*amazon
	client
}

// startClient starts a simulator and a client of it. Nothing that the models
// forbid may pass between them, refused or not.
func startClient(t *testing.T, config simulator.Config) *simulated {
	t.Helper()
	a := start(t, config)
	a.checked.Model = conformance.LoadModel(t, clientModels(t)...)
	a.checked.Refusals = false
	checked := &documents{
		t: t, base: a.checked.Base,
		feed:   conformance.LoadSchema(t, "listings-feed-schema-v2.json"),
		report: conformance.LoadSchema(t, "listings-feed-processing-report-schema-v2.json"),
	}
	return &simulated{a, newClient(t, a.URLs.SPAPI, a.URLs.LWA, a.Accounts()[0].RefreshToken, a.checked, checked)}
}

// operations are the names of the operations, without those whose model is not there.
func operations(t *testing.T) []string {
	t.Helper()
	reports := models.Has(t, models.ReportsModel)
	var names []string
	for _, operation := range model.Operations() {
		if !operation.Throttle() && (reports || operation.Section != "reports") {
			names = append(names, operation.Name)
		}
	}
	return names
}

// TestClientConforms makes every call of the table against the simulator. An
// operation that the table gains has to come here.
func TestClientConforms(t *testing.T) {
	t.Parallel()
	s := startClient(t, simulator.Config{
		Rates: unlimited(), ItemsPerPage: 2, SKUs: 10, FeedTimes: simulator.FeedTimes{Least: 1, Most: 1},
	})
	var mu sync.Mutex
	succeeded := make(map[string]bool)
	s.checked.Answered = func(operation string, status int) {
		mu.Lock()
		defer mu.Unlock()
		succeeded[operation] = succeeded[operation] || status < 300
	}
	readOrder(t, s)
	searchPages(t, s)
	readRestricted(t, s)
	shipOrders(t, s)
	liveAndDie(t, s)
	setQuantities(t, s)
	if models.Has(t, models.ReportsModel) {
		readListings(t, s)
	}
	mu.Lock()
	defer mu.Unlock()
	names := operations(t)
	if len(names) < 10 {
		t.Errorf("the client's operations are only %v", names)
	}
	for _, name := range names {
		if !succeeded[name] {
			t.Errorf("the client's %s was not called with success: call it here, and add its model to clientModels", name)
		}
	}
}

// readOrder asks for an order without, with one, and with all included data.
func readOrder(t *testing.T, s *simulated) {
	t.Helper()
	id := s.Order(simulatortest.German)
	for _, included := range [][]string{nil, {model.IncludeFulfillment}, strings.Split(allData, ",")} {
		answer, _, err := s.seller.GetOrder(t.Context(), model.GetOrderRequest{OrderID: id, IncludedData: included})
		if err != nil || answer.Order.OrderID != id {
			t.Errorf("%v: %+v, %v", included, answer, err)
		}
	}
}

// TestAnyRequestConforms makes calls with whatever a caller may put into them.
// What the model leaves open may be anything; what it lists is drawn from there.
func TestAnyRequestConforms(t *testing.T) {
	t.Parallel()
	s := startClient(t, simulator.Config{Rates: unlimited()})
	property.CheckSeeds(t, property.Seeds(long.Pick(t, 60, property.FixedSeeds)), func(r *rapid.T) {
		s.checked.Report = func(err error) { r.Error(err) }
		ctx, text := t.Context(), rapid.String()
		// The simulator's ServeMux takes a segment that is an escaped slash for the path's end.
		segment := text.Filter(func(s string) bool { return s != "/" })
		kind, id := segment.Draw(r, "type"), segment.Draw(r, "id")
		version := text.Draw(r, "version")
		directive := rapid.Ptr(rapid.Custom(func(r *rapid.T) model.ProcessingDirective {
			return model.ProcessingDirective{FilterExpression: text.Draw(r, "expression"), EventFilter: rapid.Ptr(rapid.Custom(eventFilter), true).Draw(r, "filter")}
		}), true).Draw(r, "directive")
		_, _, getOrder := s.seller.GetOrder(ctx, model.GetOrderRequest{
			OrderID: id, IncludedData: rapid.SliceOfDistinct(rapid.SampledFrom(strings.Split(allData, ",")), rapid.ID).Draw(r, "data"),
		})
		_, _, getSubscriptions := s.seller.GetSubscriptions(ctx, model.GetSubscriptionsRequest{
			NotificationType: kind, PayloadVersion: version, NextToken: text.Draw(r, "token"),
		})
		_, _, getSubscription := s.seller.GetSubscription(ctx, model.GetSubscriptionRequest{NotificationType: kind, PayloadVersion: version})
		_, _, createSubscription := s.seller.CreateSubscription(ctx, model.CreateSubscriptionRequest{
			NotificationType: kind, PayloadVersion: version, DestinationID: id, ProcessingDirective: directive,
		})
		_, _, getSubscriptionByID := s.grantless.GetSubscriptionByID(ctx, model.GetSubscriptionByIDRequest{NotificationType: kind, SubscriptionID: id})
		_, _, deleteSubscriptionByID := s.grantless.DeleteSubscriptionByID(ctx, model.DeleteSubscriptionByIDRequest{NotificationType: kind, SubscriptionID: id})
		_, _, getDestination := s.grantless.GetDestination(ctx, model.GetDestinationRequest{DestinationID: id})
		_, _, createDestination := s.grantless.CreateDestination(ctx, model.CreateDestinationRequest{
			Name: text.Draw(r, "name"), Resource: model.DestinationResourceSpecification{SQS: &model.SQSResource{ARN: queueARN + id}},
		})
		_, _, deleteDestination := s.grantless.DeleteDestination(ctx, model.DeleteDestinationRequest{DestinationID: id})
		anyFeed(r, s)
		anyListing(r, s)
		for _, err := range append(anyOrder(r, s, id),
			getOrder, getSubscriptions, getSubscription, createSubscription, getSubscriptionByID,
			deleteSubscriptionByID, getDestination, createDestination, deleteDestination,
		) {
			var refusal *model.Error
			if err != nil && (!errors.As(err, &refusal) || refusal.Class != model.Invalid && refusal.Class != model.NotFound && refusal.Class != model.Conflict) {
				r.Errorf("%T: %v", err, err)
			}
		}
	})
}

func eventFilter(r *rapid.T) model.EventFilter {
	return model.EventFilter{
		Type:             rapid.SampledFrom([]string{model.OrderChangeNotification, "ANY_OFFER_CHANGED"}).Draw(r, "filter type"),
		MarketplaceIDs:   rapid.SliceOf(rapid.String()).Draw(r, "marketplaces"),
		OrderChangeTypes: rapid.SliceOf(rapid.SampledFrom([]string{"OrderStatusChange", "BuyerRequestedChange"})).Draw(r, "changes"),
	}
}
