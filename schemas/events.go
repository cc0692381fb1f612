package schemas

import (
	"bytes"
	"fmt"
)

// Event is a kind of event on the EventBridge bus. Each comes from one topic's
// records; records of the same topic can be different events.
type Event struct {
	DetailType string // EventBridge's detail-type
	Topic      string // logical name of the topic that it comes from
	Record     string // name of the record that the detail is made of
}

// Events lists the events that are sent. Dead letters are not: they hold
// whatever was in the bytes.
func Events() []Event {
	return []Event{
		{DetailType: "OrderChanged", Topic: Orders, Record: "Order"},
		{DetailType: "OrderCancelled", Topic: Orders, Record: "Order"},
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

// AppendDetail appends the detail of a record's event to dst and says which
// detail-type it has. The detail is the record's JSON form with eventId named
// id: the name by which consumers deduplicate, whatever the event. The same
// record always gives the same bytes.
func AppendDetail(dst []byte, record any) (detail []byte, detailType string, err error) {
	order, ok := record.(*Order)
	if !ok || (order.EventType != "OrderChanged" && order.EventType != "OrderCancelled") {
		return dst, "", fmt.Errorf("a %T is not an event that EventBridge gets", record)
	}
	start := len(dst)
	dst, err = AppendJSON(dst, record)
	if err != nil {
		return dst[:start], "", fmt.Errorf("event %s: %w", order.EventID, err)
	}
	// eventId is the first field of every record that is an event; a test sees to it.
	head := start + len(`{"`)
	rest := bytes.TrimPrefix(dst[head:], []byte("eventId"))
	return append(append(dst[:head], "id"...), rest...), order.EventType, nil
}
