package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/pprof"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/bridge/sqs"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/schemas"
)

// prepare makes a side ready to start at once.
func (t task) prepare(ctx context.Context) (func(context.Context) error, error) {
	producer, err := kgo.NewClient(append(sqs.ProducerOptions(t.Prefix), kgo.SeedBrokers(t.Brokers...))...)
	if err != nil {
		return nil, err
	}
	cfg := aws.Config{Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("id", "secret", "")}
	// Both sides know the topic's partitions before they start.
	if err := producer.Ping(ctx); err != nil {
		return nil, err
	}
	if t.Name == "bare" {
		client := sqs.NewClient(cfg, t.SQS)
		return func(ctx context.Context) error { return bareLoop(ctx, client, producer, t) }, nil
	}
	codec, err := registry.New(ctx, registry.Config{
		Client: []sr.ClientOpt{sr.URLs(t.Registry)}, Prefix: t.Prefix, Register: true, Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return nil, err
	}
	accounts, err := account.NewDirectory(t.Accounts)
	if err != nil {
		return nil, err
	}
	bridge, err := sqs.New(sqs.Options{
		Queue: t.Queue, Client: sqs.NewClient(cfg, t.SQS), Producer: producer, Encoder: codec, Prefix: t.Prefix,
		Directory: func() *account.Directory { return accounts },
	})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return profiled(ctx, t.Profile, bridge.Run) }, nil
}

// profiled writes a CPU profile of a run into a file, unless that has no name.
func profiled(ctx context.Context, name string, run func(context.Context) error) error {
	if name == "" {
		return run(ctx)
	}
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return err
	}
	err = run(ctx)
	pprof.StopCPUProfile()
	return errors.Join(err, file.Close())
}

// bareLoop is the baseline: it receives, produces and deletes.
func bareLoop(ctx context.Context, client *awssqs.Client, producer *kgo.Client, t task) error {
	var pollers sync.WaitGroup
	faults := make(chan error, t.Pollers)
	for range t.Pollers {
		pollers.Go(func() {
			for ctx.Err() == nil {
				if err := moveTen(ctx, client, producer, t); err != nil && ctx.Err() == nil {
					faults <- err
					return
				}
			}
		})
	}
	pollers.Wait()
	close(faults)
	return <-faults
}

func moveTen(ctx context.Context, client *awssqs.Client, producer *kgo.Client, t task) error {
	out, err := client.ReceiveMessage(ctx, &awssqs.ReceiveMessageInput{
		QueueUrl: &t.Queue, MaxNumberOfMessages: 10, WaitTimeSeconds: 20,
	})
	if err != nil || len(out.Messages) == 0 {
		return err
	}
	records := make([]*kgo.Record, len(out.Messages))
	entries := make([]types.DeleteMessageBatchRequestEntry, len(out.Messages))
	for i, m := range out.Messages {
		records[i] = &kgo.Record{Topic: t.Prefix + schemas.OrderChanges, Value: []byte(*m.Body)}
		entries[i] = types.DeleteMessageBatchRequestEntry{Id: m.MessageId, ReceiptHandle: m.ReceiptHandle}
	}
	if err := producer.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return err
	}
	deleted, err := client.DeleteMessageBatch(ctx, &awssqs.DeleteMessageBatchInput{QueueUrl: &t.Queue, Entries: entries})
	if err == nil && len(deleted.Failed) > 0 {
		err = fmt.Errorf("%d deletions failed", len(deleted.Failed))
	}
	return err
}
