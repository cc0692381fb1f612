package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/sellerstream/sellerstream/pkg/operator/deadletters"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topics"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/schemas"
)

// OpenDeadLetters connects an operator's command to the dead letters. codec reads
// what is in them. stop must be called when they are no longer used. With change,
// the topic that says what was done is created where it is missing: no role of the
// pipeline uses it. Without, nothing is written anywhere.
func OpenDeadLetters(ctx context.Context, s Settings, by string, change bool) (letters *deadletters.Letters, codec *registry.Codec, stop func(), err error) {
	cfg := s.Config
	connecting, cancel := s.Connecting(ctx)
	defer cancel()
	client, err := OpenKafka(connecting, s)
	if err != nil {
		return nil, nil, nil, err
	}
	defer func() {
		if err != nil {
			client.Close()
		}
	}()
	if err := thereIs(connecting, client, cfg, schemas.DeadLetters); err != nil {
		return nil, nil, nil, err
	}
	if change {
		if _, err := topics.Ensure(connecting, kadm.NewClient(client), topics.Options{
			Prefix: cfg.Prefix, Partitions: cfg.Kafka.Partitions, Replication: cfg.Kafka.Replication, Topics: []string{schemas.DeadLettersResolved},
		}); err != nil {
			return nil, nil, nil, err
		}
		// What was given up of an order goes back as a change of it.
		codec, err = s.registered(connecting, schemas.DeadLettersResolved, schemas.OrderChanges)
	} else {
		codec, err = s.reading(connecting)
	}
	if err != nil {
		return nil, nil, nil, err
	}
	queues := make([]string, 0, len(cfg.Bridge.Queues))
	for _, q := range cfg.Bridge.Queues {
		queues = append(queues, q.URL)
	}
	letters, err = deadletters.Open(ctx, client, deadletters.Options{
		Kafka: kafkaOptions(cfg, s.Secrets), Prefix: cfg.Prefix, TransactionalPrefix: s.TransactionalPrefix,
		Codec: codec, Queues: &sender{settings: s}, QueueURLs: queues, By: by, Logger: s.Logger,
	})
	return letters, codec, client.Close, err
}

// sender sends messages to SQS, to which it connects when there is one.
type sender struct {
	settings Settings
	client   *sqs.Client
}

// Send implements deadletters.Queues. It tries once: a repeat after a lost answer
// would be a second message.
func (s *sender) Send(ctx context.Context, queue string, body []byte) (definite bool, err error) {
	if s.client == nil {
		loaded, err := openAWS(ctx, s.settings.Config.AWS)
		if err != nil {
			return true, err
		}
		s.client = sqs.NewFromConfig(loaded, func(o *sqs.Options) {
			o.BaseEndpoint = endpoint(s.settings.Config.AWS.SQSEndpoint)
			o.Retryer = aws.NopRetryer{}
		})
	}
	_, err = s.client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: aws.String(string(body))})
	if err == nil {
		return true, nil
	}
	var answer smithy.APIError
	return errors.As(err, &answer) && answer.ErrorFault() == smithy.FaultClient, fmt.Errorf("SQS: %w", err)
}
