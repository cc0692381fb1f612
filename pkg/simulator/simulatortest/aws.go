package simulatortest

import (
	"encoding/json"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	events "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/sellerstream/sellerstream/pkg/simulator"
)

// SQSClient is Amazon's own SDK, the judge of the protocol: it checks MD5s and
// reads typed errors.
func (a *Amazon) SQSClient() *sqs.Client {
	return sqs.New(sqs.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(a.URLs.SQS),
		HTTPClient:   a.Client,
		Credentials:  credentials.NewStaticCredentialsProvider("id", "secret", ""),
		Retryer:      aws.NopRetryer{},
	})
}

// QueueURL is that of the default queue.
func (a *Amazon) QueueURL() *string { return aws.String(a.URLs.QueueURL(simulator.DefaultQueue)) }

// Receive takes messages out of the default queue.
func (a *Amazon) Receive(c *sqs.Client, most, visibility, wait int32) []types.Message {
	a.T.Helper()
	out, err := c.ReceiveMessage(a.T.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: a.QueueURL(), MaxNumberOfMessages: most, VisibilityTimeout: visibility, WaitTimeSeconds: wait,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{"SentTimestamp", "ApproximateReceiveCount"},
	})
	if err != nil {
		a.T.Fatal(err)
	}
	return out.Messages
}

// Sent is what the tests read of a notification.
type Sent struct {
	NotificationType string
	Payload          struct {
		OrderChangeNotification struct {
			AmazonOrderID      string `json:"AmazonOrderId"`
			OrderChangeType    string
			OrderChangeTrigger struct{ TimeOfOrderChange *time.Time }
			Summary            struct {
				FulfillmentType string
				LatestShipDate  time.Time
			}
		}
		FeedProcessingFinishedNotification map[string]any
	}
	NotificationMetadata struct {
		NotificationID string `json:"NotificationId"`
	}
}

// Drain takes everything out of the queue in the order of sending. Bodies that
// are not JSON are counted.
func (a *Amazon) Drain() (all []Sent, malformed int) {
	a.T.Helper()
	c := a.SQSClient()
	for {
		messages := a.Receive(c, 10, 600, 0)
		if len(messages) == 0 {
			return all, malformed
		}
		for _, m := range messages {
			var n Sent
			if json.Unmarshal([]byte(*m.Body), &n) != nil {
				malformed++
				continue
			}
			all = append(all, n)
		}
	}
}

// EventsClient is Amazon's own SDK for EventBridge.
func (a *Amazon) EventsClient() *eventbridge.Client {
	return eventbridge.New(eventbridge.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(a.URLs.EventBridge),
		HTTPClient:   a.Client,
		Credentials:  credentials.NewStaticCredentialsProvider("id", "secret", ""),
		Retryer:      aws.NopRetryer{},
	})
}

// Put sends entries to EventBridge.
func (a *Amazon) Put(entries ...events.PutEventsRequestEntry) (*eventbridge.PutEventsOutput, error) {
	return a.EventsClient().PutEvents(a.T.Context(), &eventbridge.PutEventsInput{Entries: entries})
}

// Entry is an entry for the bus orders.
func Entry(detail string) events.PutEventsRequestEntry {
	return events.PutEventsRequestEntry{
		Source: aws.String("sellerstream"), DetailType: aws.String("Order"), Detail: aws.String(detail),
		Resources: []string{"order/1"}, EventBusName: aws.String("orders"),
	}
}
