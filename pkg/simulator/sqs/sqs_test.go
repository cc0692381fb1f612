package sqs_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptrace"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
)

func TestMain(m *testing.M) { simulatortest.Main(m) }

func TestSQSSendReceiveDelete(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, nil)
	c := a.SQSClient()
	const body = "{\"text\":\"quote \\\" <tag> & ünïcode \u2028 \t end\"}"
	sent, err := c.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: a.QueueURL(), MessageBody: aws.String(body)})
	if err != nil {
		t.Fatal(err)
	}
	got := a.Receive(c, 10, 30, 0)
	if len(got) != 1 || *got[0].Body != body || *got[0].MessageId != *sent.MessageId {
		t.Fatalf("received %+v", got)
	}
	if got[0].Attributes["ApproximateReceiveCount"] != "1" || got[0].Attributes["SentTimestamp"] == "" || len(got[0].Attributes) != 2 {
		t.Errorf("attributes %v", got[0].Attributes)
	}
	if again := a.Receive(c, 10, 30, 0); len(again) != 0 {
		t.Errorf("a message in flight was received again")
	}
	_, err = c.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: a.QueueURL(), ReceiptHandle: got[0].ReceiptHandle})
	if err != nil {
		t.Fatal(err)
	}
	if q, err := a.Queue(simulator.DefaultQueue); err != nil || q.Visible+q.InFlight != 0 || q.Deleted != 1 || q.Redelivered != 0 {
		t.Errorf("queue %+v", q)
	}
}

func TestSQSRedelivery(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, nil)
	c := a.SQSClient()
	if err := a.Send(simulator.DefaultQueue, "one"); err != nil {
		t.Fatal(err)
	}
	first := a.Receive(c, 1, 1, 0)[0]
	// The long poll outlives the visibility timeout and gets the message back.
	again := a.Receive(c, 1, 30, 10)
	if len(again) != 1 || again[0].Attributes["ApproximateReceiveCount"] != "2" {
		t.Fatalf("received %+v", again)
	}
	// The first handle is out of date: it is accepted and deletes nothing.
	if _, err := c.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: a.QueueURL(), ReceiptHandle: first.ReceiptHandle}); err != nil {
		t.Fatal(err)
	}
	if q, err := a.Queue(simulator.DefaultQueue); err != nil || q.InFlight != 1 || q.Deleted != 0 || q.Redelivered != 1 {
		t.Fatalf("queue %+v", q)
	}
	// A timeout of 0 gives it back at once.
	_, err := c.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{QueueUrl: a.QueueURL(), ReceiptHandle: again[0].ReceiptHandle})
	if err != nil {
		t.Fatal(err)
	}
	if third := a.Receive(c, 1, 30, 0); len(third) != 1 || third[0].Attributes["ApproximateReceiveCount"] != "3" {
		t.Fatalf("received %+v", third)
	}
}

func TestSQSLongPollWakesOnSend(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, nil)
	c := a.SQSClient()
	got := make(chan int)
	go func() {
		got <- len(a.Receive(c, 10, 30, 20))
	}()
	// Whether the poll waits yet or not, it must get the message.
	if err := a.Send(simulator.DefaultQueue, "one"); err != nil {
		t.Fatal(err)
	}
	if n := <-got; n != 1 {
		t.Errorf("received %d messages", n)
	}
}

func TestSQSBatches(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, nil)
	c := a.SQSClient()
	var entries []types.SendMessageBatchRequestEntry
	for i := range 10 {
		entries = append(entries, types.SendMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), MessageBody: aws.String(fmt.Sprint("body ", i))})
	}
	sent, err := c.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: a.QueueURL(), Entries: entries})
	if err != nil || len(sent.Successful) != 10 {
		t.Fatalf("%+v, %v", sent, err)
	}
	messages := a.Receive(c, 10, 30, 0)
	if len(messages) != 10 {
		t.Fatalf("received %d", len(messages))
	}
	var visibility []types.ChangeMessageVisibilityBatchRequestEntry
	var deletes []types.DeleteMessageBatchRequestEntry
	for i, m := range messages {
		visibility = append(visibility, types.ChangeMessageVisibilityBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: 60})
		deletes = append(deletes, types.DeleteMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), ReceiptHandle: m.ReceiptHandle})
	}
	visibility[3].ReceiptHandle = aws.String("no handle")
	changed, err := c.ChangeMessageVisibilityBatch(t.Context(), &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: a.QueueURL(), Entries: visibility})
	if err != nil || len(changed.Successful) != 9 || len(changed.Failed) != 1 || *changed.Failed[0].Code != "ReceiptHandleIsInvalid" {
		t.Fatalf("%+v, %v", changed, err)
	}
	if _, err := a.Faults.Add(simulator.Rule{Operation: "DeleteMessageBatch", Times: 1, Action: simulator.Action{Entries: []int{2, 7}}}); err != nil {
		t.Fatal(err)
	}
	deleted, err := c.DeleteMessageBatch(t.Context(), &sqs.DeleteMessageBatchInput{QueueUrl: a.QueueURL(), Entries: deletes})
	if err != nil || len(deleted.Successful) != 8 || len(deleted.Failed) != 2 || *deleted.Failed[0].Id != "2" {
		t.Fatalf("%+v, %v", deleted, err)
	}
	if q, err := a.Queue(simulator.DefaultQueue); err != nil || q.InFlight != 2 || q.Deleted != 8 {
		t.Errorf("queue %+v", q)
	}
}

