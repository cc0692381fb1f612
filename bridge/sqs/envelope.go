package sqs

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Reasons of messages that hold a notification in an envelope of AWS.
const (
	ReasonSNSEnvelope         = "sns_envelope"         // as SNS delivers without raw message delivery
	ReasonEventBridgeEnvelope = "eventbridge_envelope" // an event of EventBridge that holds no notification
)

// unwrap puts the notification that an event of EventBridge holds in the place of the
// event. It reports false for anything else. Amazon delivers some types to EventBridge
// only, whose rules wrap what they send to a queue.
func (d *decoder) unwrap() bool {
	if d.in.Type != "" || d.in.CamelType != "" || d.in.Detail.Kind() != '{' {
		return false
	}
	var inner struct {
		Type      jsontext.Value `json:"NotificationType"`
		CamelType jsontext.Value `json:"notificationType"`
	}
	if json.Unmarshal(d.in.Detail, &inner, jsontext.AllowInvalidUTF8(true)) != nil || inner.Type == nil && inner.CamelType == nil {
		return false
	}
	d.buf = append(d.buf[:0], d.in.Detail...)
	return true
}

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
		return reject(ReasonEventBridgeEnvelope, "the body is an event of Amazon EventBridge (source %.200q, detail-type %.100q) whose detail is no notification of the Selling Partner API: "+
			"have the rule that targets this queue match the events of the source aws.partner/sellingpartnerapi.amazon.com/… alone, with no input transformer",
			text(shape.Source), text(shape.DetailType))
	}
	return nil
}
