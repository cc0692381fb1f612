package main

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/test/bench/internal/stage"
)

// bareRecords is the baseline: how long one record takes from a producer to a
// consumer, with nothing done to it.
func bareRecords(ctx context.Context, s *stage.Stage, n int) ([]time.Duration, error) {
	topic := s.Pipeline.Prefix + "baseline"
	client, err := kgo.NewClient(
		kgo.SeedBrokers(s.Brokers...), kgo.DefaultProduceTopic(topic), kgo.ProducerLinger(0),
		kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.UnknownTopicRetries(-1),
	)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopic(ctx, 1, 1, nil, topic); err != nil {
		return nil, err
	}
	times := make([]time.Duration, 0, n)
	for i := range warmUp + n {
		sent := time.Now()
		if err := client.ProduceSync(ctx, kgo.SliceRecord(make([]byte, 1000))).FirstErr(); err != nil {
			return nil, err
		}
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, err
		}
		if i >= warmUp {
			times = append(times, time.Since(sent))
		}
	}
	return times, nil
}
