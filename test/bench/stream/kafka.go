package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	partitions = 12
	accounts   = 600
	recordSize = 1000 // of a record's body
	stateSize  = 150  // of a state entry's body
	// keyed is how many entries of the state a run writes to, each again and again.
	keyed = 100_000
)

func adminOf(brokers []string) (*kadm.Client, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return nil, err
	}
	return kadm.NewClient(client), nil
}

func makeTopics(ctx context.Context, brokers []string, names ...string) error {
	admin, err := adminOf(brokers)
	if err != nil {
		return err
	}
	defer admin.Close()
	for _, name := range names {
		policy := "delete"
		if strings.Contains(name, state) {
			policy = "compact"
		}
		if _, err := admin.CreateTopic(ctx, partitions, 1, map[string]*string{"cleanup.policy": &policy}, name); err != nil {
			return fmt.Errorf("create topic %s: %w", name, err)
		}
	}
	return nil
}

// removeTopics frees the disk; what is left is not wrong, only large.
func removeTopics(brokers []string, names ...string) {
	admin, err := adminOf(brokers)
	if err != nil {
		return
	}
	defer admin.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, _ = admin.DeleteTopics(ctx, names...)
}

// load writes the input that all runs of a payload read.
func load(ctx context.Context, j job) error {
	return write(ctx, j, j.topic(input), recordSize, func(i int) string { return account(i) })
}

// loadState writes entries as a unit would have.
func loadState(ctx context.Context, j job) error {
	return write(ctx, j, j.topic(j.state()), stateSize, func(i int) string { return entryKey(account(i), int64(i)) })
}

func account(i int) string { return fmt.Sprintf("account-%d", i%accounts) }

func entryKey(account string, number int64) string {
	return "item/" + account + "/" + strconv.FormatInt(number, 10)
}

// write writes records of Kafka's own partitioning by account.
func write(ctx context.Context, j job, topic string, size int, key func(i int) string) error {
	codec, err := newCodec()
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(j.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return err
	}
	defer client.Close()
	byKey := kgo.StickyKeyPartitioner(nil).ForTopic(topic)
	random := rand.NewChaCha8([32]byte{1})
	var failed atomic.Pointer[error]
	for i := range j.Records {
		it := &item{Account: account(i), Number: int64(i), Body: make([]byte, size)}
		fill(it.Body, j.Compact, random)
		value, err := codec.AppendEncode(make([]byte, 0, size+50), input, it)
		if err != nil {
			return err
		}
		partition := byKey.Partition(&kgo.Record{Key: []byte(it.Account)}, partitions)
		client.Produce(ctx, &kgo.Record{Topic: topic, Partition: int32(partition), Key: []byte(key(i)), Value: value},
			func(_ *kgo.Record, err error) {
				if err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			})
	}
	if err := client.Flush(ctx); err != nil {
		return err
	}
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// count reads how many committed records a topic has, which the sides wrote.
func count(ctx context.Context, brokers []string, topic string) (int, error) {
	admin, err := adminOf(brokers)
	if err != nil {
		return 0, err
	}
	defer admin.Close()
	ends, err := admin.ListCommittedOffsets(ctx, topic)
	if err != nil {
		return 0, err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	if err != nil {
		return 0, err
	}
	defer client.Close()
	records := 0
	at := make(map[int32]int64)
	for behind := true; behind; {
		client.PollFetches(ctx).EachRecord(func(rec *kgo.Record) {
			at[rec.Partition] = rec.Offset + 1
			if !rec.Attrs.IsControl() {
				records++
			}
		})
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		behind = slices.ContainsFunc(ends.Offsets().Sorted(), func(end kadm.Offset) bool { return at[end.Partition] < end.At })
	}
	return records, nil
}
