package integration

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/parts"
)

// ruled are events by their name here, which is also their id.
func ruled() map[string]any {
	alert := func(id, eventType, severity, subject string) *schemas.Alert {
		return &schemas.Alert{EventID: id, EventType: eventType, Account: "other", Severity: severity, Subject: subject}
	}
	order := func(id, eventType, status, responsibility string) *schemas.Order {
		return &schemas.Order{EventID: id, EventType: eventType, Account: "other", Status: status, Responsibility: responsibility}
	}
	some, none := int32(3), int32(0)
	return map[string]any{
		"ours":       &schemas.Order{EventID: "ours", EventType: "OrderChanged", Account: "acme-eu", Status: "UNSHIPPED", Responsibility: "OURS"},
		"mixed":      order("mixed", "OrderChanged", "UNSHIPPED", "MIXED"),
		"elsewhere":  order("elsewhere", "OrderChanged", "UNSHIPPED", "ELSEWHERE"),
		"shipped":    order("shipped", "OrderChanged", "SHIPPED", "OURS"),
		"cancelled":  order("cancelled", "OrderCancelled", "CANCELLED", "ELSEWHERE"),
		"submitted":  &schemas.FeedSubmission{EventID: "submitted", Account: "other"},
		"good feed":  &schemas.FeedResult{EventID: "good feed", EventType: "FeedCompleted", Account: "other", Errors: &none},
		"bad feed":   &schemas.FeedResult{EventID: "bad feed", EventType: "FeedCompleted", Account: "acme-eu", Errors: &some},
		"no report":  &schemas.FeedResult{EventID: "no report", EventType: "FeedCompleted", Account: "other"},
		"stuck":      &schemas.FeedResult{EventID: "stuck", EventType: "FeedStuck", Account: "other"},
		"refused":    &schemas.InventoryResult{EventID: "refused", Outcome: "REJECTED", Account: "other", Code: "8058"},
		"given up":   &schemas.InventoryResult{EventID: "given up", Outcome: "FAILED", Account: "other", Code: "not_accepted"},
		"audited":    &schemas.StockAudit{EventID: "audited", Account: "other"},
		"called off": &schemas.CancellationResult{EventID: "called off", Outcome: "ACCEPTED", Account: "other"},
		"kept":       &schemas.CancellationResult{EventID: "kept", Outcome: "REJECTED", Account: "other", Code: "already_shipped"},
		"unclear":    &schemas.CancellationResult{EventID: "unclear", Outcome: "FAILED", Account: "other", Code: "outcome_unknown"},
		"confirmed":  &schemas.ShipmentConfirmation{EventID: "confirmed", Outcome: "CONFIRMED", Account: "acme-eu"},
		"wrong item": &schemas.ShipmentConfirmation{EventID: "wrong item", Outcome: "REJECTED", Account: "other", Code: "unknown_item"},
		"by Amazon":  &schemas.ShipmentConfirmation{EventID: "by Amazon", Outcome: "REJECTED", Account: "other", Code: "InvalidInput"},
		"at risk":    alert("at risk", "ShipmentAtRisk", "WARNING", "o"),
		"too late":   alert("too late", "ShipmentAtRisk", "CRITICAL", "o"),
		"asked":      &schemas.ShipmentConfirmation{EventID: "asked", Outcome: "CONFIRMED", Account: "other", CancelRequested: true},
		"too soon":   &schemas.ShipmentConfirmation{EventID: "too soon", Outcome: "REJECTED", Account: "other", Code: "order_cancelled"},
		"missing":    alert("missing", "ShipmentMissing", "WARNING", "o"),
		"covered":    alert("covered", "ShipmentMissing", "RESOLVED", "o"),
		"silent":     alert("silent", "NotificationsSilent", "CRITICAL", "ORDER_CHANGE"),
		"no feeds":   alert("no feeds", "NotificationsSilent", "WARNING", "FEED_PROCESSING_FINISHED"),
		"parked":     alert("parked", "AccountParked", "CRITICAL", ""),
		"recovered":  alert("recovered", "AccountRecovered", "RESOLVED", ""),
	}
}

