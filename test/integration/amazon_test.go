package integration

import (
	"context"
	"fmt"
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

// startAmazon simulates SP-API and LWA for three accounts in two regions, and
// what else config says.
func startAmazon(t *testing.T, config simulator.Config) (*simulator.Simulator, simulator.URLs) {
	t.Helper()
	config.Applications = []simulator.Application{application}
	config.Accounts = simulator.Sellers(3, application.Name)
	if config.Rates == nil {
		config.Rates = map[string]simulator.Rate{"getOrder": getOrderRate}
	}
	config.Seed = 1
	amazon, err := simulator.New(config)
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
			Duplicates: 0.2, Reordered: 0.2, Dropped: e.dropped, BuyerRequests: 0.05,
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

// carry takes some messages over, and returns how many. It waits a second for the first.
func (e *environment) carry(ctx context.Context, t *testing.T) int {
	t.Helper()
	n, err := e.move(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// carryOn takes messages over until the test ends.
func (e *environment) carryOn(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for ctx.Err() == nil {
			if _, err := e.move(ctx); err != nil && ctx.Err() == nil {
				t.Error(err)
				return
			}
		}
	}()
	t.Cleanup(func() {
		stop()
		<-stopped
	})
}

func (e *environment) move(ctx context.Context) (int, error) {
	from := sqs.NewFromConfig(credentials(), func(o *sqs.Options) { o.BaseEndpoint = aws.String(e.urls.SQS) })
	source := e.urls.QueueURL(simulator.DefaultQueue)
	got, err := from.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &source, MaxNumberOfMessages: 10, WaitTimeSeconds: 1})
	if err != nil {
		return 0, fmt.Errorf("receive from the simulator: %w", err)
	}
	if len(got.Messages) == 0 {
		return 0, nil
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
		return 0, fmt.Errorf("send to the queue: %w", err)
	}
	if len(sent.Failed) > 0 {
		return 0, fmt.Errorf("the queue refused messages: %v", sent.Failed)
	}
	if _, err := from.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &source, Entries: remove}); err != nil {
		return 0, fmt.Errorf("delete at the simulator: %w", err)
	}
	return len(got.Messages), nil
}

// poison is how many notifications of a scenario no code can process.
const poison = 4
