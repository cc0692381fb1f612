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
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/test/bench/internal/report"
	"github.com/sellerstream/sellerstream/test/bench/internal/stage"
	"github.com/sellerstream/sellerstream/test/process"
)

// The targets.
const (
	mostMemory = 200 // MiB
	mostCPU    = 1   // percent of a core
	mostStart  = 30  // seconds until all accounts were looked at
)

// settle is how long a pipeline may take to become quiet after its start.
const settle = 15 * time.Second

func main() {
	accounts := flag.Int("accounts", 10_000, "how many accounts to configure")
	idle := flag.Duration("idle", time.Minute, "how long to measure")
	profile := flag.String("profile", "", "file for a CPU profile of the idle time with all accounts")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *accounts, *idle, *profile); err != nil {
		fmt.Fprintln(os.Stderr, "accounts:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, accounts int, idle time.Duration, profile string) error {
	r, err := report.Open(ctx, "accounts")
	if err != nil {
		return err
	}
	fmt.Printf("%8s %10s %12s %10s %10s %14s %14s\n", "accounts", "ready in", "start CPU", "RSS", "idle CPU", "one is added", "which costs")
	one, err := measure(ctx, 1, idle, "")
	if err != nil {
		return fmt.Errorf("one account: %w", err)
	}
	one.print()
	many, err := measure(ctx, accounts, idle, profile)
	if err != nil {
		return fmt.Errorf("%d accounts: %w", accounts, err)
	}
	many.print()
	fmt.Printf("each account more: %.1f KiB, %.2f ppm of a core, %.2f ms of CPU at the start\n",
		float64(many.rss-one.rss)/1024/float64(accounts-1), 1e6*(many.cpu-one.cpu)/float64(accounts-1),
		float64((many.start-one.start).Microseconds())/1000/float64(accounts-1))
	r.Value("KiB for each account more", float64(many.rss-one.rss)/1024/float64(accounts-1))
	r.AtMost(fmt.Sprintf("MiB with %d accounts", accounts), float64(many.rss>>20), mostMemory)
	r.AtMost(fmt.Sprintf("percent of a core with %d idle accounts", accounts), 100*many.cpu, mostCPU)
	r.AtMost(fmt.Sprintf("seconds until %d accounts are ready", accounts), many.ready.Seconds(), mostStart)
	return r.Close()
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

func measure(ctx context.Context, n int, idle time.Duration, profile string) (r result, err error) {
	s, err := newStage(n)
	if err != nil {
		return result{}, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Build(ctx); err != nil {
		return result{}, err
	}
	if s.Pipeline.Pprof = profile != ""; s.Pipeline.Pprof {
		if s.Pipeline.Admin, err = stage.FreeAddress(); err != nil {
			return result{}, err
		}
	}
	began := time.Now()
	p, err := s.Start(ctx)
	if err != nil {
		return result{}, err
	}
	ctx, cancel := p.Watch(ctx)
	defer cancel()
	defer func() {
		if err != nil {
			err = errors.Join(err, errors.New(p.Log()))
		}
	}()
	if err := awaitLooks(ctx, s.Amazon, n); err != nil {
		return result{}, err
	}
	r = result{accounts: n, ready: time.Since(began)}
	ready, err := p.Usage()
	if err != nil {
		return result{}, err
	}
	r.start = ready.CPU
	if err := clock.Sleep(ctx, clock.Real{}, settle); err != nil {
		return result{}, err
	}
	before, err := p.Usage()
	if err != nil {
		return result{}, err
	}
	if err := rest(ctx, s.Pipeline.Admin, idle, profile); err != nil {
		return result{}, err
	}
	after, err := p.Usage()
	if err != nil {
		return result{}, err
	}
	r.rss, r.cpu = after.RSS, (after.CPU-before.CPU).Seconds()/idle.Seconds()
	return r, add(ctx, s, p, &r, after)
}

// rest waits so long, and takes a profile meanwhile where one is wanted.
func rest(ctx context.Context, admin string, idle time.Duration, profile string) error {
	if profile == "" {
		return clock.Sleep(ctx, clock.Real{}, idle)
	}
	taken, err := stage.Get(ctx, admin, fmt.Sprintf("/debug/pprof/profile?seconds=%.0f", idle.Seconds()))
	if err != nil {
		return err
	}
	return os.WriteFile(profile, []byte(taken), 0o600)
}

// subscriptionTypes are what an account is subscribed to.
func subscriptionTypes() []string { return []string{"ORDER_CHANGE", "FEED_PROCESSING_FINISHED"} }

// awaitLooks waits until each account's subscriptions have been looked at once: from
// then on there is nothing to do.
func awaitLooks(ctx context.Context, amazon *simulator.Simulator, accounts int) error {
	for {
		for _, count := range amazon.Ledger.Counts() {
			if count.Operation == "getSubscriptions" && count.Applied >= len(subscriptionTypes())*accounts {
				return nil
			}
		}
		if err := clock.Sleep(ctx, clock.Real{}, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// add configures one account more and waits until the pipeline has taken it up.
func add(ctx context.Context, s *stage.Stage, p *process.Process, r *result, before process.Usage) error {
	written := time.Now()
	s.Pipeline.Accounts = s.Amazon.Accounts()[:r.accounts+1]
	if err := s.Rewrite(); err != nil {
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

// newStage simulates one account more than are configured at first, all of them
// subscribed.
func newStage(n int) (*stage.Stage, error) {
	s, err := stage.Open("accounts")
	if err != nil {
		return nil, err
	}
	if err := s.Simulate(simulator.Config{Accounts: simulator.Sellers(n+1, stage.Application().Name)}); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	for _, a := range s.Amazon.Accounts() {
		for _, kind := range subscriptionTypes() {
			if _, err := s.Amazon.Subscribe(a.ID, kind, simulator.QueueARN(simulator.DefaultQueue)); err != nil {
				return nil, errors.Join(err, s.Close())
			}
		}
	}
	s.Pipeline.QueueARN = simulator.QueueARN(simulator.DefaultQueue)
	s.Pipeline.Accounts = s.Amazon.Accounts()[:n]
	return s, nil
}
