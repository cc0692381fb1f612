package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/pkg/app/pipeline"
	"github.com/sellerstream/sellerstream/pkg/app/simulated"
	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/embedded"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/schemas"
)

// stage is everything that the demo runs in this process.
type stage struct {
	sim       *simulator.Simulator
	file      string // its configuration, for the operator's commands
	urls      simulator.URLs
	broker    string
	registry  string
	observer  *observer
	upstream  *upstream
	warehouse *warehouse
	settings  pipeline.Settings
	admin     net.Listener // of the pipeline
	closers   []func() error
}

// adminPort is where a person finds the simulator's ledger, if it is free.
const adminPort = "8090"

// open starts the embedded Kafka, the registry and the simulator.
func open(ctx context.Context, opts Options) (_ *stage, err error) {
	s := &stage{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	dir, err := os.MkdirTemp("", "sellerstream-demo-")
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, func() error { return os.RemoveAll(dir) })
	cluster, err := embedded.Start(embedded.Config{
		Dir: dir, KafkaPort: embedded.DefaultKafkaPort, RegistryPort: embedded.DefaultRegistryPort, Logger: opts.Logger,
	})
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, cluster.Close)
	s.broker, s.registry = strings.Join(cluster.Brokers(), ","), cluster.RegistryURL()

	epoch := time.Now()
	scaled := clock.NewScaled(epoch, opts.Speed)
	if s.sim, err = simulated.New(opts.Accounts, scaled, opts.Logger); err != nil {
		return nil, err
	}
	s.closers = append(s.closers, s.sim.Close)
	if s.urls, err = serve(s.sim, net.JoinHostPort("127.0.0.1", adminPort), opts.Logger); err != nil {
		return nil, err
	}
	s.file = filepath.Join(dir, "sellerstream.yaml")
	cfg, err := s.configure(cluster.Brokers(), opts.Speed, epoch)
	if err != nil {
		return nil, err
	}
	if err := s.setStock(opts, cfg.Exclusions.File); err != nil {
		return nil, err
	}
	if s.admin, err = listenAdmin(cfg.Admin, opts.Logger); err != nil {
		return nil, err
	}
	s.closers = append(s.closers, func() error { _ = s.admin.Close(); return nil }) // once the pipeline runs, it has done so
	s.settings = pipeline.Settings{
		Config: cfg, Roles: []pipeline.Role{pipeline.Bridge, pipeline.Orders, pipeline.Inventory, pipeline.Feeds, pipeline.Shipments, pipeline.Cancellations, pipeline.Events},
		Clock: scaled, Logger: opts.Logger, TransactionalPrefix: cluster.TransactionalPrefix(),
		Admin: s.admin, Version: opts.Version,
	}
	return s, s.observe(ctx, cfg, opts.Logger)
}

// setStock scripts what goes slowly, and writes the list of SKUs that another
// service manages: the same as when the scenario is run.
func (s *stage) setStock(opts Options, list string) error {
	if err := slowFeed(s.sim); err != nil {
		return err
	}
	plan, err := s.sim.PlanInventory(stock(opts))
	if err != nil {
		return err
	}
	var lines strings.Builder
	for account, skus := range plan.Excluded {
		for _, sku := range skus {
			fmt.Fprintf(&lines, "%s,%s\n", account, sku)
		}
	}
	return os.WriteFile(list, []byte(lines.String()), 0o600)
}

// observe connects those who stand outside of the pipeline.
func (s *stage) observe(ctx context.Context, cfg config.Config, log *slog.Logger) error {
	codec, err := registry.New(ctx, registry.Config{
		Client: []sr.ClientOpt{sr.URLs(cfg.Registry.URL)}, Prefix: cfg.Prefix, Register: true, Logger: log,
	})
	if err != nil {
		return err
	}
	if s.observer, err = newObserver(cfg, s.sim, codec, s.settings.Clock); err != nil {
		return err
	}
	if s.warehouse, err = newWarehouse(cfg, s.sim, codec, s.settings.Clock); err != nil {
		return err
	}
	if s.upstream, err = newUpstream(cfg, s.sim, codec); err != nil {
		return err
	}
	s.observer.upstream = s.upstream
	s.closers = append(s.closers, func() error { s.upstream.client.Close(); return nil })
	return nil
}

// serve starts the simulator, elsewhere if the wished address is taken, perhaps
// by another demo.
func serve(sim *simulator.Simulator, admin string, log *slog.Logger) (simulator.URLs, error) {
	urls, err := sim.Start(simulator.Addresses{Admin: admin})
	if !errors.Is(err, syscall.EADDRINUSE) {
		return urls, err
	}
	if urls, err = sim.Start(simulator.Addresses{}); err == nil {
		log.Warn(fmt.Sprintf("%s is taken; the Amazon simulator listens on %s", admin, strings.TrimPrefix(urls.Admin, "http://")))
	}
	return urls, err
}

