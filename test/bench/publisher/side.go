package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awseventbridge "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/bridge/eventbridge"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topics"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/bench/internal/stage"
)

const entries = 10 // of a request, PutEvents' limit

// task is what a measured process is told.
type task struct {
	Stage      at
	Endpoint   string // of EventBridge
	Events     int
	Goroutines int // of the bare loop; 0 for the publisher
}

// at is where a load's topics are.
type at struct {
	Brokers          []string
	Registry, Prefix string
}

func stageOf(s *stage.Stage, l load) at {
	return at{s.Brokers, s.Pipeline.Registry, fmt.Sprintf("%s%d.", s.Pipeline.Prefix, l.accounts)}
}

func (a at) codec(ctx context.Context) (*registry.Codec, error) {
	return registry.New(ctx, registry.Config{
		Client: []sr.ClientOpt{sr.URLs(a.Registry)}, Prefix: a.Prefix, Register: true,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
}

// order is one of a usual size.
func order(account string, i int) *schemas.Order {
	created := time.Date(2026, 11, 1, 0, 0, i, 0, time.UTC)
	money := func(amount string) *schemas.Money { return &schemas.Money{Amount: amount, Currency: "EUR"} }
	one := int32(1)
	o := &schemas.Order{
		EventID: schemas.EventID("OrderChanged", account, fmt.Sprint(i)), EventType: "OrderChanged", Account: account,
		OrderID: fmt.Sprintf("302-%07d-%07d", i, i), MarketplaceID: "A1PA6795UKMFR9", MarketplaceName: "Amazon.de", SalesChannel: "AMAZON",
		Status: "UNSHIPPED", Responsibility: "OURS", CreatedTime: created, LastUpdatedTime: created.Add(time.Minute), FulfilledBy: "MERCHANT",
		ServiceLevel: "STANDARD", ShipBy: &schemas.TimeWindow{Earliest: created, Latest: created.Add(48 * time.Hour)},
		GrandTotal: money("129.90"), Origin: "NOTIFICATION",
	}
	for n := range 2 {
		o.Items = append(o.Items, schemas.OrderItem{
			OrderItemID: fmt.Sprintf("%014d", i*2+n), SellerSKU: fmt.Sprintf("SKU-%d", n), ASIN: "B0EXAMPLE1", Title: "A chair of beech, oiled, with a seat of woven paper",
			QuantityOrdered: 1, QuantityFulfilled: new(int32), QuantityUnfulfilled: &one, UnitPrice: money("64.95"), Total: money("64.95"),
		})
	}
	return o
}

// produce fills a load's topic.
func produce(ctx context.Context, s *stage.Stage, l load) error {
	a := stageOf(s, l)
	client, err := kclient.NewClient(kgo.SeedBrokers(a.Brokers...))
	if err != nil {
		return err
	}
	defer client.Close()
	if _, err := topics.Ensure(ctx, kadm.NewClient(client), topics.Options{Prefix: a.Prefix, Partitions: 12, Replication: 1}); err != nil {
		return err
	}
	codec, err := a.codec(ctx)
	if err != nil {
		return err
	}
	var faults error
	for i := range l.events {
		account := fmt.Sprintf("account-%03d", i%l.accounts)
		value, err := codec.AppendEncode(nil, schemas.Orders, order(account, i))
		if err != nil {
			return err
		}
		client.Produce(ctx, &kgo.Record{Topic: a.Prefix + schemas.Orders, Key: []byte(account), Value: value}, func(_ *kgo.Record, err error) {
			faults = errors.Join(faults, err)
		})
	}
	return errors.Join(client.Flush(ctx), faults)
}

// again lets the next publisher begin at the beginning.
func (a at) again(ctx context.Context) error {
	client, err := kclient.NewClient(kgo.SeedBrokers(a.Brokers...))
	if err != nil {
		return err
	}
	defer client.Close()
	deleted, err := kadm.NewClient(client).DeleteGroups(ctx, a.Prefix+"events")
	return errors.Join(err, deleted.Error())
}

// prepare makes a side ready to run.
func (t task) prepare(ctx context.Context) (func(context.Context) error, error) {
	client := eventbridge.NewClient(aws.Config{Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("id", "secret", "")}, t.Endpoint)
	if t.Goroutines > 0 {
		entries, err := someEntries()
		return func(ctx context.Context) error { return t.loop(ctx, client, entries) }, err
	}
	codec, err := t.Stage.codec(ctx)
	if err != nil {
		return nil, err
	}
	publisher, err := eventbridge.New(eventbridge.Options{
		Client: client, Codec: codec, Prefix: t.Stage.Prefix, Topics: []string{schemas.Orders},
		Kafka: []kgo.Opt{kgo.SeedBrokers(t.Stage.Brokers...)},
		Details: func(_ string, value any) (event eventbridge.Event, ok bool, err error) {
			event.Detail, event.Type, err = schemas.AppendDetail(nil, value)
			event.Entity = schemas.Entity(value)
			return event, event.Type != "", err
		},
	})
	if err != nil {
		return nil, err
	}
	return publisher.Run, nil
}

// someEntries are events as the publisher sends them.
func someEntries() ([]types.PutEventsRequestEntry, error) {
	var made []types.PutEventsRequestEntry
	for i := range 1000 {
		detail, kind, err := schemas.AppendDetail(nil, order("account-000", i))
		if err != nil {
			return nil, err
		}
		made = append(made, types.PutEventsRequestEntry{
			EventBusName: aws.String("default"), Source: aws.String("sellerstream"),
			DetailType: aws.String(kind), Detail: aws.String(string(detail)), Time: aws.Time(time.Now()),
		})
	}
	return made, nil
}

// loop is the baseline: it sends, and does nothing else.
func (t task) loop(ctx context.Context, client *awseventbridge.Client, made []types.PutEventsRequestEntry) error {
	var next atomic.Int64
	var senders sync.WaitGroup
	faults := make(chan error, t.Goroutines)
	for range t.Goroutines {
		senders.Go(func() {
			for from := next.Add(entries) - entries; int(from) < t.Events && ctx.Err() == nil; from = next.Add(entries) - entries {
				begin := int(from) % len(made)
				if _, err := client.PutEvents(ctx, &awseventbridge.PutEventsInput{Entries: made[begin : begin+entries]}); err != nil && ctx.Err() == nil { // else all have arrived, and the answer was cut
					faults <- err
					return
				}
			}
		})
	}
	senders.Wait()
	close(faults)
	return <-faults
}
