// Command pipeline measures the whole pipeline under load, on a real Kafka: orders from
// SQS to EventBridge, and stock from the updates to their outcomes. Each role is a process
// of its own, and so is the simulated Amazon. It answers getOrder, PutEvents and the calls
// for feeds in 30 ms and grants quotas that nobody waits for. For each stage it prints
// what passed, what waited before it, what was in flight, and what it cost.
//
//	KAFKA_BROKERS=… SCHEMA_REGISTRY_URL=… go run ./test/bench/pipeline
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/test/bench/internal/report"
	"github.com/sellerstream/sellerstream/test/bench/internal/stage"
)

// The targets. The share is of the machine's CPU time while the slowest stage works: a
// machine that idles waits for something.
const (
	ordersOfOne  = 600 // orders a second of one account
	ordersOfMany = 900 // and of 12 accounts or more
	many         = 12
	busyShare    = 0.9
)

// options are the flags.
type options struct {
	accounts string
	window   int
	seconds  int
	updates  int
	answer   time.Duration
	together bool
}

func main() {
	var o options
	flag.StringVar(&o.accounts, "accounts", "1,12,120,1000", "numbers of accounts to measure orders of; empty for none")
	flag.IntVar(&o.window, "window", 4000, "orders on their way at most: what the slowest stage has not done waits before it")
	flag.IntVar(&o.seconds, "seconds", 20, "how long to measure, after 10 s to come up to speed")
	flag.IntVar(&o.updates, "updates", 1_000_000, "updates of as many SKUs, of 120 accounts; 0 for none")
	flag.DurationVar(&o.answer, "answer", 30*time.Millisecond, "how long SP-API and EventBridge take to answer")
	flag.BoolVar(&o.together, "together", false, "run all roles in one process")
	child := flag.String("child", "", "internal: simulate Amazon, configured by this JSON")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, o, *child)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "pipeline:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, child string) error {
	if child != "" {
		var t task
		if err := json.Unmarshal([]byte(child), &t); err != nil {
			return err
		}
		return simulate(t)
	}
	r, err := report.Open(ctx, "pipeline", strings.Split(os.Getenv("KAFKA_BROKERS"), ",")...)
	if err != nil {
		return err
	}
	for text := range strings.FieldsFuncSeq(o.accounts, func(c rune) bool { return c == ',' }) {
		var accounts int
		if _, err := fmt.Sscan(text, &accounts); err != nil || accounts < 1 {
			return fmt.Errorf("-accounts: %q is not a number", text)
		}
		if err := measureOrders(ctx, r, o, accounts); err != nil {
			return fmt.Errorf("orders of %d accounts: %w", accounts, err)
		}
	}
	if o.updates > 0 {
		if err := measureStock(ctx, r, o); err != nil {
			return fmt.Errorf("stock: %w", err)
		}
	}
	return r.Close()
}

// measureOrders keeps the pipeline full of orders and measures how fast they pass.
func measureOrders(ctx context.Context, r *report.Report, o options, accounts int) (err error) {
	roles := [][]string{{"bridge"}, {"orders"}, {"events"}}
	l, err := open(ctx, o, task{Accounts: accounts, Answer: o.answer}, roles)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	// Tokens, connections and groups come first, with an order or so of each account.
	if err := l.amazon.Call("Amazon.Open", accounts, nil); err != nil {
		return err
	}
	if err := l.await(ctx, time.Minute, func(c Counts) bool { return c.Arrived >= accounts }); err != nil {
		return err
	}
	if err := l.amazon.Call("Amazon.Open", o.window, nil); err != nil {
		return err
	}
	work, err := l.observe(ctx, 10*time.Second, time.Duration(o.seconds)*time.Second)
	if err != nil {
		return err
	}
	rate := work.rate(func(s sample) float64 { return float64(s.counts.Arrived) })
	fmt.Printf("\n%d account(s): %.0f orders/s for %.0f s\n", accounts, rate, work.seconds())
	work.printOrders()
	target := float64(ordersOfOne)
	if accounts >= many {
		target = ordersOfMany
	}
	r.AtLeast(fmt.Sprintf("orders/s of %d account(s)", accounts), rate, target)
	r.AtLeast(fmt.Sprintf("share of the machine busy with %d account(s)", accounts), work.busy(), busyShare)
	return l.drain(ctx)
}

// drain stops the buyers and checks that every order has come out.
func (l *line) drain(ctx context.Context) error {
	if err := l.amazon.Call("Amazon.Open", 0, nil); err != nil {
		return err
	}
	return l.await(ctx, 5*time.Minute, func(c Counts) bool { return c.Arrived == c.Placed })
}

// line is the pipeline and what is around it.
type line struct {
	*stage.Stage
	amazon *stage.Remote
	roles  []*roleProcess
}

// open starts a process for each of the lists of roles.
func open(ctx context.Context, o options, t task, roles [][]string) (l *line, err error) {
	l = &line{}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	if l.Stage, err = stage.OpenReal("pipeline"); err != nil {
		return nil, err
	}
	if l.amazon, err = stage.Call(ctx, t); err != nil {
		return nil, err
	}
	if err := l.surround(t); err != nil {
		return nil, err
	}
	if o.together {
		all := []string{}
		for _, names := range roles {
			all = append(all, names...)
		}
		roles = [][]string{all}
	}
	for _, names := range roles {
		p, err := l.start(ctx, names)
		if err != nil {
			return nil, err
		}
		l.roles = append(l.roles, p)
	}
	return l, nil
}

func (l *line) close() error {
	var faults []error
	if l.Stage != nil {
		faults = append(faults, l.Close())
	}
	if l.amazon != nil {
		faults = append(faults, l.amazon.Close())
	}
	return errors.Join(faults...)
}