// listenAdmin opens the pipeline's admin port, elsewhere if that is taken.
func listenAdmin(cfg config.Admin, log *slog.Logger) (net.Listener, error) {
	listener, err := pipeline.ListenAdmin(cfg)
	if !errors.Is(err, syscall.EADDRINUSE) {
		return listener, err
	}
	taken := cfg.Listen
	cfg.Listen = net.JoinHostPort("127.0.0.1", "0")
	if listener, err = pipeline.ListenAdmin(cfg); err == nil {
		log.Warn(fmt.Sprintf("%s is taken; health and metrics are on %s", taken, listener.Addr()))
	}
	return listener, err
}

func (s *stage) close() error {
	var faults []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		faults = append(faults, s.closers[i]())
	}
	return errors.Join(faults...)
}

// configure takes the same way as a person with `sellerstream simulate`: the
// printed configuration, read back.
func (s *stage) configure(brokers []string, speed float64, epoch time.Time) (config.Config, error) {
	text, err := simulated.Configuration(s.sim, s.urls, simulated.Surroundings{
		Brokers: brokers, Registry: s.registry, Speed: speed, Epoch: epoch,
	})
	if err != nil {
		return config.Config{}, err
	}
	text += fmt.Sprintf("exclusions:\n  file: excluded.csv\norders:\n  reconcile: {every: %s}\ncancellations: {enabled: true}\nshipments: {untracked: feed}\n", searchEvery)
	if err := os.WriteFile(s.file, []byte(text), 0o600); err != nil {
		return config.Config{}, err
	}
	return config.Load(s.file)
}

func (s *stage) introduce(opts Options) {
	fmt.Fprintf(opts.Progress, `Sellerstream demo: %d orders and %d stock updates of %d seller accounts, on a clock %g times as fast.
  Kafka            %s
  schema registry  %s
  Amazon simulator %s/_simulator/
  metrics          http://%s/metrics
Amazon → SQS → bridge → Kafka → orders (getOrder, paced by quota) → Kafka → events → EventBridge
upstream → Kafka → inventory (feeds and single calls, paced by quota) → Amazon → SQS → feeds → Kafka → outcomes
warehouse → Kafka → shipments (confirmShipment, paced by quota) → Amazon, outcomes
warehouse → Kafka → cancellations (feeds) → Amazon → SQS → feeds → Kafka → outcomes

`, opts.Orders, opts.Updates, opts.Accounts, opts.Speed, s.broker, s.registry, s.urls.Admin, s.admin.Addr())
}

// invite prints what a person can do while everything is still up.
func (s *stage) invite(opts Options) {
	prefix := s.settings.Config.Prefix
	fmt.Fprintf(opts.Progress, `
Everything is still up. Try, in another terminal:

  the topics
    kcat -b %[1]s -L | grep topic
  enriched orders as JSON (keys are account names)
    kcat -C -e -q -b %[1]s -t %[2]s -X isolation.level=read_committed -f '%%R%%s' | sellerstream decode --registry %[4]s
  what became of each stock update
    kcat -C -e -q -b %[1]s -t %[6]s -X isolation.level=read_committed -f '%%R%%s' | sellerstream decode --registry %[4]s
  how each feed ended
    kcat -C -e -q -b %[1]s -t %[7]s -X isolation.level=read_committed -f '%%R%%s' | sellerstream decode --registry %[4]s
  what became of each shipment
    kcat -C -e -q -b %[1]s -t %[8]s -X isolation.level=read_committed -f '%%R%%s' | sellerstream decode --registry %[4]s
  how each account stands: what waits, how much quota is left (the file also serves
  deadletters, doctor, pause, replay, topics and the other commands)
    sellerstream accounts --all --config %[3]s
  every call that Amazon got, and what EventBridge received
    curl -s %[5]s/_simulator/ledger | head
    curl -s %[5]s/_simulator/events | head -1
  more business
    curl -s -X POST %[5]s/_simulator/scenario -d '{"orders": 100}'

(`+"`go run ./cmd/sellerstream`"+` in place of sellerstream if it is not installed.)
Ctrl-C ends the demo and removes its data.
`, s.broker, prefix+schemas.Orders, s.file, s.registry, s.urls.Admin, prefix+schemas.InventoryResults, prefix+schemas.FeedResults, prefix+schemas.ShipmentConfirmations)
}
