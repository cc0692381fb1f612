package sqs

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sellerstream/sellerstream/pkg/simulator/awsjson"
	"github.com/sellerstream/sellerstream/pkg/simulator/exchange"
	"github.com/sellerstream/sellerstream/pkg/simulator/wire"
)

// messageLimit is SQS's limit of a message and of a batch, in bytes (1 MiB
// since August 2025).
const messageLimit = 1 << 20

// queueError is an SQS error with the code that its SDK expects.
type queueError struct{ code, message string }

func (e *queueError) Error() string { return e.code + ": " + e.message }

func sqsError(err error) exchange.Answer {
	var known *queueError
	if !errors.As(err, &known) {
		known = &queueError{"InvalidParameterValue", err.Error()}
	}
	result := awsjson.Error(http.StatusBadRequest, "com.amazonaws.sqs#"+known.code, known.message)
	result.Header = map[string]string{"x-amzn-query-error": known.queryCode() + ";Sender"}
	return result
}

// queryCode is the error's code in SQS's older protocol. SQS still sends it,
// and the SDK's ErrorCode prefers it.
func (e *queueError) queryCode() string {
	switch e.code {
	case "QueueDoesNotExist":
		return "AWS.SimpleQueueService.NonExistentQueue"
	case "EmptyBatchRequest", "TooManyEntriesInBatchRequest", "BatchEntryIdsNotDistinct", "BatchRequestTooLong",
		"InvalidBatchEntryId", "MessageNotInflight", "UnsupportedOperation":
		return "AWS.SimpleQueueService." + e.code
	}
	return e.code
}

// queueReference is how an input names its queue.
type queueReference struct {
	QueueURL string `json:"QueueUrl"`
}

func (q queueReference) queueName() string {
	return q.QueueURL[strings.LastIndexByte(q.QueueURL, '/')+1:]
}

// queueNameOf finds the queue that a request is about. It is called before the
// faults are met, and leaves a request that cannot be read to its operation.
func queueNameOf(body []byte) string {
	var input struct {
		queueReference
		QueueName string
	}
	if json.Unmarshal(body, &input) != nil {
		return ""
	}
	if input.QueueName != "" {
		return input.QueueName
	}
	return input.queueName()
}

// onQueue makes an operation on a queue out of a function on its decoded input.
func onQueue[T interface{ queueName() string }](s *Queues, operate func(*exchange.Exchange, *http.Request, *queue, *T) (any, error)) awsjson.Operation {
	return func(x *exchange.Exchange, r *http.Request, body []byte) exchange.Answer {
		input, refusal := awsjson.Decode[T](body)
		if refusal != nil {
			return *refusal
		}
		q := s.get((*input).queueName())
		if q == nil {
			return sqsError(errNoQueue)
		}
		output, err := operate(x, r, q, input)
		if err != nil {
			return sqsError(err)
		}
		if encoded, ok := output.([]byte); ok {
			return exchange.Answer{Status: http.StatusOK, Body: encoded}
		}
		return awsjson.Result(output)
	}
}

var errNoQueue = &queueError{"QueueDoesNotExist", "The specified queue does not exist."}

// nothing is the output of operations that have none.
type nothing struct{}

func (s *Queues) createQueue(_ *exchange.Exchange, r *http.Request, body []byte) exchange.Answer {
	input, refusal := awsjson.Decode[struct {
		QueueName  string
		Attributes map[string]string
	}](body)
	if refusal != nil {
		return *refusal
	}
	if input.QueueName == "" || len(input.QueueName) > 80 || strings.ContainsAny(input.QueueName, "/ ") {
		return sqsError(errors.New("a queue's name has 1 to 80 characters out of letters, digits, - and _"))
	}
	q := s.create(input.QueueName)
	if given := input.Attributes["VisibilityTimeout"]; given != "" {
		seconds, err := strconv.Atoi(given)
		if err != nil || seconds < 0 || seconds > 43_200 {
			return sqsError(&queueError{"InvalidAttributeValue", "VisibilityTimeout must be between 0 and 43200"})
		}
		q.mu.Lock()
		q.visibility = time.Duration(seconds) * time.Second
		q.mu.Unlock()
	}
	return awsjson.Result(queueReference{queueURL(r, input.QueueName)})
}

func (s *Queues) getQueueURL(_ *exchange.Exchange, r *http.Request, body []byte) exchange.Answer {
	input, refusal := awsjson.Decode[struct{ QueueName string }](body)
	if refusal != nil {
		return *refusal
	}
	if s.get(input.QueueName) == nil {
		return sqsError(errNoQueue)
	}
	return awsjson.Result(queueReference{queueURL(r, input.QueueName)})
}

