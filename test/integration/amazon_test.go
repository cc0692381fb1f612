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

var application = simulator.Application{
	Name: "main", ClientID: "amzn1.application-oa2-client.integration", ClientSecrets: []string{"integration-secret"},
}

// startAmazon simulates SP-API and LWA for three accounts in two regions.
func startAmazon(t *testing.T) (*simulator.Simulator, simulator.URLs) {
	t.Helper()
	amazon, err := simulator.New(simulator.Config{
		Applications: []simulator.Application{application},
		Accounts:     simulator.Sellers(3, application.Name),
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

// play lets a stretch of business happen, and carries what Amazon sends to the
// simulator's queue over to the pipeline's, as Amazon would have sent it there.
func (e *environment) play(ctx context.Context, t *testing.T, orders int) {
	t.Helper()
	played := make(chan error, 1)
	go func() {
		played <- e.amazon.Run(ctx, simulator.Scenario{
			Orders: orders, Changes: 2, Over: 5 * time.Second,
			Duplicates: 0.2, Reordered: 0.2, BuyerRequests: 0.05,
			Forged: 2, UnknownSellers: poison / 2, Malformed: poison / 2,
		})
	}()
	for over := false; !over; {
		select {
		case err := <-played:
			if err != nil {
				t.Fatalf("play the scenario: %v", err)
			}
			over = true // what follows takes the last of it over
		default:
		}
		for e.carry(ctx, t) > 0 {
		}
	}
	e.poisoned += poison
}

// carry takes some messages over, and says how many. It waits a second for the first.
func (e *environment) carry(ctx context.Context, t *testing.T) int {
	t.Helper()
	from := sqs.NewFromConfig(credentials(), func(o *sqs.Options) { o.BaseEndpoint = aws.String(e.urls.SQS) })
	source := e.urls.QueueURL(simulator.DefaultQueue)
	got, err := from.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &source, MaxNumberOfMessages: 10, WaitTimeSeconds: 1})
	if err != nil {
		t.Fatalf("receive from the simulator: %v", err)
	}
	if len(got.Messages) == 0 {
		return 0
	}
	var send []types.SendMessageBatchRequestEntry
	var remove []types.DeleteMessageBatchRequestEntry
	for i, m := range got.Messages {
		id := aws.String(strconv.Itoa(i))
		send = append(send, types.SendMessageBatchRequestEntry{Id: id, MessageBody: m.Body})
		remove = append(remove, types.DeleteMessageBatchRequestEntry{Id: id, ReceiptHandle: m.ReceiptHandle})
	}
	sent, err := e.sqs.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &e.queue, Entries: send})
	if err != nil {
		t.Fatalf("send to the queue: %v", err)
	}
	if len(sent.Failed) > 0 {
		t.Fatalf("the queue refused messages: %v", sent.Failed)
	}
	if _, err := from.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &source, Entries: remove}); err != nil {
		t.Fatalf("delete at the simulator: %v", err)
	}
	return len(got.Messages)
}

// poison is how many notifications of a scenario no code can process.
const poison = 4
