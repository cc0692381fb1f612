package sqs

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Reasons of messages that hold a notification in an envelope of AWS.
const (
	ReasonSNSEnvelope         = "sns_envelope"         // as SNS delivers without raw message delivery
	ReasonEventBridgeEnvelope = "eventbridge_envelope" // an event of EventBridge
)

// envelope recognises what SNS or EventBridge has wrapped a notification in, by
// its shape; nil for anything else. Shapes: "Amazon SNS message and JSON
// formats" in the SNS developer guide; "AWS service event metadata" in the
// EventBridge user guide.
func envelope(body []byte) *rejection {
	var shape struct {
		Type     jsontext.Value `json:"Type"`
		TopicARN jsontext.Value `json:"TopicArn"`
		Message  jsontext.Value `json:"Message"`

		DetailType jsontext.Value `json:"detail-type"`
		Source     jsontext.Value `json:"source"`
		Detail     jsontext.Value `json:"detail"`
	}
	if json.Unmarshal(body, &shape) != nil {
		return nil
	}
	text := func(v jsontext.Value) string { // "" for what is no text
		plain, _ := jsontext.AppendUnquote(nil, v)
		return string(plain)
	}
	switch {
	case shape.TopicARN != nil && (shape.Message != nil || shape.Type != nil):
		return reject(ReasonSNSEnvelope, "the body is an envelope of Amazon SNS (Type %.40q, topic %.200q) and not Amazon's notification itself: "+
			"enable raw message delivery on the subscription of this queue to that topic (RawMessageDelivery = true); searches and polls find what this message was about",
			text(shape.Type), text(shape.TopicARN))
	case shape.DetailType != nil && (shape.Detail != nil || shape.Source != nil):
		return reject(ReasonEventBridgeEnvelope, "the body is an event of Amazon EventBridge (source %.200q, detail-type %.100q) and not Amazon's notification itself: "+
			"the bridge reads notifications of an SQS destination only; subscribe this notification type to an SQS destination, or have the rule's target send $.detail alone where it is a whole notification",
			text(shape.Source), text(shape.DetailType))
	}
	return nil
}
