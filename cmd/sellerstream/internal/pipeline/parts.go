package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/pkg/clock"
	"github.com/sellerstream/sellerstream/pkg/config"
	"github.com/sellerstream/sellerstream/pkg/registry"
	"github.com/sellerstream/sellerstream/pkg/secrets"
)

// kafkaOptions are what every Kafka client of the process is made with.
func kafkaOptions(cfg config.Config) []kgo.Opt {
	return []kgo.Opt{
		kgo.SeedBrokers(cfg.Kafka.Brokers...),
		kgo.SoftwareNameAndVersion("sellerstream", "1"),
	}
}

// groupOptions are what the clients of plain consumer groups are made with.
func groupOptions(cfg config.Config) []kgo.Opt {
	return append(kafkaOptions(cfg),
		kgo.SessionTimeout(cfg.Runtime.SessionTimeout),
		kgo.HeartbeatInterval(cfg.Runtime.HeartbeatInterval),
		kgo.RebalanceTimeout(cfg.Runtime.RebalanceTimeout))
}

// awaitKafka waits until a broker answers: machines and compose files start
// their parts in any order.
func awaitKafka(ctx context.Context, client *kgo.Client, brokers []string, log *slog.Logger) error {
	for wait := 500 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		err := client.Ping(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil {
			log.Warn("waiting for Kafka; if it is up, check kafka.brokers", "brokers", brokers, "error", err, "retry_in", wait)
		}
		if clock.Sleep(ctx, clock.Real{}, wait) != nil {
			return fmt.Errorf("Kafka at %v was not reached: %w (%w)", brokers, err, context.Cause(ctx))
		}
	}
}

// registryOptions are how the schema registry is reached.
func registryOptions(ctx context.Context, cfg config.Config, store *secrets.Store) ([]sr.ClientOpt, error) {
	client := []sr.ClientOpt{sr.URLs(cfg.Registry.URL)}
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
