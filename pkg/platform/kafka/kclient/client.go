// Package kclient makes every Kafka client of the project, with bounds to what the
// brokers may bring into memory (containment rule 1). What stands on a topic comes
// from outside: a batch of 250 KB can decompress to a gigabyte, and a fetch can
// bring thousands of such.
//
// A batch that is too large, or that cannot be decompressed, is not read: its
// partition stops with an *UnreadableError, which names the offsets that it spans.
// Whoever reads the topic of an outsider makes one dead letter of it and goes on
// behind it. Readers of other topics use a Reader, or stop with words that say how the
// batch is removed.
package kclient

import (
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// MaxBatchBytes is what a batch may decompress to. A producer's batch is 1 MB at
	// most before it is compressed, or as sent; sixteen times that is a ratio that no
	// ordinary data has.
	MaxBatchBytes = 16 << 20
	// maxBatchCost bounds what a batch takes in memory once its records are told
	// apart: many small ones take far more than their bytes.
	maxBatchCost = 64 << 20
	// recordCost is what the client keeps for a record besides its bytes.
	recordCost = 256
	// maxFetchCost is how much of one fetch is decompressed before the rest is left
	// for the next.
	maxFetchCost = 8 << 20
	// maxFetchBytes bounds a fetch as it is sent, and maxPartitionBytes what it holds
	// of one partition. Kafka sends one batch at least, however large.
	maxFetchBytes     = 8 << 20
	maxPartitionBytes = 1 << 20
)

// NewClient makes a client with the bounds. Options that follow may narrow them.
func NewClient(opts ...kgo.Opt) (*kgo.Client, error) {
	bounded, err := bounds(opts)
	if err != nil {
		return nil, err
	}
	return kgo.NewClient(bounded...)
}

// NewGroupTransactSession is NewClient for a consumer that produces in transactions.
func NewGroupTransactSession(opts ...kgo.Opt) (*kgo.GroupTransactSession, error) {
	bounded, err := bounds(opts)
	if err != nil {
		return nil, err
	}
	return kgo.NewGroupTransactSession(bounded...)
}

func bounds(opts []kgo.Opt) ([]kgo.Opt, error) {
	meter, err := newMeter()
	if err != nil {
		return nil, err
	}
	return append([]kgo.Opt{
		kgo.MaxDecompressBatchBytes(MaxBatchBytes),
		kgo.FetchMaxBytes(maxFetchBytes),
		kgo.FetchMaxPartitionBytes(maxPartitionBytes),
		kgo.WithDecompressor(meter),
		kgo.WithPools(meter),
		kgo.WithHooks(meter),
	}, opts...), nil
}

// Refused is how many batches the client has refused to read. A partition whose
// error was dropped, since it was paused, stands still until SetOffsets.
func Refused(client *kgo.Client) int64 {
	if meter, ok := client.OptValue(kgo.WithDecompressor).(*meter); ok {
		return meter.refused.Load()
	}
	return 0
}
