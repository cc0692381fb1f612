// Command memory measures what the pipeline keeps in memory for SKUs that wait, and
// whether it lives within the limit of a container: a million SKUs are updated twice, and
// the process is restarted after each time. It runs in a cgroup with that limit, with
// GOMEMLIMIT as the chart sets it; the kernel ends a process that takes more. Kafka, the
// registry and the simulated Amazon are outside of it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/test/bench/internal/report"
	"github.com/sellerstream/sellerstream/test/bench/internal/stage"
	"github.com/sellerstream/sellerstream/test/process"
)

// The targets.
const (
	mostPerSKU  = 700 // bytes of resident memory for a SKU that waits
	mostRestore = 300 // MiB of resident memory at a takeover, over what it is a while later
	mostGC      = 25  // percent of the process's CPU time
)

const (
	// perAccount is how many SKUs an account has: fewer than a feed takes, so that all
	// of them wait for inventory.linger.
	perAccount = 20_000
	// settle is how long a process may take to become quiet; it is in what phases took.
	settle = 15 * time.Second
	// patience is how long a process may take to stop.
	patience = time.Minute
)

func main() {
	skus := flag.Int("skus", 1_000_000, "how many SKUs to update")
	limit := flag.Int64("limit", 1<<10, "the container's memory in MiB; 0 runs the process without a cgroup")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *skus, *limit<<20); err != nil {
		fmt.Fprintln(os.Stderr, "memory:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, skus int, limit int64) (err error) {
	b := &bench{}
	if b.report, err = report.Open(ctx, "memory"); err != nil {
		return err
	}
	if limit > 0 {
		if b.container, err = newContainer(limit); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, b.container.remove()) }()
		if err := os.Setenv("GOMEMLIMIT", strconv.FormatInt(limit/10*9, 10)); err != nil {
			return err
		}
	}
	if b.Stage, err = stage.Open("memory"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	accounts := (skus + perAccount - 1) / perAccount
	if err := b.Simulate(simulator.Config{Accounts: simulator.Sellers(accounts, stage.Application().Name)}); err != nil {
		return err
	}
	if b.Pipeline.Admin, err = stage.FreeAddress(); err != nil {
		return err
	}
	// All wait at the same time, which is the most that they can take.
	b.Pipeline.More = "inventory:\n  linger: 1h\n  defaults: {fba: allow}"
	if err := b.Build(ctx); err != nil {
		return err
	}
	if err := b.measure(ctx, skus); err != nil {
		return errors.Join(err, errors.New(b.process.Log()))
	}
	return b.report.Close()
}

// bench is the process that is measured, and what surrounds it.
type bench struct {
	*stage.Stage
	report    *report.Report
	container *container // nil for none
	process   *process.Process
	idle      process.Usage // before there was any work
}

// measure updates all SKUs twice and restarts the process after each time.
func (b *bench) measure(ctx context.Context, skus int) error {
	fmt.Printf("%-10s %8s %10s %10s %8s %8s\n", "phase", "took", "RSS", "most RSS", "CPU", "of GC")
	load, err := newLoad(ctx, b.Stage)
	if err != nil {
		return err
	}
	defer load.client.Close()
	idle, err := b.phase(ctx, "start", func(ctx context.Context) error {
		if err := b.start(ctx); err != nil {
			return err
		}
		return clock.Sleep(ctx, clock.Real{}, settle)
	})
	if err != nil {
		return err
	}
	b.idle = idle.Usage
	for round := 1; round <= 2; round++ {
		updated, err := b.phase(ctx, fmt.Sprint("update ", round), func(ctx context.Context) error {
			if err := load.update(ctx, skus, round); err != nil {
				return err
			}
			return b.waiting(ctx, skus)
		})
		if err != nil {
			return err
		}
		b.judge(updated, skus)
		restored, err := b.phase(ctx, fmt.Sprint("restart ", round), func(ctx context.Context) error {
			if err := b.process.Stop(patience); err != nil {
				return err
			}
			if err := b.start(ctx); err != nil {
				return err
			}
			return b.waiting(ctx, skus)
		})
		if err != nil {
			return err
		}
		b.judge(restored, skus)
		b.report.AtMost(restored.name+": MiB at the takeover over what it keeps", float64((restored.MaxRSS-restored.RSS)>>20), mostRestore)
	}
	return b.contained()
}

