package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Event is an entry that a bus accepted.
type Event struct {
	Sequence   int64     `json:"sequence"` // order of acceptance
	Time       time.Time `json:"time"`     // when it was accepted, on the simulator's clock
	Arrived    time.Time `json:"arrived"`  // the same in real time, for latencies
	RequestID  string    `json:"requestId"`
	EventID    string    `json:"eventId"` // the id that EventBridge gave it
	Bus        string    `json:"bus"`
	Source     string    `json:"source"`
	DetailType string    `json:"detailType"`
	Resources  []string  `json:"resources,omitempty"`
	EntryTime  float64   `json:"entryTime,omitempty"` // the entry's own Time in Unix seconds, 0 if it had none
	Detail     string    `json:"detail"`              // exactly what was received, as text
	Answered   bool      `json:"answered"`            // false if a fault cut the connection in place of the answer
}

// buses are the event buses and what they received.
type buses struct {
	mu       sync.Mutex
	names    map[string]bool
	sequence int64
	events   ring[Event]
}

func newBuses(names []string, kept int) *buses {
	b := &buses{names: map[string]bool{"default": true}, events: ring[Event]{limit: kept}}
	for _, name := range names {
		b.names[name] = true
	}
	return b
}

func (b *buses) record(e Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sequence++
	e.Sequence = b.sequence
	b.events.push(e)
}

// Events lists the kept EventBridge entries after a sequence number, oldest
// first, and how many were accepted but are no longer kept.
func (s *Simulator) Events(after int64) (events []Event, dropped int) {
	s.buses.mu.Lock()
	defer s.buses.mu.Unlock()
	s.buses.events.each(func(e *Event) {
		if e.Sequence > after {
			events = append(events, *e)
		}
	})
	return events, s.buses.events.dropped
}

// EventBridge is the EventBridge endpoint.
func (s *Simulator) EventBridge() http.Handler {
	return s.serveAWS(&awsService{
		part:       EventBridge,
		target:     "AWSEvents.",
		limit:      int64(2*s.config.PutEventsLimit) + 64<<10, // JSON escapes make a body longer than its entries
		latency:    s.config.EventBridgeLatency,
		mediaType:  "application/x-amz-json-1.1",
		resource:   func([]byte) string { return "" },
		operations: map[string]awsOperation{"PutEvents": s.putEvents, "DescribeEventBus": s.describeEventBus},
	})
}

func (s *Simulator) describeEventBus(_ *exchange, _ *http.Request, body []byte) answer {
	input, refusal := decodeAWS[struct{ Name string }](body)
	if refusal != nil {
		return *refusal
	}
	bus := busName(input.Name)
	if !s.buses.names[bus] {
		return awsError(http.StatusBadRequest, "ResourceNotFoundException", "Event bus "+bus+" does not exist.")
	}
	return awsResult(struct{ Name, Arn string }{bus, "arn:aws:events:" + AWSRegion + ":" + awsAccount + ":event-bus/" + bus})
}

// busName is the bus that a name means, or an ARN that ends in it.
func busName(given string) string {
	if given == "" {
		return "default"
	}
	return given[strings.LastIndexByte(given, '/')+1:]
}

type putEventsInput struct {
	Entries []putEventsEntry
}

type putEventsEntry struct {
	Time         *float64
	Source       string
	DetailType   string
	Detail       *string
	Resources    []string
	EventBusName string
}

type putEventsResult struct {
	EventID      string `json:"EventId,omitempty"`
	ErrorCode    string `json:",omitempty"`
	ErrorMessage string `json:",omitempty"`
}

func (s *Simulator) putEvents(x *exchange, _ *http.Request, body []byte) answer {
	input, refusal := decodeAWS[putEventsInput](body)
	if refusal != nil {
		return *refusal
	}
	if err := s.checkEntries(input.Entries); err != nil {
		return awsError(http.StatusBadRequest, "ValidationException", err.Error())
	}
	failed := s.Faults.failedEntries(x.action, len(input.Entries))
	results := make([]putEventsResult, len(input.Entries))
	failures := 0
	for i := range input.Entries {
		if failed[i] {
			results[i] = putEventsResult{ErrorCode: x.action.entryCode(), ErrorMessage: "The simulator was told to fail this entry."}
		} else {
			results[i] = s.putEvent(x, &input.Entries[i])
		}
		if results[i].ErrorCode != "" {
			failures++
		}
	}
	x.call.Parameters = map[string]string{"entries": strconv.Itoa(len(results)), "failed": strconv.Itoa(failures)}
	return awsResult(struct {
		FailedEntryCount int
		Entries          []putEventsResult
	}{failures, results})
}

// checkEntries is what fails a request as a whole.
func (s *Simulator) checkEntries(entries []putEventsEntry) error {
	if len(entries) == 0 || len(entries) > 10 {
		return fmt.Errorf("1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length between 1 and 10, not %d", len(entries))
	}
	total, complete := 0, 0
	for i := range entries {
		total += entries[i].size()
		if entries[i].complete() == "" {
			complete++
		}
	}
	if total > s.config.PutEventsLimit {
		return fmt.Errorf("total size of the entries in the request is over the limit: %d of %d bytes", total, s.config.PutEventsLimit)
	}
	if complete == 0 {
		return fmt.Errorf("no entry has a Source, a DetailType and a Detail")
	}
	return nil
}

// size is an entry's size as Amazon computes it ("Calculating PutEvents event
// entry size").
func (e *putEventsEntry) size() int {
	size := len(e.Source) + len(e.DetailType)
	if e.Time != nil {
		size += 14
	}
	if e.Detail != nil {
		size += len(*e.Detail)
	}
	for _, resource := range e.Resources {
		size += len(resource)
	}
	return size
}

// complete names the required field that an entry lacks, or "".
func (e *putEventsEntry) complete() string {
	switch {
	case e.Source == "":
		return "Source"
	case e.DetailType == "":
		return "DetailType"
	case e.Detail == nil:
		return "Detail"
	}
	return ""
}

// putEvent takes one entry, or says what is wrong with it.
func (s *Simulator) putEvent(x *exchange, e *putEventsEntry) putEventsResult {
	invalid := func(field, reason string) putEventsResult {
		return putEventsResult{ErrorCode: "InvalidArgument", ErrorMessage: "Parameter " + field + " is not valid. Reason: " + reason}
	}
	if missing := e.complete(); missing != "" {
		return invalid(missing, missing+" is a required argument.")
	}
	bus := busName(e.EventBusName)
	var object map[string]json.RawMessage
	switch {
	case utf8.RuneCountInString(e.DetailType) > 128:
		return invalid("DetailType", "It is longer than 128 characters.")
	case strings.HasPrefix(e.Source, "aws."):
		return putEventsResult{ErrorCode: "NotAuthorizedForSourceException", ErrorMessage: "Not authorized for the source."}
	case !s.buses.names[bus]:
		return invalid("EventBusName", "Event bus "+bus+" does not exist.")
	case json.Unmarshal([]byte(*e.Detail), &object) != nil || object == nil:
		return putEventsResult{ErrorCode: "MalformedDetail", ErrorMessage: "Detail is malformed."}
	}
	event := Event{
		Time: x.call.Time, Arrived: time.Now(), RequestID: x.call.RequestID, EventID: s.newID(),
		Bus: bus, Source: e.Source, DetailType: e.DetailType, Resources: e.Resources,
		Detail: *e.Detail, Answered: x.action == nil || !x.action.LoseAnswer,
	}
	if e.Time != nil {
		event.EntryTime = *e.Time
	}
	s.buses.record(event)
	return putEventsResult{EventID: event.EventID}
}
