package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/pkg/platform/boundedhttp"
	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/platform/tlsdial"
	"github.com/sellerstream/sellerstream/schemas"
)

// kafkaOptions are what every Kafka client of the process is made with.
func kafkaOptions(cfg config.Config, store *secrets.Store) []kgo.Opt {
	credentials := sync.OnceValues(func() (aws.CredentialsProvider, error) {
		// Not the first connection's context: the credentials outlive it.
		loaded, err := openAWS(context.Background(), cfg.AWS)
		return loaded.Credentials, err
	})
	return kafka.Access{
		Config: cfg.Kafka, Secrets: store,
		AWS: func(ctx context.Context) (aws.Credentials, error) {
			provider, err := credentials()
			if err != nil {
				return aws.Credentials{}, err
			}
			return provider.Retrieve(ctx)
		},
	}.Options()
}

// groupOptions are what the clients of plain consumer groups are made with.
func groupOptions(cfg config.Config, store *secrets.Store) []kgo.Opt {
	return append(kafkaOptions(cfg, store),
		kgo.SessionTimeout(cfg.Runtime.SessionTimeout),
		kgo.HeartbeatInterval(cfg.Runtime.HeartbeatInterval),
		kgo.RebalanceTimeout(cfg.Runtime.RebalanceTimeout))
}

// awaitKafka waits until a broker answers: machines and compose files start
// their parts in any order. What waiting does not mend is an error at once.
func awaitKafka(ctx context.Context, client *kgo.Client, cfg config.Kafka, log *slog.Logger) error {
	for wait := 500 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		err := client.Ping(ctx)
		if err == nil {
			return nil
		}
		if fault := kafka.Explain(cfg, err); fault != nil {
			if fault.Lasting {
				return fault
			}
			err = fault
		}
		if ctx.Err() == nil {
			log.Warn("waiting for Kafka; if it is up, check kafka.brokers", "brokers", cfg.Brokers, "error", err, "retry_in", wait)
		}
		if clock.Sleep(ctx, clock.Real{}, wait) != nil {
			return fmt.Errorf("Kafka at %v was not reached: %w (%w)", cfg.Brokers, err, context.Cause(ctx))
		}
	}
}

// registryTimeout is for one answer of the registry; it is the client's default.
const registryTimeout = 5 * time.Second

// registryOptions are how the schema registry is reached.
func registryOptions(ctx context.Context, cfg config.Config, store *secrets.Store) ([]sr.ClientOpt, error) {
	transport := boundedhttp.Connections()
	if t := cfg.Registry.TLS; t != (config.RegistryTLS{}) {
		transport.DialTLSContext = tlsdial.New(tlsdial.Files{CA: t.CAFile, Cert: t.CertFile, Key: t.KeyFile}).DialContext
	}
	client := []sr.ClientOpt{
		sr.URLs(cfg.Registry.URL), sr.HTTPClient(&http.Client{Transport: transport, Timeout: registryTimeout}),
	}
	if cfg.Registry.Username == "" {
		return client, nil
	}
	password, err := cfg.Registry.Password.Source(store).Secret(ctx)
	if err != nil {
		return nil, fmt.Errorf("registry.password: %w", err)
	}
	return append(client, sr.BasicAuth(cfg.Registry.Username, password.Reveal())), nil
}

// openRegistry connects to the schema registry and learns, or registers, the schemas of
// topics, or of all where none are named.
func openRegistry(ctx context.Context, cfg config.Config, store *secrets.Store, log *slog.Logger, topics ...string) (*registry.Codec, error) {
	client, err := registryOptions(ctx, cfg, store)
	if err != nil {
		return nil, err
	}
	return registry.New(ctx, registry.Config{
		Client: client, Prefix: cfg.Prefix, Topics: topics, Register: cfg.Registry.Register,
		SharedSchemas: cfg.Registry.SharedSchemas, Patience: cfg.Registry.SchemaPatience, Logger: log,
	})
}

// Unprotected are the registry's subjects that others write and in which they may
// register a schema whose records cannot be read.
func Unprotected(ctx context.Context, s Settings) ([]registry.Compatibility, error) {
	ctx, cancel := s.Connecting(ctx)
	defer cancel()
	options, err := registryOptions(ctx, s.Config, s.Secrets)
	if err != nil {
		return nil, err
	}
	asked := registry.Config{Client: options, Prefix: s.Config.Prefix, Topics: []string{schemas.InventoryUpdates, schemas.Shipments, schemas.Cancellations}}
	subjects, err := registry.Check(ctx, asked)
	if err != nil {
		return nil, err
	}
	all, err := registry.Compatibilities(ctx, asked)
	return slices.DeleteFunc(all, func(c registry.Compatibility) bool {
		return c.Protects() || s.Config.Registry.Register && slices.ContainsFunc(subjects, func(s registry.Subject) bool {
			return s.Name == c.Subject && s.Standing == registry.Absent // it gets its level when we register
		})
	}), err
}