func (b *bench) judge(c cost, skus int) {
	b.report.AtMost(c.name+": bytes for each SKU that waits", float64(c.RSS-b.idle.RSS)/float64(skus), mostPerSKU)
	b.report.AtMost(c.name+": percent of CPU for the garbage collector", 100*c.collecting, mostGC)
}

// contained judges whether the process lived within its container.
func (b *bench) contained() error {
	if b.container == nil {
		return nil
	}
	most, err1 := b.container.most()
	kills, err2 := b.container.kills()
	b.report.Value(fmt.Sprintf("MiB at most of the container's %d", b.container.limit>>20), float64(most>>20))
	b.report.AtMost("processes that the kernel killed", float64(kills), 0)
	return errors.Join(err1, err2)
}

// start runs the pipeline until it is ready.
func (b *bench) start(ctx context.Context) (err error) {
	if b.process, err = b.Start(ctx); err != nil {
		return err
	}
	if b.container != nil {
		if err := b.container.add(b.process.PID()); err != nil {
			return err
		}
	}
	return b.await(ctx, func() bool {
		_, err := stage.Get(ctx, b.Pipeline.Admin, "/readyz")
		return err == nil
	})
}

// waiting waits until all SKUs have waited for settle, and no update is left in Kafka: a
// unit that is taken over anew just then has nothing in memory.
func (b *bench) waiting(ctx context.Context, skus int) error {
	since := time.Now()
	return b.await(ctx, func() bool {
		m, err := stage.ReadMetrics(ctx, b.Pipeline.Admin)
		lag := m.Sum("consumer_lag_records", `role="inventory"`, `topic="inventory-updates"`)
		if err != nil || m.Sum("pending", `role="inventory"`) != float64(skus) || lag > 2*6 { // markers of transactions count
			since = time.Now()
		}
		return time.Since(since) > settle
	})
}

func (b *bench) await(ctx context.Context, ok func() bool) error {
	ctx, cancel := b.process.Watch(ctx)
	defer cancel()
	for !ok() {
		if err := clock.Sleep(ctx, clock.Real{}, 200*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// cost is what a phase has cost the process, or has since its start.
type cost struct {
	process.Usage
	name       string
	collecting float64 // share of the garbage collector, without what it does while nobody else wants the CPU
}

func (b *bench) phase(ctx context.Context, name string, do func(context.Context) error) (c cost, err error) {
	c.name = name
	began := time.Now()
	if err := do(ctx); err != nil {
		return c, err
	}
	took := time.Since(began)
	m, err1 := stage.ReadMetrics(ctx, b.Pipeline.Admin)
	c.Usage, err = b.process.Usage()
	if err := errors.Join(err, err1); err != nil {
		return c, err
	}
	total, idle := m["go_cpu_classes_total_cpu_seconds_total"], m["go_cpu_classes_idle_cpu_seconds_total"]
	collecting, spare := m["go_cpu_classes_gc_total_cpu_seconds_total"], m["go_cpu_classes_gc_mark_idle_cpu_seconds_total"]
	if total == 0 {
		return c, errors.New("the metrics do not tell what the garbage collector takes")
	}
	c.collecting = (collecting - spare) / (total - idle - spare)
	fmt.Printf("%-10s %8s %6d MiB %6d MiB %8s %6.1f %%\n", name, took.Round(100*time.Millisecond), c.RSS>>20, c.MaxRSS>>20,
		c.CPU.Round(100*time.Millisecond), 100*c.collecting)
	return c, nil
}
