package pipeline

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"golang.org/x/sync/errgroup"

	"github.com/sellerstream/sellerstream/bridge/sqs"
	"github.com/sellerstream/sellerstream/pkg/app/telemetry"
	"github.com/sellerstream/sellerstream/pkg/operator/permissions"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/exclusion"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/acls"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topics"
	"github.com/sellerstream/sellerstream/pkg/platform/level"
	"github.com/sellerstream/sellerstream/pkg/platform/pause"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/runtime/blame"
	"github.com/sellerstream/sellerstream/pkg/runtime/breaker"
	"github.com/sellerstream/sellerstream/pkg/runtime/buyerdata"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
	"github.com/sellerstream/sellerstream/processors/orders"
	"github.com/sellerstream/sellerstream/schemas"
)

// pipeline holds what the roles of a process share.
type pipeline struct {
	Settings
	live       *live
	codec      *registry.Codec
	switches   *pause.Switches
	shadow     *shadow           // of a dry run
	amazon     *amazon           // see openAmazon
	guards     *breaker.Breakers // see breakers
	tally      blame.Tally       // of all roles' calls, for the same reason
	excluded   *exclusion.Source // see exclusions
	metrics    *telemetry.Metrics
	sources    telemetry.Sources // of the metrics
	roles      []runner
	processors map[Role]units
	memory     *stream.Memory            // of all roles that run machines
	wakers     []func(accounts []string) // see wake
	closers    []func()
	outdated   chan error // gets why this version may not run any more
}

func (p *pipeline) close() {
	for i := len(p.closers) - 1; i >= 0; i-- {
		p.closers[i]()
	}
}

// build prepares the roles: topics exist and schemas are known when it returns.
func build(ctx context.Context, s Settings, metrics *telemetry.Metrics) (*pipeline, error) {
	p := &pipeline{Settings: s, shadow: newShadow(s.Logger, s.Out), metrics: metrics, processors: map[Role]units{}, outdated: make(chan error, 1)}
	p.memory = stream.NewMemory(mostPending(s.Config.Runtime), s.Logger)
	p.sources = p.newSources()
	var names []string
	for _, name := range s.Roles {
		names = append(names, string(name))
	}
	if err := p.prepare(ctx, names...); err != nil {
		p.close()
		return nil, err
	}
	for _, name := range s.Roles {
		var err error
		switch name {
		case Bridge:
			err = p.addBridge(ctx)
		case Orders:
			err = p.addOrders(ctx)
		case Inventory:
			err = p.addInventory()
		case Feeds:
			err = p.addFeeds()
		case Shipments:
			err = p.addShipments()
		case Cancellations:
			err = p.addCancellations()
		case Events:
			err = p.addEvents(ctx)
		case Subscriptions:
			err = p.addSubscriptions()
		default:
			err = fmt.Errorf("there is no such role; the roles are %v", Roles())
		}
		if err != nil {
			p.close()
			return nil, fmt.Errorf("role %s: %w", name, err)
		}
	}
	p.sources.SchemaWait = p.schemaWait
	p.metrics.Watch(p.sources)
	p.live.watch(p.wake) // behind those that drop what was known of the accounts
	return p, nil
}

// prepare waits for Kafka and the registry, and creates what parts (as package acls
// names them) need there.
func (p *pipeline) prepare(ctx context.Context, parts ...string) (err error) {
	if p.live, err = newLive(p.Config, p.Logger); err != nil {
		return err
	}
	client, err := kclient.NewClient(kafkaOptions(p.Config, p.Secrets)...)
	if err != nil {
		return fmt.Errorf("Kafka client: %w", err)
	}
	defer client.Close()
	if err := awaitKafka(ctx, client, p.Config.Kafka, p.Logger); err != nil {
		return err
	}
	if err := checkACLs(ctx, client, p.Config, p.TransactionalPrefix, parts, nil); err != nil {
		return err
	}
	admin := kadm.NewClient(client)
	warnOldKafka(ctx, admin, p.Logger)
	if err := settled(ctx, p.Logger, "topics", func() error { return p.ensureTopics(ctx, admin, parts) }); err != nil {
		return fmt.Errorf("topics on %v: %w", p.Config.Kafka.Brokers, err)
	}
	if p.codec, err = openRegistry(ctx, p.Config, p.Secrets, p.Logger); err != nil {
		return err
	}
	if !acls.Reads(schemas.Switches, parts...) {
		return nil
	}
	if err := p.openSwitches(ctx); err != nil { // which waits by itself
		return err
	}
	if err := level.Begin(ctx, p.switches, admin, p.Config.Prefix, level.Newest); err != nil {
		p.Logger.Warn("the feature level stays at the first: raise it with `sellerstream upgrade finish`", "error", err)
	}
	return level.Check(p.switches, level.Newest, p.Version)
}