func (s *Queues) listQueues(_ *exchange.Exchange, r *http.Request, body []byte) exchange.Answer {
	input, refusal := awsjson.Decode[struct {
		QueueNamePrefix, NextToken string
		MaxResults                 int
	}](body)
	if refusal != nil {
		return *refusal
	}
	s.mu.Lock()
	names := slices.Collect(maps.Keys(s.byName))
	s.mu.Unlock()
	output := struct {
		QueueUrls []string `json:",omitempty"`
		NextToken string   `json:",omitempty"`
	}{}
	names, output.NextToken = awsjson.Page(names, input.QueueNamePrefix, input.NextToken, input.MaxResults)
	for _, name := range names {
		output.QueueUrls = append(output.QueueUrls, queueURL(r, name))
	}
	return awsjson.Result(output)
}

// Path is the path of a queue's URL.
func Path(name string) string { return "/" + awsjson.Account + "/" + name }

// queueURL is a queue's URL behind the address that the caller used.
func queueURL(r *http.Request, name string) string {
	if r.TLS != nil {
		return "https://" + r.Host + Path(name)
	}
	return "http://" + r.Host + Path(name)
}

// ARN is the ARN of one of the simulator's queues.
func ARN(name string) string {
	return "arn:aws:sqs:" + awsjson.Region + ":" + awsjson.Account + ":" + name
}

type attributesInput struct {
	queueReference
	AttributeNames []string
}

