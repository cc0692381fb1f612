package integration

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/sellerstream/sellerstream/pkg/simulator"
)

// getOrderRate is the quota of getOrder here: Amazon's own (one call in 2 s) is
// for the demo, whose clock is scaled; `run` is on the real one.
var getOrderRate = simulator.Rate{PerSecond: 100, Burst: 200}

const (
	clientID     = "amzn1.application-oa2-client.integration"
	clientSecret = "integration-secret"
)

// startAmazon simulates SP-API and LWA for three accounts in two regions.
func startAmazon(t *testing.T) (*simulator.Simulator, simulator.URLs) {
	t.Helper()
	amazon, err := simulator.New(simulator.Config{
		Applications: []simulator.Application{{Name: "main", ClientID: clientID, ClientSecrets: []string{clientSecret}}},
		Accounts:     simulator.Sellers(3, "main"),
		Rates:        map[string]simulator.Rate{"getOrder": getOrderRate},
		Seed:         1,
	})
	if err != nil {
		t.Fatal(err)
	}
	urls, err := amazon.Start(simulator.Addresses{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := amazon.Close(); err != nil {
			t.Errorf("close the simulator: %v", err)
		}
	})
	return amazon, urls
}

// notifications carries what Amazon sends to its queue over to another queue,
// as Amazon would have sent it there, until the simulator's queue is empty.
func (e *environment) notifications(ctx context.Context, t *testing.T) {
	t.Helper()
	from := sqs.NewFromConfig(credentials(), func(o *sqs.Options) { o.BaseEndpoint = aws.String(e.urls.SQS) })
	source := e.urls.QueueURL(simulator.DefaultQueue)
	for {
		got, err := from.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &source, MaxNumberOfMessages: 10})
		if err != nil {
			t.Fatalf("receive from the simulator: %v", err)
		}
		if len(got.Messages) == 0 {
			return
		}
		var send []types.SendMessageBatchRequestEntry
		var remove []types.DeleteMessageBatchRequestEntry
		for i, m := range got.Messages {
			id := aws.String(strconv.Itoa(i))
			send = append(send, types.SendMessageBatchRequestEntry{Id: id, MessageBody: m.Body})
			remove = append(remove, types.DeleteMessageBatchRequestEntry{Id: id, ReceiptHandle: m.ReceiptHandle})
		}
		sent, err := e.sqs.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &e.queue, Entries: send})
		if err != nil || len(sent.Failed) > 0 {
			t.Fatalf("send to the queue: %v, failed entries %v", err, sent.Failed)
		}
		if _, err := from.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &source, Entries: remove}); err != nil {
			t.Fatalf("delete at the simulator: %v", err)
		}
	}
}

// play lets a stretch of business happen and its notifications arrive.
func (e *environment) play(ctx context.Context, t *testing.T, orders int) {
	t.Helper()
	err := e.amazon.Run(ctx, simulator.Scenario{
		Orders: orders, Changes: 2, Over: time.Second,
		Duplicates: 0.2, Reordered: 0.2, BuyerRequests: 0.05,
		Forged: 2, UnknownSellers: poison / 2, Malformed: poison / 2,
	})
	if err != nil {
		t.Fatalf("play the scenario: %v", err)
	}
	e.notifications(ctx, t)
	e.poisoned += poison
}

// poison is how many notifications of a scenario no code can process.
const poison = 4
