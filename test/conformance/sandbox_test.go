package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/test/conformance"
)

const queueARN = "arn:aws:sqs:us-east-2:444455556666:queue1"

// enveloped is an answer as it was on the wire.
type enveloped[T any] struct {
	Payload T `json:"payload"`
}

// calls makes each of the client's operations with the parameters of a case,
// and gives what the client made of the answer.
func calls() map[string]func(context.Context, client, map[string]string) (any, error) {
	all := orderCalls()
	maps.Copy(all, feedCalls())
	maps.Copy(all, listingCalls())
	maps.Copy(all, reportCalls())
	maps.Copy(all, map[string]func(context.Context, client, map[string]string) (any, error){
		model.GetOrder: func(ctx context.Context, c client, with map[string]string) (any, error) {
			request := model.GetOrderRequest{OrderID: with["orderId"]}
			if with["includedData"] != "" {
				request.IncludedData = strings.Split(with["includedData"], ",")
			}
			answer, _, err := c.seller.GetOrder(ctx, request)
			return answer, err
		},
		model.GetSubscriptions: func(ctx context.Context, c client, with map[string]string) (any, error) {
			page, _, err := c.seller.GetSubscriptions(ctx, model.GetSubscriptionsRequest{NotificationType: with["notificationTypes"]})
			return enveloped[*model.SubscriptionPage]{page}, err
		},
		model.GetSubscription: func(ctx context.Context, c client, _ map[string]string) (any, error) {
			sub, _, err := c.seller.GetSubscription(ctx, model.GetSubscriptionRequest{NotificationType: model.OrderChangeNotification, PayloadVersion: "1.0"})
			return enveloped[*model.Subscription]{sub}, err
		},
		model.CreateSubscription: func(ctx context.Context, c client, _ map[string]string) (any, error) {
			sub, _, err := c.seller.CreateSubscription(ctx, model.CreateSubscriptionRequest{
				NotificationType: model.OrderChangeNotification, PayloadVersion: "1.0", DestinationID: "TEST_CASE_200_DESTINATION_ID",
				ProcessingDirective: &model.ProcessingDirective{EventFilter: &model.EventFilter{Type: model.OrderChangeNotification}},
			})
			return enveloped[*model.Subscription]{sub}, err
		},
		model.GetSubscriptionByID: func(ctx context.Context, c client, _ map[string]string) (any, error) {
			sub, _, err := c.grantless.GetSubscriptionByID(ctx, model.GetSubscriptionByIDRequest{NotificationType: model.OrderChangeNotification, SubscriptionID: "s"})
			return enveloped[*model.Subscription]{sub}, err
		},
		model.DeleteSubscriptionByID: func(ctx context.Context, c client, _ map[string]string) (any, error) {
			_, _, err := c.grantless.DeleteSubscriptionByID(ctx, model.DeleteSubscriptionByIDRequest{NotificationType: model.OrderChangeNotification, SubscriptionID: "s"})
			return nil, err
		},
		model.GetDestinations: func(ctx context.Context, c client, _ map[string]string) (any, error) {
			all, _, err := c.grantless.GetDestinations(ctx, model.GetDestinationsRequest{})
			if err != nil {
				return nil, err
			}
			return enveloped[[]model.Destination]{all.Destinations}, nil
		},
		model.GetDestination: func(ctx context.Context, c client, _ map[string]string) (any, error) {
			destination, _, err := c.grantless.GetDestination(ctx, model.GetDestinationRequest{DestinationID: "d"})
			return enveloped[*model.Destination]{destination}, err
		},
		model.CreateDestination: func(ctx context.Context, c client, _ map[string]string) (any, error) {
			destination, _, err := c.grantless.CreateDestination(ctx, model.CreateDestinationRequest{
				Name: "SQSDestination", Resource: model.DestinationResourceSpecification{SQS: &model.SQSResource{ARN: queueARN}},
			})
			return enveloped[*model.Destination]{destination}, err
		},
		model.DeleteDestination: func(ctx context.Context, c client, _ map[string]string) (any, error) {
			_, _, err := c.grantless.DeleteDestination(ctx, model.DeleteDestinationRequest{DestinationID: "d"})
			return nil, err
		},
	})
	return all
}