// TestRulesCatchWhatTheySay puts the rules of schemas/README.md on a bus, and
// sends one event of each kind.
func TestRulesCatchWhatTheySay(t *testing.T) {
	want := map[string][]string{
		"OrderChanged": {"elsewhere", "mixed", "ours", "shipped"}, "OrderCancelled": {"cancelled"},
		"FeedSubmitted": {"submitted"}, "FeedCompleted": {"bad feed", "good feed", "no report"}, "FeedStuck": {"stuck"},
		"InventoryRejected": {"refused"}, "InventoryFailed": {"given up"}, "ShipmentConfirmed": {"asked", "confirmed"}, "ShipmentRejected": {"by Amazon", "too soon", "wrong item"},
		"StockAudited": {"audited"}, "CancellationAccepted": {"called off"}, "CancellationRejected": {"kept"}, "CancellationFailed": {"unclear"},
		"ShipmentAtRisk": {"at risk", "too late"}, "NotificationsSilent": {"no feeds", "silent"}, "AccountParked": {"parked"}, "AccountRecovered": {"recovered"},

		"everything of one account":                     {"bad feed", "confirmed", "ours"},
		"states and cancellations of orders":            {"cancelled", "elsewhere", "mixed", "ours", "shipped"},
		"orders to ship that are OURS":                  {"ours"},
		"orders that are at least in part ours":         {"mixed", "ours", "shipped"},
		"feeds with refused messages":                   {"bad feed"},
		"shipments whose items or quantities are wrong": {"wrong item"},
		"every alert": {"at risk", "covered", "missing", "no feeds", "parked", "recovered", "silent", "too late"},
		"merchant's orders that must be shipped soon and have no shipment": {"missing"},
		"packages that were shipped although somebody asked to cancel":     {"asked"},
		"packages of cancelled orders":                                     {"too soon"},
		"alerts that do not hold any more":                                 {"covered", "recovered"},
		"CRITICAL alerts alone":                                            {"parked", "silent", "too late"},
		"shipments past their latest ship date":                            {"too late"},
		"order notifications that have fallen silent":                      {"silent"},
	}
	endpoint, bus := parts.AWS(t), fmt.Sprintf("rules-%d", time.Now().UnixNano())
	events := eventbridge.NewFromConfig(credentials(), func(o *eventbridge.Options) { o.BaseEndpoint = &endpoint })
	queues := sqs.NewFromConfig(credentials(), func(o *sqs.Options) { o.BaseEndpoint = &endpoint })
	parts.CreateBus(t, events, bus)
	caughtIn := make(map[string]string) // rule → its queue's URL
	for i, rule := range schemas.Rules() {
		name := fmt.Sprintf("%s-%d", bus, i)
		url, arn := makeQueue(t, queues, name)
		caughtIn[rule.Catches] = url
		_, err := events.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: &name, EventBusName: &bus, EventPattern: aws.String(rule.Pattern)})
		if err == nil {
			_, err = events.PutTargets(t.Context(), &eventbridge.PutTargetsInput{
				Rule: &name, EventBusName: &bus, Targets: []eventtypes.Target{{Id: aws.String("queue"), Arn: &arn}},
			})
		}
		if err != nil {
			t.Fatalf("%s: %v", rule.Pattern, err)
		}
	}
	putRuled(t, events, bus)
	if len(caughtIn) != len(want) {
		t.Errorf("%d rules, %d of which it is known what they catch", len(caughtIn), len(want))
	}
	for name, url := range caughtIn {
		if got := caught(t, queues, url); !slices.Equal(got, want[name]) {
			t.Errorf("%s: it catches %v, want %v", name, got, want[name])
		}
	}
}

// putRuled sends the events as the pipeline does, and one that is another's.
func putRuled(t *testing.T, events *eventbridge.Client, bus string) {
	t.Helper()
	put := func(source, detailType string, detail []byte) {
		out, err := events.PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: []eventtypes.PutEventsRequestEntry{{
			EventBusName: &bus, Source: &source, DetailType: &detailType, Detail: aws.String(string(detail)),
		}}})
		if err != nil || out.FailedEntryCount != 0 {
			t.Fatalf("%s: %+v, %v", detail, out, err)
		}
	}
	for name, record := range ruled() {
		detail, detailType, err := schemas.AppendDetail(nil, record)
		if err != nil || detailType == "" {
			t.Fatalf("%s is no event: %v", name, err)
		}
		put("sellerstream", detailType, detail)
	}
	put("somebody.else", "OrderChanged", []byte(`{"id": "not ours", "account": "acme-eu", "severity": "CRITICAL"}`))
}

// caught are the ids of the events in a rule's queue, in order.
// moto delivers before it answers PutEvents.
func caught(t *testing.T, queues *sqs.Client, url string) []string {
	t.Helper()
	var ids []string
	for {
		got, err := queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10})
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Messages) == 0 {
			slices.Sort(ids)
			return ids
		}
		for _, m := range got.Messages {
			var event struct{ Detail struct{ ID string } }
			if err := json.Unmarshal([]byte(*m.Body), &event); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, event.Detail.ID)
		}
	}
}
