package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// fenceTimeout is only named: whoever takes a unit over names its own.
	fenceTimeout = time.Minute
	// fenceAgain is the wait while Kafka ends a transaction that was open.
	fenceAgain = 20 * time.Millisecond
)

// Fence makes Kafka refuse what the owners so far of a processor's units would still write
// (1). A process that hung, and that its group has given up, may wake up later. prefix
// begins the transactional ids. The error is Kafka's, or that of ctx.
func Fence(ctx context.Context, client *kgo.Client, prefix, processor string, partitions int32) error {
	for partition := range partitions {
		if err := FenceID(ctx, client, transactionalID(prefix, processor, partition)); err != nil {
			return err
		}
	}
	return nil
}

// FenceID is Fence for one transactional id: what is open under it is aborted.
func FenceID(ctx context.Context, client *kgo.Client, id string) error {
	if err := fence(ctx, client, id); err != nil {
		return fmt.Errorf("fence the owners so far of %s: %w", id, err)
	}
	return nil
}

func fence(ctx context.Context, client *kgo.Client, id string) error {
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionalID, req.TransactionTimeoutMillis = &id, int32(fenceTimeout.Milliseconds())
	for {
		resp, err := req.RequestWith(ctx, client)
		if err == nil {
			err = kerr.ErrorForCode(resp.ErrorCode)
		}
		if !errors.Is(err, kerr.ConcurrentTransactions) {
			return err
		}
		select {
		case <-time.After(fenceAgain):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