// classes are what the client has to make of the statuses that the models
// document for every operation. What a writing call cannot know is ambiguous.
func classes(operation string) map[int]model.Class {
	down := model.Unavailable
	if called, _ := model.Describe(operation); called.InDoubt() {
		down = model.Ambiguous
	}
	return map[int]model.Class{
		http.StatusBadRequest: model.Invalid, http.StatusForbidden: model.Forbidden, http.StatusNotFound: model.NotFound,
		http.StatusRequestEntityTooLarge: model.Invalid, http.StatusUnsupportedMediaType: model.Invalid,
		http.StatusTooManyRequests: model.Throttled, http.StatusInternalServerError: down, http.StatusServiceUnavailable: down,
	}
}

// TestSandboxCases makes the client read the answer of every case of Amazon's
// sandbox for its operations.
func TestSandboxCases(t *testing.T) {
	t.Parallel()
	m := conformance.LoadModel(t, clientModels(t)...)
	read := make(map[string]int)
	for _, file := range clientModels(t) {
		for _, c := range conformance.LoadCases(t, file) {
			if !slices.Contains(operations(t), c.Operation) {
				continue
			}
			if _, preview := c.Parameters["mode"]; preview { // which the client has no use for
				continue
			}
			if c.Operation == model.SearchOrders && c.Status == http.StatusBadRequest {
				delete(c.Parameters, "createdAfter") // no time, which the client cannot ask for
			}
			if c.Operation == model.SearchListingsItems { // the client asks for other data, of one marketplace and page
				for _, name := range []string{"sellerId", "marketplaceIds", "includedData", "pageSize"} {
					delete(c.Parameters, name)
				}
			}
			nameTheOrder(t, &c)
			call := calls()[c.Operation]
			if call == nil {
				t.Errorf("%s has sandbox cases: add how the client makes it to calls", c.Operation)
				continue
			}
			if c.Status < 300 {
				read[c.Operation]++
			}
			t.Run(fmt.Sprintf("%s/%d", c.Operation, c.Status), func(t *testing.T) {
				t.Parallel()
				report := func(err error) { t.Error(err) }
				server := httptest.NewServer(c.Sandbox(report))
				t.Cleanup(server.Close)
				checked := &conformance.Transport{Base: server.Client().Transport, Model: m, Report: report, Refusals: true}
				at := map[model.Region]string{model.Europe: server.URL}
				got, err := call(t.Context(), newClient(t, at, server.URL, "Atzr|sandbox", checked, sandboxDocuments{}), c.Parameters)
				checkCase(t, m, c, got, err)
			})
		}
	}
	for _, name := range operations(t) {
		if read[name] == 0 {
			t.Errorf("no sandbox case answers %s", name)
		}
	}
}

// nameTheOrder makes a case of Orders v0 ask for the order that it answers with, and one
// of Reports for the report. Amazon's sandbox answers "TEST_CASE_200" with an order of
// another id, which the client refuses, as it must outside the sandbox.
func nameTheOrder(t *testing.T, c *conformance.Case) {
	t.Helper()
	var answer struct {
		enveloped[struct{ AmazonOrderID string }]
		ReportID string
	}
	if err := json.Unmarshal(c.Answer, &answer); err != nil {
		return // another operation's answer, of another shape
	}
	if c.Operation == model.GetReport && answer.ReportID != "" {
		c.Parameters["reportId"] = answer.ReportID
	}
	if answer.Payload.AmazonOrderID != "" {
		c.Parameters["orderId"] = answer.Payload.AmazonOrderID
	}
}

