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
func (s *Queues) batch(x *exchange.Exchange, ids []string, operate func(i int) (any, error)) (batchResult, error) {
	if err := checkBatch(ids); err != nil {
		return batchResult{}, err
	}
	failed := s.api.Faults.FailedEntries(x.Action, len(ids))
	var result batchResult
	for i, id := range ids {
		if failed[i] {
			result.Failed = append(result.Failed, batchFailure{ID: id, Code: x.Action.FailedCode(), Message: "The simulator was told to fail this entry."})
			continue
		}
		success, err := operate(i)
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
		"messages": strconv.Itoa(len(ids)),
		"failed":   strconv.Itoa(len(result.Failed)),
	}
	return result, nil
}

func checkBatch(ids []string) error {
	switch {
	case len(ids) == 0:
		return &queueError{"EmptyBatchRequest", "There should be at least one entry in the request."}
	case len(ids) > 10:
		return &queueError{"TooManyEntriesInBatchRequest", fmt.Sprintf("Maximum number of entries per request are 10. You have sent %d.", len(ids))}
	}
	seen := make(map[string]bool, len(ids))
	for _, id := range ids {
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

type sendBatchInput struct {
	queueReference
	Entries []sendEntry
}

func (s *Queues) sendMessageBatch(x *exchange.Exchange, _ *http.Request, q *queue, input *sendBatchInput) (any, error) {
	ids := make([]string, len(input.Entries))
	total := 0
	for i, e := range input.Entries {
		ids[i] = e.ID
		total += len(e.MessageBody)
	}
	if total > messageLimit {
		return nil, &queueError{"BatchRequestTooLong", fmt.Sprintf("Batch requests cannot be longer than %d bytes. You have sent %d bytes.", messageLimit, total)}
	}
	return s.batch(x, ids, func(i int) (any, error) { return q.accept(&input.Entries[i]) })
}

type deleteBatchInput struct {
	queueReference
	Entries []struct {
		ID            string `json:"Id"`
		ReceiptHandle string
	}
}

func (s *Queues) deleteMessageBatch(x *exchange.Exchange, _ *http.Request, q *queue, input *deleteBatchInput) (any, error) {
	ids := make([]string, len(input.Entries))
	for i, e := range input.Entries {
		ids[i] = e.ID
	}
	return s.batch(x, ids, func(i int) (any, error) {
		return batchSuccess{ids[i]}, handleError(q.delete(input.Entries[i].ReceiptHandle))
	})
}

type visibilityBatchInput struct {
	queueReference
	Entries []struct {
		ID                string `json:"Id"`
		ReceiptHandle     string
		VisibilityTimeout int
	}
}

func (s *Queues) changeMessageVisibilityBatch(x *exchange.Exchange, _ *http.Request, q *queue, input *visibilityBatchInput) (any, error) {
	ids := make([]string, len(input.Entries))
	for i, e := range input.Entries {
		ids[i] = e.ID
	}
	return s.batch(x, ids, func(i int) (any, error) {
		return batchSuccess{ids[i]}, q.changeSeconds(input.Entries[i].ReceiptHandle, input.Entries[i].VisibilityTimeout)
	})
}
