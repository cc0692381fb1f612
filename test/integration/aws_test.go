package integration

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscredentials "github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/sellerstream/sellerstream/test/parts"
)

// credentials are any: moto and the simulator take them all.
func credentials() aws.Config {
	return aws.Config{
		Region:      "eu-west-1",
		HTTPClient:  http.DefaultClient,
		Credentials: awscredentials.NewStaticCredentialsProvider("test", "test", ""),
	}
}

// makeQueue creates a queue that is gone after the test.
func makeQueue(t *testing.T, client *sqs.Client, name string) (url, arn string) {
	t.Helper()
	made, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name})
	if err != nil {
		t.Fatalf("create queue %s: %v", name, err)
	}
	t.Cleanup(func() {
		if _, err := client.DeleteQueue(context.Background(), &sqs.DeleteQueueInput{QueueUrl: made.QueueUrl}); err != nil {
			t.Errorf("delete queue %s: %v", name, err)
		}
	})
	attributes, err := client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: made.QueueUrl, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameQueueArn},
	})
	if err != nil {
		t.Fatalf("ask for the attributes of %s: %v", name, err)
	}
	return *made.QueueUrl, attributes.Attributes[string(types.QueueAttributeNameQueueArn)]
}

// makeBus creates an event bus with a rule that sends everything of our source to a queue.
func makeBus(t *testing.T, endpoint, bus, queueARN string) {
	t.Helper()
	client := eventbridge.NewFromConfig(credentials(), func(o *eventbridge.Options) { o.BaseEndpoint = &endpoint })
	parts.CreateBus(t, client, bus)
	rule := aws.String("everything")
	_, err := client.PutRule(t.Context(), &eventbridge.PutRuleInput{
		Name: rule, EventBusName: &bus, EventPattern: aws.String(`{"source":["sellerstream"]}`),
	})
	if err != nil {
		t.Fatalf("put the rule: %v", err)
	}
	_, err = client.PutTargets(t.Context(), &eventbridge.PutTargetsInput{
		Rule: rule, EventBusName: &bus, Targets: []eventtypes.Target{{Id: aws.String("queue"), Arn: &queueARN}},
	})
	if err != nil {
		t.Fatalf("put the target: %v", err)
	}
}

// awaitEmpty waits until the bridge has deleted every message of the queue:
// after a crash those in flight come back when their visibility ends.
func (e *environment) awaitEmpty(ctx context.Context, t *testing.T) {
	t.Helper()
	names := []types.QueueAttributeName{
		types.QueueAttributeNameApproximateNumberOfMessages,
		types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
	}
	for {
		got, err := e.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &e.queue, AttributeNames: names})
		if err != nil {
			t.Fatalf("the queue did not become empty: %v (%v)", err, context.Cause(ctx))
		}
		left := 0
		for _, name := range names {
			n, err := strconv.Atoi(got.Attributes[string(name)])
			if err != nil {
				t.Fatalf("the queue's %s: %v", name, err)
			}
			left += n
		}
		if left == 0 {
			return
		}
		// SQS has no other way to learn that a queue became empty.
		time.Sleep(100 * time.Millisecond)
	}
}

// checkDelivered reads what EventBridge delivered to the rule's target, and
// compares it with what the pipeline sent. moto writes the detail's JSON anew,
// so its values are compared; tap has compared the bytes.
func (e *environment) checkDelivered(ctx context.Context, t *testing.T, sent map[string][]event) {
	t.Helper()
	delivered := make(map[string]int)
	for {
		// They are not deleted, so they stay hidden for longer than the test goes on:
		// a message that came back would look like an event that was delivered twice.
		got, err := e.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &e.delivered, MaxNumberOfMessages: 10, VisibilityTimeout: int32((4 * patience).Seconds()),
		})
		if err != nil {
			t.Fatalf("receive what EventBridge delivered: %v", err)
		}
		if len(got.Messages) == 0 {
			break
		}
		for _, m := range got.Messages {
			var envelope struct {
				DetailType string          `json:"detail-type"`
				Detail     json.RawMessage `json:"detail"`
			}
			if err := json.Unmarshal([]byte(*m.Body), &envelope); err != nil {
				t.Fatalf("EventBridge delivered %s: %v", *m.Body, err)
			}
			id := eventID(t, envelope.Detail)
			delivered[id]++
			if of := sent[id]; len(of) == 0 || of[0].detailType != envelope.DetailType || !sameJSON(t, of[0].detail, envelope.Detail) {
				t.Errorf("EventBridge delivered %s %s, which is not what was sent: %v", envelope.DetailType, envelope.Detail, of)
			}
		}
	}
	for id, times := range sent {
		if delivered[id] != len(times) {
			t.Errorf("event %s was sent %d times and delivered %d times", id, len(times), delivered[id])
		}
	}
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var left, right any
	if err := json.Unmarshal(a, &left); err != nil {
		t.Fatalf("detail %s: %v", a, err)
	}
	if err := json.Unmarshal(b, &right); err != nil {
		t.Fatalf("detail %s: %v", b, err)
	}
	return reflect.DeepEqual(left, right)
}

// eventID is the id by which consumers deduplicate.
func eventID(t *testing.T, detail []byte) string {
	t.Helper()
	var d struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(detail, &d); err != nil || d.ID == "" {
		t.Fatalf("detail %s has no id: %v", detail, err)
	}
	return d.ID
}