// checkCase compares what the client says with what the sandbox answered.
func checkCase(t *testing.T, m *conformance.Model, c conformance.Case, got any, err error) {
	t.Helper()
	if c.Status >= 300 {
		var refusal *model.Error
		if !errors.As(err, &refusal) || refusal.Class != classes(c.Operation)[c.Status] || refusal.Status != c.Status ||
			refusal.Operation != c.Operation || refusal.RequestID != "sandbox" || !strings.Contains(string(c.Answer), `"`+refusal.Code+`"`) {
			t.Errorf("%v, which does not say %d: %s", err, c.Status, c.Answer)
		}
		return
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, c.Answer)
	}
	if got == nil { // the operation answers with its status only
		return
	}
	if err := m.CheckFields(c.Operation, reflect.TypeOf(got)); err != nil {
		t.Error(err)
	}
	text, err := json.Marshal(revealed(reflect.ValueOf(got)))
	if err != nil {
		t.Fatal(err)
	}
	var understood, answered any
	if err := errors.Join(json.Unmarshal(text, &understood), json.Unmarshal(c.Answer, &answered)); err != nil {
		t.Fatal(err)
	}
	for _, fault := range differences("", understood, answered) {
		t.Error(fault)
	}
}

// revealed is an answer with the texts about buyers in it, which it does not
// marshal itself.
func revealed(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return revealed(v.Elem())
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = revealed(v.Index(i))
		}
		return list
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return v.Interface()
		}
		object := make(map[string]any)
		for i := range v.NumField() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			object[name] = revealed(v.Field(i))
		}
		return object
	}
	if text, ok := v.Interface().(model.Private); ok {
		return text.Reveal()
	}
	return v.Interface()
}

// differences are where the client understood something else than was answered.
// What it does not decode at all, it may leave out.
func differences(at string, understood, answered any) []string {
	switch answer := answered.(type) {
	case map[string]any:
		object, ok := understood.(map[string]any)
		if !ok {
			break
		}
		var faults []string
		for name, value := range object {
			if answer[name] != nil {
				faults = append(faults, differences(at+"/"+name, value, answer[name])...)
			} else if !isZero(value) {
				faults = append(faults, fmt.Sprintf("%s/%s: understood %v, nothing was answered", at, name, value))
			}
		}
		return faults
	case []any:
		list, ok := understood.([]any)
		if !ok || len(list) != len(answer) {
			break
		}
		var faults []string
		for i, value := range list {
			faults = append(faults, differences(fmt.Sprintf("%s/%d", at, i), value, answer[i])...)
		}
		return faults
	default:
		if reflect.DeepEqual(understood, answered) || sameTime(understood, answered) {
			return nil
		}
	}
	return []string{fmt.Sprintf("%s: understood %v, answered %v", at, understood, answered)}
}

func sameTime(a, b any) bool {
	first, err := time.Parse(time.RFC3339, fmt.Sprint(a))
	if err != nil {
		return false
	}
	second, err := time.Parse(time.RFC3339, fmt.Sprint(b))
	return err == nil && first.Equal(second)
}

// isZero reports whether a value is what the client has where nothing was answered.
func isZero(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case []any:
		return len(v) == 0
	case map[string]any:
		for _, inner := range v {
			if !isZero(inner) {
				return false
			}
		}
		return true
	}
	return reflect.ValueOf(value).IsZero() || sameTime(value, time.Time{}.Format(time.RFC3339))
}

// TestRefusalsOfEveryOperation makes the simulator refuse each operation with each
// status that its model documents.
func TestRefusalsOfEveryOperation(t *testing.T) {
	t.Parallel()
	s := startClient(t, simulator.Config{})
	with := map[string]string{"orderId": "111-1111111-1111111", "notificationTypes": model.OrderChangeNotification}
	for operation, call := range calls() {
		expected := classes(operation)
		if model.Writes(operation) {
			expected[http.StatusConflict] = model.Conflict
		}
		for status, class := range expected {
			if !s.checked.Model.Documents(operation, status) {
				continue
			}
			s.Fault(simulator.Rule{Part: simulator.SPAPI, Times: 1, Action: simulator.Action{Status: status}})
			_, err := call(t.Context(), s.client, with)
			var refusal *model.Error
			if !errors.As(err, &refusal) || refusal.Class != class || refusal.Status != status || refusal.Operation != operation {
				t.Errorf("%s answered %d: %v, want %s", operation, status, err, class)
			}
		}
	}
}
