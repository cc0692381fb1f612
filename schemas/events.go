package schemas

import (
	"bytes"
	"fmt"
	"math"
)

// Values of eventType and outcome that make a record an event, or none.
const (
	orderChanged         = "OrderChanged"
	orderCancelled       = "OrderCancelled"
	feedSubmitted        = "FeedSubmitted"
	feedCompleted        = "FeedCompleted"
	feedStuck            = "FeedStuck"
	inventoryRejected    = "InventoryRejected"
	inventoryFailed      = "InventoryFailed"
	stockAudited         = "StockAudited"
	shipmentConfirmed    = "ShipmentConfirmed"
	shipmentRejected     = "ShipmentRejected"
	cancellationAccepted = "CancellationAccepted"
	cancellationRejected = "CancellationRejected"
	cancellationFailed   = "CancellationFailed"
	shipmentAtRisk       = "ShipmentAtRisk"
	notificationsSilent  = "NotificationsSilent"
	accountParked        = "AccountParked"
	accountRecovered     = "AccountRecovered"
	outcomeAccepted      = "ACCEPTED"
	outcomeConfirmed     = "CONFIRMED"
	outcomeRejected      = "REJECTED"
	outcomeFailed        = "FAILED"
)

// maxDetailType is EventBridge's limit of a detail-type, in bytes.
const maxDetailType = 128

// Event is a kind of event on the EventBridge bus. Each comes from one topic's
// records; records of the same topic can be different events, or none.
type Event struct {
	// DetailType is EventBridge's detail-type. It is empty for alerts: each names
	// its own in its eventType, so new ones need no new version.
	DetailType string
	Topic      string // logical name of the topic that it comes from
	Record     string // name of the record that the detail is made of
	// Field and Value say which of the records: those whose Field, by its name in
	// the schema, has Value. Without Field all are.
	Field, Value string
	// Without is a field of the record that the detail leaves out; "" for none.
	Without string
}

// Name is the name of the event's JSON Schema: the detail-type or, where it is
// the record's own, the record.
func (e Event) Name() string {
	if e.DetailType == "" {
		return e.Record
	}
	return e.DetailType
}

// Events lists the events that are sent. Dead letters are not: they hold
// whatever was in the bytes. A stuck feed is told once, by its FeedResult: the
// alert that stands beside it is for those who read alerts on Kafka.
func Events() []Event {
	return []Event{
		{DetailType: orderChanged, Topic: Orders, Record: "Order", Field: "eventType", Value: orderChanged, Without: "buyerData"},
		{DetailType: orderCancelled, Topic: Orders, Record: "Order", Field: "eventType", Value: orderCancelled, Without: "buyerData"},
		{DetailType: feedSubmitted, Topic: FeedSubmissions, Record: "FeedSubmission"},
		{DetailType: feedCompleted, Topic: FeedResults, Record: "FeedResult", Field: "eventType", Value: feedCompleted},
		{DetailType: feedStuck, Topic: FeedResults, Record: "FeedResult", Field: "eventType", Value: feedStuck},
		{DetailType: inventoryRejected, Topic: InventoryResults, Record: "InventoryResult", Field: "outcome", Value: outcomeRejected},
		{DetailType: inventoryFailed, Topic: InventoryResults, Record: "InventoryResult", Field: "outcome", Value: outcomeFailed},
		{DetailType: stockAudited, Topic: StockAudits, Record: "StockAudit"},
		{DetailType: shipmentConfirmed, Topic: ShipmentConfirmations, Record: "ShipmentConfirmation", Field: "outcome", Value: outcomeConfirmed},
		{DetailType: shipmentRejected, Topic: ShipmentConfirmations, Record: "ShipmentConfirmation", Field: "outcome", Value: outcomeRejected},
		{DetailType: cancellationAccepted, Topic: CancellationResults, Record: "CancellationResult", Field: "outcome", Value: outcomeAccepted},
		{DetailType: cancellationRejected, Topic: CancellationResults, Record: "CancellationResult", Field: "outcome", Value: outcomeRejected},
		{DetailType: cancellationFailed, Topic: CancellationResults, Record: "CancellationResult", Field: "outcome", Value: outcomeFailed},
		{Topic: Alerts, Record: "Alert"},
	}
}

// EventTopics lists the topics that events come from.
func EventTopics() []string {
	var topics []string
	seen := map[string]bool{}
	for _, e := range Events() {
		if !seen[e.Topic] {
			topics = append(topics, e.Topic)
			seen[e.Topic] = true
		}
	}
	return topics
}

// AppendDetail appends the detail of a record's event to dst and returns which
// detail-type it has; "" for a record that is no event although others of its
// topic are, for which nothing is appended. The detail is the record's JSON
// form with eventId named id: the name by which consumers deduplicate, whatever
// the event. The same record always gives the same bytes. Buyer data does not
// leave Kafka, encrypted or not.
func AppendDetail(dst []byte, record any) (detail []byte, detailType string, err error) {
	return AppendDetailWithin(dst, record, math.MaxInt)
}

