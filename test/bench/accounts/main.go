// Command accounts measures what configured accounts cost that have nothing to
// do: the memory and CPU time of an idle pipeline with many of them, beside the
// same with one. The built binary runs as a process of its own, with every role;
// Kafka, the registry and the simulated Amazon are in this process.
//
// It also adds an account to the file of the running pipeline, and prints how long that
// takes and what it costs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/embedded"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/test/process"
)

// The targets.
const (
	mostMemory = 500 << 20 // bytes
	mostCPU    = 0.02      // of a core
)

// subscriptionTypes are how many subscriptions an account has.
const subscriptionTypes = 2

// settle is how long a pipeline may take to become quiet after its start.
const settle = 15 * time.Second

func main() {
	accounts := flag.Int("accounts", 10_000, "how many accounts to configure")
	idle := flag.Duration("idle", time.Minute, "how long to measure")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *accounts, *idle); err != nil {
		fmt.Fprintln(os.Stderr, "accounts:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, accounts int, idle time.Duration) (err error) {
	dir, err := os.MkdirTemp("", "accounts")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	binary, err := process.Build(ctx, dir)
	if err != nil {
		return err
	}
	fmt.Printf("%8s %10s %12s %10s %10s %14s %14s\n", "accounts", "ready in", "start CPU", "RSS", "idle CPU", "one is added", "which costs")
	var results []result
	for _, n := range []int{1, accounts} {
		r, err := measure(ctx, binary, dir, n, idle)
		if err != nil {
			return fmt.Errorf("%d accounts: %w", n, err)
		}
		r.print()
		results = append(results, r)
	}
	one, many := results[0], results[1]
	fmt.Printf("\n%d accounts cost %d MiB and %.2f %% of a core more than one; targets for all of it: ≤ %d MiB, < %.0f %%\n",
		accounts, (many.rss-one.rss)>>20, 100*(many.cpu-one.cpu), mostMemory>>20, 100*mostCPU)
	return nil
}

// result is what one pipeline cost.
type result struct {
	accounts int
	ready    time.Duration // from its start until every account was looked at
	start    time.Duration // CPU time until then
	rss      int64         // at the end of the idle time, in bytes
	cpu      float64       // share of a core in the idle time
	seen     time.Duration // from the writing of the file until the account was there
	reload   time.Duration // CPU time of that
}

func (r result) print() {
	fmt.Printf("%8d %10s %12s %6d MiB %8.2f %% %14s %14s\n", r.accounts, r.ready.Round(10*time.Millisecond), r.start,
		r.rss>>20, 100*r.cpu, r.seen.Round(10*time.Millisecond), r.reload)
}

func measure(ctx context.Context, binary, dir string, n int, idle time.Duration) (r result, err error) {
	s, err := newStage(dir, n)
	if err != nil {
		return result{}, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	name, err := s.configure(dir, n)
	if err != nil {
		return result{}, err
	}
	began := time.Now()
	p, err := process.Start(binary, name, dir)
	if err != nil {
		return result{}, err
	}
	defer p.Kill()
	ctx, cancel := p.Watch(ctx)
	defer cancel()
	defer func() {
		if err != nil {
			err = errors.Join(err, errors.New(p.Log()))
		}
	}()
	// Once at each account's subscriptions: from then on there is nothing to do.
	if _, err := s.amazon.Ledger.Await(ctx, simulator.Filter{Operation: "getSubscriptions", Status: 200}, subscriptionTypes*n); err != nil {
		return result{}, err
	}
	r = result{accounts: n, ready: time.Since(began)}
	if err := clock.Sleep(ctx, clock.Real{}, settle); err != nil {
		return result{}, err
	}
	before, err := p.Usage()
	if err != nil {
		return result{}, err
	}
	r.start = before.CPU
	if err := clock.Sleep(ctx, clock.Real{}, idle); err != nil {
		return result{}, err
	}
	after, err := p.Usage()
	if err != nil {
		return result{}, err
	}
	r.rss, r.cpu = after.RSS, (after.CPU-before.CPU).Seconds()/idle.Seconds()
	return r, s.add(ctx, p, dir, &r, after)
}

// add configures one account more and waits until the pipeline has taken it up.
func (s *stage) add(ctx context.Context, p *process.Process, dir string, r *result, before process.Usage) error {
	written := time.Now()
	if _, err := s.configure(dir, r.accounts+1); err != nil {
		return err
	}
	for !strings.Contains(p.Log(), "account added") {
		if err := clock.Sleep(ctx, clock.Real{}, 10*time.Millisecond); err != nil {
			return err
		}
	}
	r.seen = time.Since(written)
	after, err := p.Usage()
	r.reload = after.CPU - before.CPU
	return err
}

// stage is what surrounds the pipeline.
type stage struct {
	prefix      string
	cluster     *embedded.Cluster
	amazon      *simulator.Simulator
	urls        simulator.URLs
	application simulator.Application
}

// newStage simulates one account more than are configured at first, all of them
// subscribed.
func newStage(dir string, n int) (*stage, error) {
	quiet := slog.New(slog.DiscardHandler)
	s := &stage{
		prefix:      fmt.Sprintf("accounts-%d.", n),
		application: simulator.Application{Name: "main", ClientID: "amzn1.application-oa2-client.accounts", ClientSecrets: []string{"accounts"}},
	}
	var err error
	if s.cluster, err = embedded.Start(embedded.Config{Dir: fmt.Sprintf("%s/kafka-%d", dir, n), Logger: quiet}); err != nil {
		return nil, err
	}
	s.amazon, err = simulator.New(simulator.Config{
		Applications: []simulator.Application{s.application}, Accounts: simulator.Sellers(n+1, s.application.Name),
		EventBuses: []string{"accounts"}, Logger: quiet,
	})
	if err != nil {
		return nil, errors.Join(err, s.cluster.Close())
	}
	for _, a := range s.amazon.Accounts() {
		for _, kind := range []string{"ORDER_CHANGE", "FEED_PROCESSING_FINISHED"} {
			if _, err := s.amazon.Subscribe(a.ID, kind, simulator.QueueARN(simulator.DefaultQueue)); err != nil {
				return nil, errors.Join(err, s.close())
			}
		}
	}
	if s.urls, err = s.amazon.Start(simulator.Addresses{}); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *stage) close() error { return errors.Join(s.amazon.Close(), s.cluster.Close()) }

// configure writes the configuration with the first n accounts.
func (s *stage) configure(dir string, n int) (string, error) {
	return process.Config{
		Prefix: s.prefix, Brokers: s.cluster.Brokers(), Registry: s.cluster.RegistryURL(),
		SQS: s.urls.SQS, Queue: s.urls.QueueURL(simulator.DefaultQueue), QueueARN: simulator.QueueARN(simulator.DefaultQueue),
		EventBridge: s.urls.EventBridge, Bus: "accounts",
		Amazon: s.urls, Accounts: s.amazon.Accounts()[:n], Application: s.application,
		GetOrderRate: simulator.Rate{PerSecond: 0.5, Burst: 30},
	}.Write(dir)
}
