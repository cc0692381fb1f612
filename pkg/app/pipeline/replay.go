package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/bridge/eventbridge"
	"github.com/sellerstream/sellerstream/pkg/operator/deadletters"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/acls"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/replay"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topics"
	"github.com/sellerstream/sellerstream/pkg/roles"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
	"github.com/sellerstream/sellerstream/schemas"
)

// Replay is what the command of that name is made of.
type Replay struct {
	p      *pipeline
	client *kgo.Client

	Kafka []kgo.Opt // of every Kafka client
	Admin *kadm.Client
	Limit quota.Overrides // the accounts' quotas, as they are configured
}

// OpenReplay connects the command to Kafka and the schema registry. stop must be
// called when it is no longer used.
func OpenReplay(ctx context.Context, s Settings) (opened *Replay, stop func(), err error) {
	p := &pipeline{Settings: s}
	if p.live, err = newLive(s.Config, s.Logger); err != nil {
		return nil, nil, err
	}
	client, err := OpenKafka(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	reachable, cancel := context.WithTimeoutCause(ctx, registryAnswers, errors.New("the schema registry does not answer: see registry.url"))
	defer cancel()
	if p.codec, err = openRegistry(reachable, s.Config, s.Secrets, s.Logger); err != nil {
		client.Close()
		return nil, nil, err
	}
	return &Replay{
		p: p, client: client, Kafka: kafkaOptions(s.Config, s.Secrets), Admin: kadm.NewClient(client), Limit: p.live.limit,
	}, client.Close, nil
}

// Decode reads a record of a topic, by its logical name.
func (r *Replay) Decode(ctx context.Context, topic string, data []byte) (any, error) {
	return r.p.codec.Decode(ctx, topic, data)
}

// DetailType is which event a record is; "" for none, also where no event can be
// made of it.
func (r *Replay) DetailType(value any) string {
	kind, _, _, err := details("", value)
	if err != nil {
		return ""
	}
	return kind
}

// Publisher publishes a part of a topic again, as the role events published it.
func (r *Replay) Publisher(ctx context.Context, topic string, again *eventbridge.Again) (*eventbridge.Publisher, error) {
	p := r.p
	awsConfig, err := openAWS(ctx, p.Config.AWS)
	if err != nil {
		return nil, err
	}
	opts := p.publisherOptions(eventbridge.NewClient(awsConfig, p.Config.AWS.EventBridgeEndpoint))
	opts.Topics, opts.Again = []string{topic}, again
	return eventbridge.New(opts)
}

// Copy makes a processor process a part of its input topic again.
func (r *Replay) Copy(journal *replay.Journal, run *replay.Run) *replay.Copy {
	return &replay.Copy{
		Client: groupOptions(r.p.Config, r.p.Secrets), Journal: journal, Run: run, Logger: r.p.Logger,
		TransactionalID: r.p.TransactionalPrefix + "-replay-" + journal.Name, To: r.p.Config.Prefix + schemas.Replays,
	}
}

// Replayed finds the open dead letters of a topic's records, which the replay closes.
// role is who has written them.
func (r *Replay) Replayed(ctx context.Context, role, topic, by string) (*deadletters.Replayed, error) {
	cfg := r.p.Config
	missing, err := acls.Missing(ctx, r.client, []acls.ACL{
		{Resource: acls.Topic, Name: cfg.Prefix + schemas.DeadLettersResolved, Pattern: acls.Literal, Operation: acls.Write},
	})
	switch {
	case err != nil:
		return nil, err
	case len(missing) > 0:
		return nil, fmt.Errorf("Kafka's ACLs do not let us: allow %s", missing[0])
	}
	if _, err := topics.Ensure(ctx, r.Admin, topics.Options{
		Prefix: cfg.Prefix, Partitions: cfg.Kafka.Partitions, Replication: cfg.Kafka.Replication, Topics: []string{schemas.DeadLettersResolved},
	}); err != nil {
		return nil, err
	}
	letters, err := deadletters.Open(ctx, r.client, deadletters.Options{
		Kafka: r.Kafka, Prefix: cfg.Prefix, TransactionalPrefix: r.p.TransactionalPrefix, Codec: r.p.codec, By: by, Logger: r.p.Logger,
	})
	if err != nil {
		return nil, err
	}
	return letters.Replayed(ctx, role, topic)
}

// Reset moves the processor that has a topic as its input; there may be none.
func (r *Replay) Reset(topic string) (*stream.Reset, bool) {
	processor, ok := processorOf(topic)
	if !ok {
		return nil, false
	}
	return &stream.Reset{
		Processor: processor, Prefix: r.p.Config.Prefix, Group: r.p.Config.Prefix + processor,
		TransactionalPrefix: r.p.TransactionalPrefix, State: schemas.StatePrefix + processor, Topic: topic, Own: r.p.codec, Remedies: roles.Remedies(), Client: r.Kafka,
	}, true
}

// processorOf is the only processor that has a topic as its input. Compacted topics are
// no processor's input, and replays is the input of several.
func processorOf(topic string) (processor string, ok bool) {
	t, known := schemas.TopicOf(topic)
	if !known || t.Compacted() {
		return "", false
	}
	var processors []string
	for _, reader := range t.Readers {
		if _, has := schemas.TopicOf(schemas.StatePrefix + reader); has {
			processors = append(processors, reader)
		}
	}
	if len(processors) != 1 {
		return "", false
	}
	return processors[0], true
}
