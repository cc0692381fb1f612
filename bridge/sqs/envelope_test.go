package sqs

import (
	"reflect"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// An envelope is named by its letter, with what to change, unless it is an event
// of EventBridge that holds a notification.
func TestEnvelopesAreNamed(t *testing.T) {
	t.Parallel()
	order, feed := body(t, "order_change.json"), body(t, "feed_processing_finished.json")
	const topic = "arn:aws:sns:eu-west-1:123456789012:orders"
	for name, c := range map[string]struct{ text, reason, says, remedy string }{
		"SNS":                      {`{"Type":"Notification","MessageId":"1","TopicArn":"` + topic + `","Message":` + quoted(order) + `,"SignatureVersion":"1"}`, ReasonSNSEnvelope, topic, "enable raw message delivery"},
		"SNS, of a feed":           {`{"Type":"Notification","TopicArn":"` + topic + `","Message":` + quoted(feed) + `}`, ReasonSNSEnvelope, topic, "enable raw message delivery"},
		"SNS subscription":         {`{"Type":"SubscriptionConfirmation","TopicArn":"` + topic + `","SubscribeURL":"https://x"}`, ReasonSNSEnvelope, "SubscriptionConfirmation", "enable raw message delivery"},
		"SNS, odd":                 {`{"Type":5,"TopicArn":{},"Message":[]}`, ReasonSNSEnvelope, "SNS", "enable raw message delivery"},
		"EventBridge":              {strings.ReplaceAll(event(`{"NotificationID":"1"}`), "STATUS", "X"), ReasonEventBridgeEnvelope, "aws.partner/sellingpartnerapi.amazon.com/1", "match the events"},
		"EventBridge, odd":         {`{"detail-type":[],"source":{},"detail":"x"}`, ReasonEventBridgeEnvelope, "EventBridge", "match the events"},
		"EventBridge in itself":    {event(event(order)), ReasonEventBridgeEnvelope, "EventBridge", "match the events"},
		"EventBridge, unsupported": {event(strings.Replace(order, `"ORDER_CHANGE"`, `"ANY_OFFER_CHANGED"`, 1)), ReasonUnsupportedType, "ANY_OFFER_CHANGED", ""},
		"neither":                  {`{"Type":"Notification","Message":"x"}`, ReasonNotNotification, "", ""},
		"words alone":              {`{"source":"x","detail":{}}`, ReasonNotNotification, "", ""},
	} {
		_, wrong := decodeOne(t, model.NorthAmerica, c.text)
		if wrong == nil || wrong.reason != c.reason || !strings.Contains(wrong.message, c.says) || !strings.Contains(wrong.message, c.remedy) {
			t.Errorf("%s: %+v, want %s with %q and %q", name, wrong, c.reason, c.says, c.remedy)
		}
	}
}

// Whatever type a rule of EventBridge sends is read like that type from Amazon.
func TestEventsAreUnwrapped(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"order_change.json", "feed_processing_finished.json", "listing_quantity.json"} {
		bare, wrong := decodeOne(t, model.NorthAmerica, body(t, name))
		wrapped, wrong2 := decodeOne(t, model.NorthAmerica, event(body(t, name)))
		if wrong != nil || wrong2 != nil || !reflect.DeepEqual(bare.value, wrapped.value) {
			t.Errorf("%s: %+v, %+v; bare %+v, %+v", name, wrapped.value, wrong2, bare.value, wrong)
		}
	}
}
