// Package stage sets up what a benchmark of the built program needs around it: a Kafka,
// a simulated Amazon, the program's configuration, and processes of it.
package stage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/embedded"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/test/process"
)

// patience is how long a pipeline may take to stop.
const patience = time.Minute

// Stage is what surrounds a pipeline.
type Stage struct {
	Dir      string               // of the stage's files; removed by Close
	Brokers  []string             // of Kafka
	Pipeline process.Config       // what the pipeline is told; may be changed until Start
	Amazon   *simulator.Simulator // of Simulate
	binary   string
	last     string // folder of the process that was started last
	closers  []func() error
}

// Open begins a stage of a benchmark on the embedded Kafka.
func Open(name string) (*Stage, error) {
	s, err := open(name)
	if err != nil {
		return nil, err
	}
	cluster, err := embedded.Start(embedded.Config{Dir: s.Dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.closers = append(s.closers, cluster.Close)
	s.Brokers, s.Pipeline.Registry = cluster.Brokers(), cluster.RegistryURL()
	s.Pipeline.Brokers = s.Brokers
	return s, nil
}

// OpenReal begins a stage of a benchmark on the Kafka and registry that KAFKA_BROKERS
// and SCHEMA_REGISTRY_URL name. Close deletes the stage's topics there.
func OpenReal(name string) (*Stage, error) {
	brokers, registry := os.Getenv("KAFKA_BROKERS"), os.Getenv("SCHEMA_REGISTRY_URL")
	if brokers == "" || registry == "" {
		return nil, errors.New("KAFKA_BROKERS and SCHEMA_REGISTRY_URL must name real parts; `make bench` starts some")
	}
	s, err := open(name)
	if err != nil {
		return nil, err
	}
	s.Brokers, s.Pipeline.Registry = strings.Split(brokers, ","), registry
	s.Pipeline.Brokers = s.Brokers
	s.closers = append(s.closers, s.removeTopics)
	return s, nil
}

func open(name string) (*Stage, error) {
	dir, err := os.MkdirTemp("", name)
	if err != nil {
		return nil, err
	}
	s := &Stage{Dir: dir, closers: []func() error{func() error { return os.RemoveAll(dir) }}}
	s.Pipeline.Prefix = fmt.Sprintf("%s-%d.", name, time.Now().UnixNano())
	return s, nil
}

// Close stops what was started, the last first, and removes what it left.
func (s *Stage) Close() error {
	var faults []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		faults = append(faults, s.closers[i]())
	}
	s.closers = nil
	return errors.Join(faults...)
}

// Application is the one of all simulated sellers.
func Application() simulator.Application {
	return simulator.Application{Name: "main", ClientID: "amzn1.application-oa2-client.bench", ClientSecrets: []string{"bench"}}
}

const bus = "bench"

// NewAmazon completes the configuration of a simulated Amazon and starts it. Its accounts
// must be Application's.
func NewAmazon(c simulator.Config) (*simulator.Simulator, simulator.URLs, error) {
	c.Applications, c.EventBuses = []simulator.Application{Application()}, []string{bus}
	amazon, err := simulator.New(c)
	if err != nil {
		return nil, simulator.URLs{}, err
	}
	urls, err := amazon.Start(simulator.Addresses{})
	return amazon, urls, err
}

// Simulate starts a simulated Amazon in this process. All its accounts are the
// pipeline's too.
func (s *Stage) Simulate(c simulator.Config) error {
	amazon, urls, err := NewAmazon(c)
	if err != nil {
		return err
	}
	s.Amazon = amazon
	s.closers = append(s.closers, amazon.Close)
	s.Surround(urls, amazon.Accounts())
	return nil
}

// Surround tells the pipeline of a simulated Amazon and of the accounts there.
func (s *Stage) Surround(urls simulator.URLs, accounts []simulator.Account) {
	p := &s.Pipeline
	p.SQS, p.Queue = urls.SQS, urls.QueueURL(simulator.DefaultQueue)
	p.EventBridge, p.Bus = urls.EventBridge, bus
	p.Amazon, p.Accounts, p.Application = urls, accounts, Application()
}

// Build builds the program. Start does so, where that has not been done.
func (s *Stage) Build(ctx context.Context) (err error) {
	if s.binary == "" {
		s.binary, err = process.Build(ctx, s.Dir)
	}
	return err
}

// Start runs the program with the configuration of the moment. Close stops it, if it
// still runs.
func (s *Stage) Start(ctx context.Context, flags ...string) (*process.Process, error) {
	if err := s.Build(ctx); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(s.Dir, "pipeline")
	if err != nil {
		return nil, err
	}
	s.last = dir
	file, err := s.Pipeline.Write(dir)
	if err != nil {
		return nil, err
	}
	p, err := process.Start(s.binary, file, s.Dir, flags...)
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, func() error {
		defer p.Kill()
		select {
		case <-p.Exited: // the benchmark has seen it
			return nil
		default:
			return p.Stop(patience)
		}
	})
	return p, nil
}

// Rewrite gives the process that was started last the configuration of the moment.
func (s *Stage) Rewrite() error {
	_, err := s.Pipeline.Write(s.last)
	return err
}

// removeTopics deletes the stage's topics.
func (s *Stage) removeTopics() error {
	client, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers...))
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	admin := kadm.NewClient(client)
	topics, err := admin.ListTopics(ctx)
	if err != nil {
		return err
	}
	var ours []string
	for _, name := range topics.Names() {
		if strings.HasPrefix(name, s.Pipeline.Prefix) {
			ours = append(ours, name)
		}
	}
	deleted, err := admin.DeleteTopics(ctx, ours...)
	return errors.Join(err, deleted.Error())
}