func getQueueAttributes(_ *exchange.Exchange, _ *http.Request, q *queue, input *attributesInput) (any, error) {
	stats := q.snapshot()
	arn := ARN(q.name)
	q.mu.Lock()
	visibility := q.visibility
	q.mu.Unlock()
	all := map[string]string{
		"QueueArn":                              arn,
		"ApproximateNumberOfMessages":           strconv.Itoa(stats.Visible),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(stats.InFlight),
		"ApproximateNumberOfMessagesDelayed":    strconv.Itoa(stats.Delayed),
		"VisibilityTimeout":                     strconv.Itoa(int(visibility.Seconds())),
		"MaximumMessageSize":                    strconv.Itoa(messageLimit),
		"SqsManagedSseEnabled":                  "true",
		// What Amazon asks for in its developer pages, so that it may send here.
		"Policy": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"437568002678"},` +
			`"Action":["sqs:SendMessage","sqs:GetQueueAttributes"],"Resource":"` + arn + `"}]}`,
	}
	wanted := make(map[string]string)
	for _, name := range input.AttributeNames {
		if name == "All" {
			wanted = all
			break
		}
		value, known := all[name]
		if !known {
			return nil, &queueError{"InvalidAttributeName", "Unknown Attribute " + name + "."}
		}
		wanted[name] = value
	}
	return struct{ Attributes map[string]string }{wanted}, nil
}

type sendInput struct {
	queueReference
	sendEntry
}

type sendEntry struct {
	ID                string `json:"Id"`
	MessageBody       string
	DelaySeconds      int
	MessageAttributes map[string]json.RawMessage
}

type sendResult struct {
	ID               string `json:"Id,omitempty"`
	MessageID        string `json:"MessageId"`
	MD5OfMessageBody string
}

func sendMessage(_ *exchange.Exchange, _ *http.Request, q *queue, input *sendInput) (any, error) {
	return q.accept(&input.sendEntry)
}

// accept checks a message and adds it to the queue.
func (q *queue) accept(e *sendEntry) (sendResult, error) {
	switch {
	case e.MessageBody == "":
		return sendResult{}, &queueError{"MissingParameter", "The request must contain the parameter MessageBody."}
	case len(e.MessageBody) > messageLimit:
		return sendResult{}, fmt.Errorf("one or more parameters are invalid. Reason: Message must be shorter than %d bytes", messageLimit)
	case !utf8.ValidString(e.MessageBody):
		return sendResult{}, &queueError{"InvalidMessageContents", "The message contains characters outside the allowed set."}
	case e.DelaySeconds < 0 || e.DelaySeconds > 900:
		return sendResult{}, errors.New("DelaySeconds must be between 0 and 900")
	case len(e.MessageAttributes) > 0:
		return sendResult{}, &queueError{"UnsupportedOperation", "The simulator's messages have no attributes, as Amazon's notifications have none."}
	}
	m := q.send(e.MessageBody, time.Duration(e.DelaySeconds)*time.Second)
	return sendResult{ID: e.ID, MessageID: m.id, MD5OfMessageBody: m.sum}, nil
}

type receiveInput struct {
	queueReference
	AttributeNames              []string
	MessageSystemAttributeNames []string
	MaxNumberOfMessages         *int
	VisibilityTimeout           *int
	WaitTimeSeconds             int
}

func receiveMessage(x *exchange.Exchange, r *http.Request, q *queue, input *receiveInput) (any, error) {
	most := 1
	if input.MaxNumberOfMessages != nil {
		most = *input.MaxNumberOfMessages
	}
	q.mu.Lock()
	visibility := q.visibility
	q.mu.Unlock()
	if input.VisibilityTimeout != nil {
		visibility = time.Duration(*input.VisibilityTimeout) * time.Second
	}
	switch {
	case most < 1 || most > 10:
		return nil, fmt.Errorf("value %d for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided", most)
	case visibility < 0 || visibility > 12*time.Hour:
		return nil, errors.New("VisibilityTimeout must be between 0 and 43200")
	case input.WaitTimeSeconds < 0 || input.WaitTimeSeconds > 20:
		return nil, errors.New("WaitTimeSeconds must be between 0 and 20")
	}
	deliveries := q.receive(r.Context(), most, visibility, time.Duration(input.WaitTimeSeconds)*time.Second)
	x.Call.Parameters = map[string]string{"messages": strconv.Itoa(len(deliveries))}
	return encodeDeliveries(deliveries, slices.Concat(input.AttributeNames, input.MessageSystemAttributeNames)), nil
}

// encodeDeliveries writes the answer by hand: bodies were encoded when they were sent.
func encodeDeliveries(deliveries []delivery, attributes []string) []byte {
	if len(deliveries) == 0 {
		return []byte("{}")
	}
	size := len(`{"Messages":[]}`)
	for _, d := range deliveries {
		size += len(d.message.encoded) + 320
	}
	out := append(make([]byte, 0, size), `{"Messages":[`...)
	for i, d := range deliveries {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, '{')
		out = append(out, d.message.encoded...)
		out = fmt.Appendf(out, `,"ReceiptHandle":%q`, d.handle)
		out = d.appendAttributes(out, attributes)
		out = append(out, '}')
	}
	return append(out, `]}`...)
}

func (d *delivery) appendAttributes(out []byte, names []string) []byte {
	if len(names) == 0 {
		return out
	}
	all := slices.Contains(names, "All")
	values := make(map[string]string, 4)
	add := func(name, value string) {
		if all || slices.Contains(names, name) {
			values[name] = value
		}
	}
	add("SentTimestamp", strconv.FormatInt(d.message.sent.UnixMilli(), 10))
	add("ApproximateReceiveCount", strconv.Itoa(d.count))
	add("ApproximateFirstReceiveTimestamp", strconv.FormatInt(d.first.UnixMilli(), 10))
	add("SenderId", "437568002678")
	out = append(out, `,"Attributes":`...)
	return append(out, wire.JSON(values)...)
}

type handleInput struct {
	queueReference
	ReceiptHandle     string
	VisibilityTimeout int
}

func deleteMessage(_ *exchange.Exchange, _ *http.Request, q *queue, input *handleInput) (any, error) {
	return nothing{}, handleError(q.delete(input.ReceiptHandle))
}

func changeMessageVisibility(_ *exchange.Exchange, _ *http.Request, q *queue, input *handleInput) (any, error) {
	return nothing{}, q.changeSeconds(input.ReceiptHandle, input.VisibilityTimeout)
}

func (q *queue) changeSeconds(handle string, seconds int) error {
	if seconds < 0 || seconds > 43_200 {
		return errors.New("VisibilityTimeout must be between 0 and 43200")
	}
	return handleError(q.changeVisibility(handle, time.Duration(seconds)*time.Second))
}

func handleError(err error) error {
	switch {
	case errors.Is(err, errHandle):
		return &queueError{"ReceiptHandleIsInvalid", "The input receipt handle is invalid."}
	case errors.Is(err, errNotInFlight):
		return &queueError{"MessageNotInflight", "The message referred to is not in flight."}
	}
	return err
}

func purgeQueue(_ *exchange.Exchange, _ *http.Request, q *queue, _ *queueReference) (any, error) {
	q.purge()
	return nothing{}, nil
}
