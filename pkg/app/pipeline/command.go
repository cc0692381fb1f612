package pipeline

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
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
