package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// bareRecords is the baseline: how long one record takes from a producer to a
// consumer, with nothing done to it.
func (s *stage) bareRecords(ctx context.Context, n int) ([]time.Duration, error) {
	topic := s.prefix + "baseline"
	client, err := kgo.NewClient(
		kgo.SeedBrokers(s.brokers...), kgo.DefaultProduceTopic(topic), kgo.ProducerLinger(0),
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

// removeTopics deletes what the run has made.
func (s *stage) removeTopics() error {
	client, err := kgo.NewClient(kgo.SeedBrokers(s.brokers...))
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	admin := kadm.NewClient(client)
	topics, err := admin.ListTopics(ctx)
	if err != nil {
		return err
	}
	var ours []string
	for _, name := range topics.Names() {
		if strings.HasPrefix(name, s.prefix) {
			ours = append(ours, name)
		}
	}
	deleted, err := admin.DeleteTopics(ctx, ours...)
	return errors.Join(err, deleted.Error())
}
