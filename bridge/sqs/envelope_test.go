package sqs

import (
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// An envelope is named by its letter, with what to change, whichever notification
// it holds and whether it is whole.
func TestEnvelopesAreNamed(t *testing.T) {
	t.Parallel()
	order, feed := body(t, "order_change.json"), body(t, "feed_processing_finished.json")
	const topic = "arn:aws:sns:eu-west-1:123456789012:orders"
	for name, c := range map[string]struct{ text, reason, says, remedy string }{
		"SNS":              {`{"Type":"Notification","MessageId":"1","TopicArn":"` + topic + `","Message":` + quoted(order) + `,"SignatureVersion":"1"}`, ReasonSNSEnvelope, topic, "enable raw message delivery"},
		"SNS, of a feed":   {`{"Type":"Notification","TopicArn":"` + topic + `","Message":` + quoted(feed) + `}`, ReasonSNSEnvelope, topic, "enable raw message delivery"},
		"SNS subscription": {`{"Type":"SubscriptionConfirmation","TopicArn":"` + topic + `","SubscribeURL":"https://x"}`, ReasonSNSEnvelope, "SubscriptionConfirmation", "enable raw message delivery"},
		"SNS, odd":         {`{"Type":5,"TopicArn":{},"Message":[]}`, ReasonSNSEnvelope, "SNS", "enable raw message delivery"},
		"EventBridge": {
			`{"version":"0","id":"1","detail-type":"ANY_OFFER_CHANGED","source":"aws.partner/sellingpartnerapi.amazon.com/1","account":"1","detail":` + order + `}`,
			ReasonEventBridgeEnvelope, "aws.partner/sellingpartnerapi.amazon.com/1", "SQS destination",
		},
		"EventBridge, odd": {`{"detail-type":[],"source":{},"detail":"x"}`, ReasonEventBridgeEnvelope, "EventBridge", "SQS destination"},
		"neither":          {`{"Type":"Notification","Message":"x"}`, ReasonNotNotification, "", ""},
		"words alone":      {`{"source":"x","detail":{}}`, ReasonNotNotification, "", ""},
	} {
		_, wrong := decodeOne(t, model.NorthAmerica, c.text)
		if wrong == nil || wrong.reason != c.reason || !strings.Contains(wrong.message, c.says) || !strings.Contains(wrong.message, c.remedy) {
			t.Errorf("%s: %+v, want %s with %q and %q", name, wrong, c.reason, c.says, c.remedy)
		}
	}
}
