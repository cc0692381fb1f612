package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/bench/internal/stage"
)

// load is an upstream service that updates stock.
type load struct {
	topic    string
	accounts []simulator.Account
	codec    *registry.Codec
	client   *kgo.Client
}

func newLoad(ctx context.Context, s *stage.Stage) (*load, error) {
	codec, err := registry.New(ctx, registry.Config{
		Client: []sr.ClientOpt{sr.URLs(s.Pipeline.Registry)}, Prefix: s.Pipeline.Prefix, Register: true, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers...))
	return &load{s.Pipeline.Prefix + schemas.InventoryUpdates, s.Pipeline.Accounts, codec, client}, err
}

// update produces an update of each SKU, and returns when all are in Kafka.
func (l *load) update(ctx context.Context, skus, quantity int) error {
	var failed atomic.Pointer[error]
	for i := range skus {
		account := l.accounts[i/perAccount].ID
		value, err := l.codec.AppendEncode(nil, schemas.InventoryUpdates, &schemas.InventoryUpdate{
			UpdateID: fmt.Sprintf("%08d-89ab-cdef-0123-%012d", quantity, i), Account: account, SKU: fmt.Sprintf("SKU-%08d", i),
			Quantity: int32(quantity), EventTime: time.Now(), Source: "memory",
		})
		if err != nil {
			return err
		}
		l.client.Produce(ctx, &kgo.Record{Topic: l.topic, Key: []byte(account), Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				failed.CompareAndSwap(nil, &err)
			}
		})
	}
	if err := l.client.Flush(ctx); err != nil {
		return err
	}
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}
