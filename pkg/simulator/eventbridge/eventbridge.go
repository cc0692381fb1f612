package eventbridge

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/sellerstream/sellerstream/pkg/simulator/awsjson"
	"github.com/sellerstream/sellerstream/pkg/simulator/exchange"
	"github.com/sellerstream/sellerstream/pkg/simulator/ledger"
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

// Buses are the event buses, what they received, and EventBridge's endpoint.
type Buses struct {
	api   *awsjson.API
	names map[string]bool
	limit int

	mu       sync.Mutex
	sequence int64
	events   ledger.Ring[Event]
}

// Config describes an EventBridge.
type Config struct {
	Buses   []string      // besides "default"
	Kept    int           // how many events are kept
	Limit   int           // of the entries of a PutEvents request, in bytes
	Latency time.Duration // the least real time that a call takes
}

// New makes an EventBridge.
func New(desk *exchange.Desk, c Config) *Buses {
	b := &Buses{names: map[string]bool{"default": true}, limit: c.Limit, events: ledger.Ring[Event]{Limit: c.Kept}}
	for _, name := range c.Buses {
		b.names[name] = true
	}
	b.api = &awsjson.API{
		Service:    exchange.Service{Desk: desk, Part: ledger.EventBridge, Least: c.Latency, Fail: awsjson.Fail},
		Target:     "AWSEvents.",
		Limit:      int64(2*c.Limit) + 64<<10, // JSON escapes make a body longer than its entries
		MediaType:  "application/x-amz-json-1.1",
		Resource:   func([]byte) string { return "" },
		Operations: map[string]awsjson.Operation{"PutEvents": b.putEvents, "DescribeEventBus": b.describeEventBus, "ListEventBuses": b.listEventBuses},
	}
	return b
}

// Handler is the endpoint.
func (b *Buses) Handler() http.Handler { return b.api }

func (b *Buses) record(e Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sequence++
	e.Sequence = b.sequence
	b.events.Push(e)
}

// Events lists the kept EventBridge entries after a sequence number, oldest
// first, and how many were accepted but are no longer kept.
func (b *Buses) Events(after int64) (events []Event, dropped int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events.Each(func(e *Event) {
		if e.Sequence > after {
			events = append(events, *e)
		}
	})
	return events, b.events.Dropped
}

func (b *Buses) describeEventBus(_ *exchange.Exchange, _ *http.Request, body []byte) exchange.Answer {
	input, refusal := awsjson.Decode[struct{ Name string }](body)
	if refusal != nil {
		return *refusal
	}
	bus := busName(input.Name)
	if !b.names[bus] {
		return awsjson.Error(http.StatusBadRequest, "ResourceNotFoundException", "Event bus "+bus+" does not exist.")
	}
	return awsjson.Result(describe(bus))
}

// description is a bus as AWS describes it.
type description struct{ Name, Arn string }

func describe(bus string) description {
	return description{bus, "arn:aws:events:" + awsjson.Region + ":" + awsjson.Account + ":event-bus/" + bus}
}

func (b *Buses) listEventBuses(_ *exchange.Exchange, _ *http.Request, body []byte) exchange.Answer {
	input, refusal := awsjson.Decode[struct {
		NamePrefix, NextToken string
		Limit                 int
	}](body)
	if refusal != nil {
		return *refusal
	}
	output := struct {
		EventBuses []description
		NextToken  string `json:",omitempty"`
	}{EventBuses: []description{}}
	names, next := awsjson.Page(slices.Collect(maps.Keys(b.names)), input.NamePrefix, input.NextToken, input.Limit)
	for _, name := range names {
		output.EventBuses = append(output.EventBuses, describe(name))
	}
	output.NextToken = next
	return awsjson.Result(output)
}

// busName is the bus that a name means, or an ARN that ends in it.
func busName(given string) string {
	given = cmp.Or(given, "default")
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

func (b *Buses) putEvents(x *exchange.Exchange, _ *http.Request, body []byte) exchange.Answer {
	input, refusal := awsjson.Decode[putEventsInput](body)
	if refusal != nil {
		return *refusal
	}
	if err := b.checkEntries(input.Entries); err != nil {
		return awsjson.Error(http.StatusBadRequest, "ValidationException", err.Error())
	}
	failed := b.api.Faults.FailedEntries(&x.Action, len(input.Entries))
	results := make([]putEventsResult, len(input.Entries))
	failures := 0
	for i := range input.Entries {
		if failed[i] {
			results[i] = putEventsResult{ErrorCode: x.Action.FailedCode(), ErrorMessage: "The simulator was told to fail this entry."}
		} else {
			results[i] = b.putEvent(x, &input.Entries[i])
		}
		if results[i].ErrorCode != "" {
			failures++
		}
	}
	x.Call.Parameters = map[string]string{"entries": strconv.Itoa(len(results)), "failed": strconv.Itoa(failures)}
	return awsjson.Result(struct {
		FailedEntryCount int
		Entries          []putEventsResult
	}{failures, results})
}

// checkEntries is what fails a request as a whole.
func (b *Buses) checkEntries(entries []putEventsEntry) error {
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
	if total > b.limit {
		return fmt.Errorf("total size of the entries in the request is over the limit: %d of %d bytes", total, b.limit)
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
func (b *Buses) putEvent(x *exchange.Exchange, e *putEventsEntry) putEventsResult {
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
	case !b.names[bus]:
		return invalid("EventBusName", "Event bus "+bus+" does not exist.")
	case json.Unmarshal([]byte(*e.Detail), &object) != nil || object == nil:
		return putEventsResult{ErrorCode: "MalformedDetail", ErrorMessage: "Detail is malformed."}
	}
	event := Event{
		Time: x.Call.Time, Arrived: time.Now(), RequestID: x.Call.RequestID, EventID: b.api.IDs.New(),
		Bus: bus, Source: e.Source, DetailType: e.DetailType, Resources: e.Resources,
		Detail: *e.Detail, Answered: !x.Action.LoseAnswer,
	}
	if e.Time != nil {
		event.EntryTime = *e.Time
	}
	b.record(event)
	return putEventsResult{EventID: event.EventID}
}