// AppendDetailWithin is AppendDetail for a bus that takes details of so many bytes: an
// order that has more is cut (Order.FitAnyhow).
func AppendDetailWithin(dst []byte, record any, limit int) (detail []byte, detailType string, err error) {
	detailType, id, err := eventOf(record)
	if err != nil || detailType == "" {
		return dst, "", err
	}
	order, isOrder := record.(*Order)
	if isOrder && order.BuyerData != nil {
		without := *order
		without.BuyerData = nil
		record = &without
	}
	start := len(dst)
	detail, err = appendDetail(dst, record, id)
	if err != nil {
		return dst, "", err
	}
	if isOrder && len(detail)-start > limit {
		smaller := *order
		smaller.BuyerData = nil
		smaller.FitAnyhow(limit, func(o *Order) int {
			text, err := appendDetail(nil, o, id)
			if err != nil {
				return math.MaxInt
			}
			return len(text)
		})
		detail, err = appendDetail(dst, &smaller, id)
	}
	return detail, detailType, err
}

func appendDetail(dst []byte, record any, id string) ([]byte, error) {
	start := len(dst)
	dst, err := AppendJSON(dst, record)
	if err != nil {
		return dst[:start], fmt.Errorf("event %s: %w", id, err)
	}
	// eventId is the first field of every record that is an event; a test checks it.
	head := start + len(`{"`)
	rest := bytes.TrimPrefix(dst[head:], []byte("eventId"))
	return append(append(dst[:head], "id"...), rest...), nil
}

// Entity returns what a record that is an event is about: an order, a SKU, a feed, a
// package, or what an alert names. Later events of one entity tell its later states.
func Entity(record any) string {
	switch r := record.(type) {
	case *Order:
		return r.OrderID
	case *FeedSubmission:
		return r.FeedID
	case *FeedResult:
		return r.FeedID
	case *InventoryResult:
		return r.SKU
	case *StockAudit:
		return r.ReportID
	case *ShipmentConfirmation:
		return r.OrderID + " " + r.PackageID
	case *CancellationResult:
		return r.OrderID
	case *Alert:
		return r.Role + " " + r.Subject
	}
	return ""
}

// eventOf is which event a record is, and the event's id; "" for none.
func eventOf(record any) (detailType, id string, err error) {
	switch r := record.(type) {
	case *Order:
		if r.EventType == orderChanged || r.EventType == orderCancelled {
			return r.EventType, r.EventID, nil
		}
		return "", "", fmt.Errorf("an Order with eventType %q is not an event that EventBridge gets", r.EventType)
	case *FeedSubmission:
		return feedSubmitted, r.EventID, nil
	case *FeedResult:
		if r.EventType == feedCompleted || r.EventType == feedStuck {
			return r.EventType, r.EventID, nil
		}
		return "", "", fmt.Errorf("a FeedResult with eventType %q is not an event that EventBridge gets", r.EventType)
	case *FeedIssues: // thousands of issues; the FeedResult behind them is the event
		return "", "", nil
	case *InventoryResult:
		detailType, id = eventOfOutcome(r.EventID, r.Outcome, map[string]string{outcomeRejected: inventoryRejected, outcomeFailed: inventoryFailed})
		return detailType, id, nil
	case *StockAudit:
		return stockAudited, r.EventID, nil
	case *ShipmentConfirmation: // a superseded one has no effect
		detailType, id = eventOfOutcome(r.EventID, r.Outcome, map[string]string{outcomeConfirmed: shipmentConfirmed, outcomeRejected: shipmentRejected})
		return detailType, id, nil
	case *CancellationResult:
		detailType, id = eventOfOutcome(r.EventID, r.Outcome, map[string]string{
			outcomeAccepted: cancellationAccepted, outcomeRejected: cancellationRejected, outcomeFailed: cancellationFailed,
		})
		return detailType, id, nil
	case *Alert:
		switch {
		case r.EventType == feedStuck: // its FeedResult is the event
			return "", "", nil
		case r.EventType == "" || len(r.EventType) > maxDetailType:
			return "", "", fmt.Errorf("an Alert's eventType must have 1 to %d bytes to be a detail-type, not %d", maxDetailType, len(r.EventType))
		}
		return r.EventType, r.EventID, nil
	}
	return "", "", fmt.Errorf("a %T is not an event that EventBridge gets", record)
}

// eventOfOutcome is which event an outcome is, of those that are events; "" for none.
func eventOfOutcome(eventID, outcome string, events map[string]string) (detailType, id string) {
	if detailType = events[outcome]; detailType == "" {
		return "", ""
	}
	return detailType, eventID
}
