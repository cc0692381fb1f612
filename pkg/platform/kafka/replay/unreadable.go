package replay

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
)

// unreadable returns the batches of a poll that cannot be read. Any other error than
// that time is up is the poll's.
func unreadable(fetches kgo.Fetches) (batches []*kclient.UnreadableError, err error) {
	for _, e := range kclient.Errors(fetches) {
		batch := (*kclient.UnreadableError)(nil)
		switch {
		case errors.As(e.Err, &batch):
			batches = append(batches, batch)
		case !errors.Is(e.Err, context.DeadlineExceeded):
			return nil, fmt.Errorf("read topic %s, partition %d: %w", e.Topic, e.Partition, e.Err)
		}
	}
	return batches, nil
}

// skip commits positions behind batches whose earlier records are all committed. It
// does so as the member that has polled them, in no transaction: a client offers none
// for what holds no record. After a rebalance it does nothing, and they are met again.
func (c *Copy) skip(ctx context.Context, client *kgo.Client, generation int32, batches []*kclient.UnreadableError) error {
	next := make(map[int32]kgo.EpochOffset)
	for _, batch := range batches {
		next[batch.Partition] = kgo.EpochOffset{Epoch: -1, Offset: batch.Last + 1}
	}
	ctx = kgo.PreCommitFnContext(ctx, func(req *kmsg.OffsetCommitRequest) error {
		if req.Generation != generation {
			return kerr.IllegalGeneration
		}
		for i := range req.Topics {
			for j := range req.Topics[i].Partitions {
				p := &req.Topics[i].Partitions[j]
				p.Metadata = kmsg.StringPtr(c.Run.Metadata(p.Partition, ""))
			}
		}
		return nil
	})
	if err := commit(ctx, client, map[string]map[int32]kgo.EpochOffset{c.Journal.Topic: next}); err != nil {
		if errors.Is(err, kerr.IllegalGeneration) || errors.Is(err, kerr.RebalanceInProgress) || errors.Is(err, kerr.UnknownMemberID) {
			return nil
		}
		return fmt.Errorf("commit a position behind a batch that cannot be read: %w", err)
	}
	for _, batch := range batches {
		c.Run.Advance(batch.Partition, batch.Last+1)
		c.Logger.Warn("a batch cannot be read and is not copied; the records behind it are", "error", batch)
	}
	return nil
}

func commit(ctx context.Context, client *kgo.Client, next map[string]map[int32]kgo.EpochOffset) (err error) {
	client.CommitOffsetsSync(ctx, next, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, failed error) {
		if err = failed; err != nil {
			return
		}
		for _, topic := range resp.Topics {
			for _, p := range topic.Partitions {
				err = errors.Join(err, kerr.ErrorForCode(p.ErrorCode))
			}
		}
	})
	return err
}
