package sqs

import (
	"net/http"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/awsjson"
	"github.com/sellerstream/sellerstream/pkg/simulator/exchange"
	"github.com/sellerstream/sellerstream/pkg/simulator/ledger"
)

// New makes an SQS that has no queue. visibility is the timeout of new queues, and
// latency the least real time that a call takes.
func New(desk *exchange.Desk, visibility, latency time.Duration) *Queues {
	s := &Queues{visibility: visibility, byName: make(map[string]*queue)}
	s.api = &awsjson.API{
		Service:   exchange.Service{Desk: desk, Part: ledger.SQS, Least: latency, Fail: awsjson.Fail},
		Target:    "AmazonSQS.",
		Limit:     2 * messageLimit,
		MediaType: "application/x-amz-json-1.0",
		Resource:  queueNameOf, Operations: s.operations(),
	}
	return s
}

// Handler is the endpoint.
func (s *Queues) Handler() http.Handler { return s.api }

func (s *Queues) operations() map[string]awsjson.Operation {
	return map[string]awsjson.Operation{
		"CreateQueue":                  s.createQueue,
		"GetQueueUrl":                  s.getQueueURL,
		"ListQueues":                   s.listQueues,
		"GetQueueAttributes":           onQueue(s, getQueueAttributes),
		"SendMessage":                  onQueue(s, sendMessage),
		"SendMessageBatch":             onQueue(s, s.sendMessageBatch),
		"ReceiveMessage":               onQueue(s, receiveMessage),
		"DeleteMessage":                onQueue(s, deleteMessage),
		"DeleteMessageBatch":           onQueue(s, s.deleteMessageBatch),
		"ChangeMessageVisibility":      onQueue(s, changeMessageVisibility),
		"ChangeMessageVisibilityBatch": onQueue(s, s.changeMessageVisibilityBatch),
		"PurgeQueue":                   onQueue(s, purgeQueue),
	}
}
