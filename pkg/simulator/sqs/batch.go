package sqs

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/sellerstream/sellerstream/pkg/simulator/exchange"
)

// batchResult is the output of every batch operation.
type batchResult struct {
	Successful []any          `json:",omitempty"`
	Failed     []batchFailure `json:",omitempty"`
}

type batchFailure struct {
	ID          string `json:"Id"`
	Code        string
	Message     string
	SenderFault bool
}

type batchSuccess struct {
	ID string `json:"Id"`
}

// batch runs an operation entry by entry. Entries that a fault fails are not run.
func batch[E interface{ id() string }](s *Queues, x *exchange.Exchange, entries []E, operate func(*E) (any, error)) (batchResult, error) {
	if err := checkBatch(entries); err != nil {
		return batchResult{}, err
	}
	failed := s.api.Faults.FailedEntries(&x.Action, len(entries))
	var result batchResult
	for i := range entries {
		id := entries[i].id()
		if failed[i] {
			result.Failed = append(result.Failed, batchFailure{ID: id, Code: x.Action.FailedCode(), Message: "The simulator was told to fail this entry."})
			continue
		}
		success, err := operate(&entries[i])
		var known *queueError
		switch {
		case errors.As(err, &known):
			result.Failed = append(result.Failed, batchFailure{id, known.code, known.message, true})
		case err != nil:
			result.Failed = append(result.Failed, batchFailure{id, "InvalidParameterValue", err.Error(), true})
		default:
			result.Successful = append(result.Successful, success)
		}
	}
	x.Call.Parameters = map[string]string{
		"messages": strconv.Itoa(len(entries)),
		"failed":   strconv.Itoa(len(result.Failed)),
	}
	return result, nil
}

func checkBatch[E interface{ id() string }](entries []E) error {
	switch {
	case len(entries) == 0:
		return &queueError{"EmptyBatchRequest", "There should be at least one entry in the request."}
	case len(entries) > 10:
		return &queueError{"TooManyEntriesInBatchRequest", fmt.Sprintf("Maximum number of entries per request are 10. You have sent %d.", len(entries))}
	}
	seen := make(map[string]bool, len(entries))
	for i := range entries {
		id := entries[i].id()
		if id == "" || len(id) > 80 {
			return &queueError{"InvalidBatchEntryId", "A batch entry id has 1 to 80 characters."}
		}
		if seen[id] {
			return &queueError{"BatchEntryIdsNotDistinct", "Id " + id + " repeated."}
		}
		seen[id] = true
	}
	return nil
}

func (e sendEntry) id() string { return e.ID }

type sendBatchInput struct {
	queueReference
	Entries []sendEntry
}

func (s *Queues) sendMessageBatch(x *exchange.Exchange, _ *http.Request, q *queue, input *sendBatchInput) (any, error) {
	total := 0
	for i := range input.Entries {
		total += len(input.Entries[i].MessageBody)
	}
	if total > messageLimit {
		return nil, &queueError{"BatchRequestTooLong", fmt.Sprintf("Batch requests cannot be longer than %d bytes. You have sent %d bytes.", messageLimit, total)}
	}
	return batch(s, x, input.Entries, func(e *sendEntry) (any, error) { return q.accept(e) })
}

// handleEntry is an entry of a batch on received messages.
type handleEntry struct {
	ID                string `json:"Id"`
	ReceiptHandle     string
	VisibilityTimeout int
}

func (e handleEntry) id() string { return e.ID }

type handleBatchInput struct {
	queueReference
	Entries []handleEntry
}

func (s *Queues) deleteMessageBatch(x *exchange.Exchange, _ *http.Request, q *queue, input *handleBatchInput) (any, error) {
	return batch(s, x, input.Entries, func(e *handleEntry) (any, error) {
		return batchSuccess{e.ID}, handleError(q.delete(e.ReceiptHandle))
	})
}

func (s *Queues) changeMessageVisibilityBatch(x *exchange.Exchange, _ *http.Request, q *queue, input *handleBatchInput) (any, error) {
	return batch(s, x, input.Entries, func(e *handleEntry) (any, error) {
		return batchSuccess{e.ID}, q.changeSeconds(e.ReceiptHandle, e.VisibilityTimeout)
	})
}
