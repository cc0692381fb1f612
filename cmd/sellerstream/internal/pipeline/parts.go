package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/pkg/clock"
	"github.com/sellerstream/sellerstream/pkg/config"
	"github.com/sellerstream/sellerstream/pkg/kafka"
	"github.com/sellerstream/sellerstream/pkg/registry"
	"github.com/sellerstream/sellerstream/pkg/secrets"
	"github.com/sellerstream/sellerstream/pkg/tlsdial"
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
	client := []sr.ClientOpt{sr.URLs(cfg.Registry.URL)}
	if t := cfg.Registry.TLS; t != (config.RegistryTLS{}) {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.DialTLSContext = tlsdial.New(tlsdial.Files{CA: t.CAFile, Cert: t.CertFile, Key: t.KeyFile}).DialContext
		client = append(client, sr.HTTPClient(&http.Client{Transport: transport, Timeout: registryTimeout}))
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

// openRegistry connects to the schema registry and learns, or registers, the schemas.
func openRegistry(ctx context.Context, cfg config.Config, store *secrets.Store, log *slog.Logger) (*registry.Codec, error) {
	client, err := registryOptions(ctx, cfg, store)
	if err != nil {
		return nil, err
	}
	return registry.New(ctx, registry.Config{
		Client: client, Prefix: cfg.Prefix, Register: cfg.Registry.Register, Logger: log,
	})
}
