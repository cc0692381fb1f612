package pipeline

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topics"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
)

// kafkaAnswers is how long an operator's command waits for a broker: unlike a
// role it has somebody who can look what is wrong.
const kafkaAnswers = 15 * time.Second

// OpenKafka connects an operator's command to the configuration's Kafka.
func OpenKafka(ctx context.Context, s Settings, opts ...kgo.Opt) (*kgo.Client, error) {
	client, err := kclient.NewClient(append(kafkaOptions(s.Config, s.Secrets), opts...)...)
	if err != nil {
		return nil, fmt.Errorf("Kafka client: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, kafkaAnswers)
	defer cancel()
	if err := client.Ping(ctx); err != nil {
		client.Close()
		if fault := kafka.Explain(s.Config.Kafka, err); fault != nil {
			return nil, fault
		}
		return nil, fmt.Errorf("no broker of %v answers: start Kafka, or correct kafka.brokers (`sellerstream doctor` looks closer): %w", s.Config.Kafka.Brokers, err)
	}
	return client, nil
}

// openTopic connects an operator's command to a topic of ours that there must be: to make
// it is for those who know how many partitions and replicas it should have.
func openTopic(ctx context.Context, s Settings, topic string, opts ...kgo.Opt) (*kgo.Client, *registry.Codec, error) {
	client, err := OpenKafka(ctx, s, opts...)
	if err != nil {
		return nil, nil, err
	}
	codec, err := codecFor(ctx, s, client, topic)
	if err != nil {
		client.Close()
	}
	return client, codec, err
}

func codecFor(ctx context.Context, s Settings, client *kgo.Client, topic string) (*registry.Codec, error) {
	if err := checkACLs(ctx, client, s.Config, s.TransactionalPrefix, []string{"operator"}); err != nil {
		return nil, err
	}
	// With what we may do in the answer, no more is asked for than we may see.
	report, err := topics.Check(kadm.WithAuthorizedOps(ctx), kadm.NewClient(client), topics.Options{Prefix: s.Config.Prefix, Topics: []string{topic}})
	switch {
	case err != nil:
		return nil, fmt.Errorf("topics on %v: %w", s.Config.Kafka.Brokers, err)
	case len(report.Missing) > 0:
		return nil, fmt.Errorf("there is no topic %s: create it with `sellerstream topics apply`, or start the pipeline once", report.Missing[0])
	}
	return openRegistry(ctx, s.Config, s.Secrets, s.Logger, topic)
}