func TestSQSErrorsAreTyped(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, nil)
	c := a.SQSClient()
	ctx := t.Context()
	missing := aws.String(a.URLs.QueueURL("missing"))
	_, err := c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: missing})
	if e := new(types.QueueDoesNotExist); !errors.As(err, &e) || e.ErrorCode() != "AWS.SimpleQueueService.NonExistentQueue" {
		t.Errorf("missing queue: %v", err)
	}
	_, err = c.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String("missing")})
	if e := new(types.QueueDoesNotExist); !errors.As(err, &e) {
		t.Errorf("missing queue's URL: %v", err)
	}
	_, err = c.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: a.QueueURL(), ReceiptHandle: aws.String("nonsense")})
	if e := new(types.ReceiptHandleIsInvalid); !errors.As(err, &e) {
		t.Errorf("bad handle: %v", err)
	}
	_, err = c.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: a.QueueURL(), Entries: []types.DeleteMessageBatchRequestEntry{}})
	if e := new(types.EmptyBatchRequest); !errors.As(err, &e) {
		t.Errorf("empty batch: %v", err)
	}
	_, err = c.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: a.QueueURL(), AttributeNames: []types.QueueAttributeName{"Nope"}})
	if e := new(types.InvalidAttributeName); !errors.As(err, &e) {
		t.Errorf("bad attribute: %v", err)
	}
	if _, err = c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: a.QueueURL(), MaxNumberOfMessages: 11}); err == nil {
		t.Error("11 messages at once were allowed")
	}
}

func TestSQSQueues(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, nil)
	c := a.SQSClient()
	ctx := t.Context()
	made, err := c.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("second"), Attributes: map[string]string{"VisibilityTimeout": "7"}})
	if err != nil {
		t.Fatal(err)
	}
	found, err := c.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String("second")})
	if err != nil || *found.QueueUrl != *made.QueueUrl || *found.QueueUrl != a.URLs.QueueURL("second") {
		t.Fatalf("made %v, found %v, %v", made, found, err)
	}
	for prefix, want := range map[string]int{"": 2, "sec": 1, "x": 0} {
		if got, err := c.ListQueues(ctx, &sqs.ListQueuesInput{QueueNamePrefix: &prefix}); err != nil || len(got.QueueUrls) != want || want == 1 && got.QueueUrls[0] != *made.QueueUrl {
			t.Errorf("queues that begin with %q: %+v, %v", prefix, got, err)
		}
	}
	if err := a.Send("second", "one", "two"); err != nil {
		t.Fatal(err)
	}
	attributes := func() map[string]string {
		out, err := c.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: made.QueueUrl, AttributeNames: []types.QueueAttributeName{"All"}})
		if err != nil {
			t.Fatal(err)
		}
		return out.Attributes
	}
	got := attributes()
	if got["ApproximateNumberOfMessages"] != "2" || got["VisibilityTimeout"] != "7" || got["QueueArn"] == "" || got["Policy"] == "" {
		t.Errorf("attributes %v", got)
	}
	if _, err := c.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: made.QueueUrl}); err != nil {
		t.Fatal(err)
	}
	if got := attributes(); got["ApproximateNumberOfMessages"] != "0" {
		t.Errorf("after purge: %v", got)
	}
}

// A caller that goes away must not take a message with it, and Close must not
// wait for long polls.
func TestSQSAbandonedPoll(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, nil)
	c := a.SQSClient()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	// Only a poll that was sent can be abandoned.
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { cancel() }})
	if _, err := c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: a.QueueURL(), WaitTimeSeconds: 20}); err == nil {
		t.Fatal("the poll returned")
	}
	if _, err := a.Ledger.Await(t.Context(), simulator.Filter{Operation: "ReceiveMessage"}, 1); err != nil {
		t.Fatal(err)
	}
	if err := a.Send(simulator.DefaultQueue, "one"); err != nil {
		t.Fatal(err)
	}
	if got := a.Receive(c, 1, 30, 20); len(got) != 1 {
		t.Errorf("received %d", len(got))
	}
}