// ensureTopics creates what parts need.
func (p *pipeline) ensureTopics(ctx context.Context, admin *kadm.Client, parts []string) error {
	report, err := topics.Ensure(ctx, admin, topics.Options{
		Prefix: p.Config.Prefix, Partitions: p.Config.Kafka.Partitions, Replication: p.Config.Kafka.Replication,
		Topics: permissions.Layout(p.Config, p.TransactionalPrefix).Topics(parts...),
	})
	report.Log(p.Logger)
	return err
}

func (p *pipeline) addBridge(ctx context.Context) error {
	if len(p.Config.Bridge.Queues) == 0 {
		return fmt.Errorf("bridge.queues is empty: list the SQS queues that receive notifications, or leave the role out with --roles")
	}
	awsConfig, err := openAWS(ctx, p.Config.AWS)
	if err != nil {
		return err
	}
	producer, err := kclient.NewClient(append(kafkaOptions(p.Config, p.Secrets), sqs.ProducerOptions(p.Config.Prefix)...)...)
	if err != nil {
		return fmt.Errorf("Kafka producer: %w", err)
	}
	p.closers = append(p.closers, producer.Close)
	client := sqs.NewClient(awsConfig, p.Config.AWS.SQSEndpoint)

	var bridges []*sqs.Bridge
	for _, queue := range p.Config.Bridge.Queues {
		bridge, err := sqs.New(sqs.Options{
			Queue: queue.URL, Region: queue.Region, Client: client, Attributes: client, Producer: producer, Encoder: p.codec,
			Prefix: p.Config.Prefix, Directory: p.live.directory, Clock: p.Clock,
			Logger:     p.Logger.With("role", Bridge),
			MaxPollers: p.Config.Bridge.MaxPollers, VisibilityTimeout: p.Config.Bridge.VisibilityTimeout,
			DrainTimeout: p.Config.Runtime.DrainTimeout,
			SetAside:     func(reason string) { p.metrics.DeadLetter(string(Bridge), reason) },
		})
		if err != nil {
			return err
		}
		bridges = append(bridges, bridge)
	}
	run := func(ctx context.Context) error {
		group, ctx := errgroup.WithContext(ctx)
		for _, bridge := range bridges {
			group.Go(func() error { return bridge.Run(ctx) })
		}
		return group.Wait()
	}
	p.sources.Bridge = func() telemetry.Bridge { return bridgeNumbers(bridges) }
	p.sources.Queues = func() map[string]telemetry.Queue { return queueNumbers(p.Config.Bridge.Queues, bridges) }
	p.roles = append(p.roles, runner{name: Bridge, run: run, waitsFor: func() string {
		for _, bridge := range bridges {
			if waitsFor := bridge.WaitsFor(); waitsFor != "" {
				return waitsFor
			}
		}
		return ""
	}})
	return nil
}

// breakers are the same for all roles: what one of them learns of Amazon holds
// for the others.
func (p *pipeline) breakers() *breaker.Breakers {
	if p.guards == nil {
		p.guards = breaker.New(p.Clock, p.Logger)
		p.sources.Breakers = p.guards.Counts
		p.live.watch(func(accounts []string) {
			p.guards.Forget(append(p.live.applicationOwners(accounts), accounts...))
			p.tally.Forget(accounts)
		})
	}
	return p.guards
}

func (p *pipeline) addOrders(ctx context.Context) error {
	v0 := p.Config.Orders.API == config.OrdersV0
	if v0 {
		p.Logger.Warn("orders are read with Orders v0, which Amazon ends on 2027-03-27: try orders.api 2026-01-01 before", "role", Orders)
	}
	source, err := p.exclusions()
	if err != nil {
		return err
	}
	keys, err := OpenBuyerKeys(ctx, p.Config, p.Secrets)
	if err != nil {
		return err
	}
	sealer := buyerdata.NewSealer(keys, &p.tally, p.Clock.Now, p.Logger.With("role", Orders))
	machineConfig := orders.Config{
		Accounts: p.live.directory, IncludedData: p.Config.Orders.IncludedData, V0: v0, Limits: p.live.limit,
		Retention: p.Config.BuyerData.Retention,
		Reconcile: orders.Reconcile{Every: p.Config.Orders.Reconcile.Every, Lookback: p.Config.Orders.Reconcile.Lookback, Backfill: p.Config.Orders.Backfill},
		Silence:   float64(p.Config.Orders.Silence), Patience: p.Config.Orders.Patience,
	}
	if source != nil {
		machineConfig.Excluded = source.Excluded
	}
	return p.addProcessor(processor{
		role:   orders.Role(),
		around: sealer.Guard,
		begin:  p.awaitExclusionsForAWhile,
		machine: func(u machine.Unit) liveMachine {
			own := machineConfig
			own.Mine = stream.Mine(u)
			return orders.New(own)
		},
	})
}
