package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/acls"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topics"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
)

// An operator's command waits for all first answers together as long as Settings.Answers
// says: unlike a role it has somebody who can look what is wrong. What it does with the
// answers may take as long as it takes.

// Answers is the default of Settings.Answers.
const Answers = 10 * time.Second

func (s Settings) answers() time.Duration { return cmp.Or(s.Answers, Answers) }

// Connecting bounds the wait for first answers.
func (s Settings) Connecting(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, s.answers(), fmt.Errorf("no answer within %v", s.answers()))
}

// commandOptions are those of a Kafka client whose every request is answered or given up
// in time, the first and the later ones. A broker that takes connections and does not
// answer leaves time for another one.
func (s Settings) commandOptions() []kgo.Opt {
	return append(kafkaOptions(s.Config, s.Secrets),
		kgo.DisableClientMetrics(), // whose push delays every Close
		kgo.DialTimeout(s.answers()/2),
		kgo.RequestTimeoutOverhead(max(s.answers()/2, 100*time.Millisecond)), // the least that the client takes
		kgo.RetryTimeout(s.answers()),
		kgo.RecordDeliveryTimeout(max(s.answers(), time.Second))) // as above
}

// OpenKafka connects an operator's command to the configuration's Kafka.
func OpenKafka(ctx context.Context, s Settings, opts ...kgo.Opt) (*kgo.Client, error) {
	client, err := kclient.NewClient(append(s.commandOptions(), opts...)...)
	if err != nil {
		return nil, fmt.Errorf("Kafka client: %w", err)
	}
	ctx, cancel := s.Connecting(ctx)
	defer cancel()
	if err := client.Ping(ctx); err != nil {
		client.Close()
		if fault := kafka.Explain(s.Config.Kafka, err); fault != nil {
			return nil, fault
		}
		if ctx.Err() != nil && errors.Is(err, context.DeadlineExceeded) {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("no broker of %v answers: start Kafka, or correct kafka.brokers (`sellerstream doctor` looks closer): %w", s.Config.Kafka.Brokers, err)
	}
	return client, nil
}

// openTopic connects an operator's command to a topic of ours that there must be: to make
// it is for those who know how many partitions and replicas it should have. ctx should be
// that of Connecting.
func openTopic(ctx context.Context, s Settings, topic string, opts ...kgo.Opt) (*kgo.Client, error) {
	client, err := OpenKafka(ctx, s, opts...)
	if err != nil {
		return nil, err
	}
	if err := checkTopic(ctx, s, client, topic); err != nil {
		client.Close()
		return nil, err
	}
	return client, nil
}

func checkTopic(ctx context.Context, s Settings, client *kgo.Client, topic string) error {
	// A command needs what is about its topic, of all that an operator may do.
	about := func(a acls.ACL) bool { return a.Resource == acls.Topic && a.Name == s.Config.Prefix+topic }
	if err := checkACLs(ctx, client, s.Config, s.TransactionalPrefix, []string{"operator"}, about); err != nil {
		return err
	}
	return thereIs(ctx, client, s.Config, topic)
}

// thereIs fails where there is no topic of ours, and names the prefixes that there are.
func thereIs(ctx context.Context, client *kgo.Client, cfg config.Config, topic string) error {
	// With what we may do in the answer, no more is asked for than we may see.
	admin := kadm.NewClient(client)
	report, err := topics.Check(kadm.WithAuthorizedOps(ctx), admin, topics.Options{Prefix: cfg.Prefix, Topics: []string{topic}})
	switch {
	case err != nil:
		return fmt.Errorf("topics on %v: %w", cfg.Kafka.Brokers, err)
	case len(report.Missing) == 0:
		return nil
	}
	missing := fmt.Errorf("there is no topic %s: create it with `sellerstream topics apply`, or start the pipeline once", report.Missing[0])
	if found, err := topics.Prefixes(ctx, admin); err == nil && len(found) > 0 {
		missing = fmt.Errorf("%w; topics like ours have the prefixes %q: is prefix in the configuration right?", missing, found)
	}
	return missing
}

// registered connects an operator's command to the schema registry, for what it writes.
func (s Settings) registered(ctx context.Context, topics ...string) (*registry.Codec, error) {
	codec, err := openRegistry(ctx, s.Config, s.Secrets, s.Logger, topics...)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("the schema registry at %s does not answer: see registry.url (`sellerstream doctor` looks closer): %w", s.Config.Registry.URL, err)
	}
	return codec, err
}

// reading makes a codec that only decodes, and asks the registry when there is something
// to decode. Whoever only reads registers nothing.
func (s Settings) reading(ctx context.Context) (*registry.Codec, error) {
	client, err := registryOptions(ctx, s.Config, s.Secrets)
	if err != nil {
		return nil, err
	}
	return registry.NewReader(registry.Config{
		Client: client, Prefix: s.Config.Prefix, SharedSchemas: s.Config.Registry.SharedSchemas,
		Patience: s.Config.Registry.SchemaPatience, Logger: s.Logger,
	})
}

// stateDecoder decodes the state and the switches.
type stateDecoder interface {
	// Learn is shown the values before they are decoded; see registry.Own.
	Learn(topic, key string, data []byte)
	Decode(ctx context.Context, topic string, data []byte) (any, error)
}

// byRegistry needs to learn nothing.
type byRegistry struct{ *registry.Codec }

func (byRegistry) Learn(string, string, []byte) {}

// stateDecoder decodes by the schema registry or, where that does not answer, by the
// schemas of this version: how accounts stand, and what is paused, is asked for most when
// something is down.
func (s Settings) stateDecoder(ctx context.Context) stateDecoder {
	ctx, cancel := context.WithTimeout(ctx, s.answers()/3)
	defer cancel()
	codec, err := s.reading(ctx)
	if err == nil {
		err = codec.Answers(ctx)
	}
	if err == nil {
		return byRegistry{codec}
	}
	s.Logger.Warn("going on without the schema registry: entries that another version wrote may be left out", "url", s.Config.Registry.URL, "error", err)
	return &registry.Own{}
}
