// Package embedded runs a Kafka broker and a schema registry inside the
// process, for a demo, a laptop or a test: franz-go's kfake and srfake on real
// loopback ports, with their data in a directory. It is not for production:
// there is one broker, and no replica.
package embedded

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// The ports that people and tools expect.
const (
	DefaultKafkaPort    = 9092
	DefaultRegistryPort = 8081
)

const (
	// How many ports above a taken one are tried.
	portsTried = 100
	// How often old segments are compacted and expired. kfake's own ticker is
	// hourly and does not run after a restart. The whole broker stands still
	// meanwhile, since it is one goroutine: not more often than needed.
	maintenanceInterval = 5 * time.Minute
)

// Config describes where the embedded parts keep their data and listen.
type Config struct {
	// Dir holds the data. It is made if need be, and locked while in use. "" keeps the
	// data in memory, until Close.
	Dir string
	// KafkaPort and RegistryPort are the ports to listen on at 127.0.0.1. The
	// next free one is used if one is taken; 0 takes any.
	KafkaPort    int
	RegistryPort int
	Logger       *slog.Logger
}

// Cluster is a running broker and registry.
type Cluster struct {
	lock     *dirLock
	kafka    *kfake.Cluster
	registry *registryServer
	txPrefix string

	stop sync.Once
	done chan struct{}
	idle sync.WaitGroup
}

// Start brings both parts up. Topics are not created: see package topics.
func Start(cfg Config) (*Cluster, error) {
	c := &Cluster{
		done: make(chan struct{}),
		// kfake forgets that it aborted a transaction which a kill -9 left open,
		// so a transactional id used again could hide what it commits later.
		txPrefix: "embedded-" + rand.Text(),
	}
	if err := c.open(cfg.Dir); err != nil {
		return nil, err
	}
	if err := c.start(cfg); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	c.idle.Go(c.maintainRegularly)
	return c, nil
}

// open makes the directory and locks it.
func (c *Cluster) open(dir string) (err error) {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("embedded Kafka: %w", err)
	}
	c.lock, err = lockDir(dir)
	return err
}

func (c *Cluster) start(cfg Config) error {
	listener, err := listen("Kafka", cfg.KafkaPort, cfg.Logger)
	if err != nil {
		return err
	}
	id, err := clusterID(cfg.Dir)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	opts := []kfake.Opt{
		kfake.NumBrokers(1), kfake.ClusterID(id), kfake.WithLogger(kafkaLogger{cfg.Logger}),
		kfake.ListenFn(func(string, string) (net.Listener, error) { return listener, nil }),
	}
	journal := ""
	if cfg.Dir != "" {
		opts = append(opts, kfake.DataDir(filepath.Join(cfg.Dir, "kafka")))
		journal = filepath.Join(cfg.Dir, "registry.jsonl")
	}
	if c.kafka, err = kfake.NewCluster(opts...); err != nil {
		return errors.Join(fmt.Errorf("embedded Kafka in %s: %w", cfg.Dir, err), listener.Close())
	}
	if listener, err = listen("the schema registry", cfg.RegistryPort, cfg.Logger); err != nil {
		return err
	}
	c.registry, err = serveRegistry(listener, journal, cfg.Logger)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	return nil
}

// clusterID is the cluster's, made once for a directory: ids of events are unlike
// those of other clusters by it.
func clusterID(dir string) (string, error) {
	if dir == "" {
		return rand.Text(), nil
	}
	file := filepath.Join(dir, "cluster-id")
	id, err := os.ReadFile(file) //nolint:gosec // in the directory that the caller names
	if errors.Is(err, os.ErrNotExist) {
		id = []byte(rand.Text())
		err = os.WriteFile(file, id, 0o600)
	}
	if err != nil {
		return "", fmt.Errorf("embedded Kafka: the cluster's id: %w", err)
	}
	return string(id), nil
}

// listen takes the first free port from the wished one upwards.
func listen(what string, port int, log *slog.Logger) (net.Listener, error) {
	var first error
	for try := port; try < port+portsTried; try++ {
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(try)))
		if err == nil {
			if try != port {
				log.Warn(fmt.Sprintf("port %d is taken; %s listens on %d", port, what, try))
			}
			return listener, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, fmt.Errorf("no free port for %s from %d to %d: %w", what, port, port+portsTried-1, first)
}

// Brokers are the addresses to give to a Kafka client.
func (c *Cluster) Brokers() []string { return c.kafka.ListenAddrs() }

// RegistryURL is the schema registry's base URL.
func (c *Cluster) RegistryURL() string { return c.registry.url }

// TransactionalPrefix is what transactional ids on this broker must start
// with. It differs at each start.
func (c *Cluster) TransactionalPrefix() string { return c.txPrefix }

// Maintain does now what a broker's cleaner threads do in their time: it
// compacts and expires old segments. A running Cluster does it every five minutes.
func (c *Cluster) Maintain() {
	c.kafka.Compact()
	c.kafka.ApplyRetention()
}

func (c *Cluster) maintainRegularly() {
	ticker := time.NewTicker(maintenanceInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			c.Maintain()
		case <-c.done:
			return
		}
	}
}

// Close stops both parts, writes their data, and unlocks the directory.
// Clients should be closed first.
func (c *Cluster) Close() error {
	var err error
	c.stop.Do(func() {
		close(c.done)
		c.idle.Wait()
		if c.registry != nil {
			err = c.registry.close()
		}
		if c.kafka != nil {
			c.kafka.Close()
		}
		if c.lock != nil {
			err = errors.Join(err, c.lock.unlock())
		}
	})
	return err
}

// kafkaLogger passes on what kfake says is wrong; the rest is of no interest.
type kafkaLogger struct{ log *slog.Logger }

func (l kafkaLogger) Logf(level kfake.LogLevel, format string, args ...any) {
	switch level {
	case kfake.LogLevelError:
		l.log.Error("embedded Kafka: " + fmt.Sprintf(format, args...))
	case kfake.LogLevelWarn:
		l.log.Debug("embedded Kafka: " + fmt.Sprintf(format, args...))
	}
}
