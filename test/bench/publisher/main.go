// Command publisher measures the way from the topic orders on a real Kafka to an
// EventBridge that answers in 30 ms, for one account and for 120, against a loop of the
// AWS SDK that only sends the same bytes, with its best number of goroutines.
//
// EventBridge is a server in this process that counts the entries. Each measured side
// runs in a process of its own. Its rate and its CPU time are taken from the moment when
// a fifth of the events has arrived until all have.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/sellerstream/sellerstream/test/bench/internal/report"
	"github.com/sellerstream/sellerstream/test/bench/internal/stage"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "publisher:", err)
		os.Exit(1)
	}
}

// load is one thing to measure.
type load struct {
	accounts, events int
	least            float64 // events of a second
}

const (
	leastRatio = 0.9 // of the bare loop's rate
	mostCPU    = 0.2 // milliseconds of an event
)

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("publisher", flag.ContinueOnError)
	rounds := flags.Int("rounds", 3, "rounds; each runs every side once")
	seconds := flags.Int("seconds", 12, "how long a run takes at its target")
	child := flags.String("child", "", "internal: run one side, configured by this JSON")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *child != "" {
		var t task
		if err := json.Unmarshal([]byte(*child), &t); err != nil {
			return err
		}
		return stage.AnswerMeasure(t.prepare)
	}
	s, err := stage.OpenReal("publisher")
	if err != nil {
		return err
	}
	r, err := report.Open(ctx, "publisher", s.Brokers...)
	if err == nil {
		err = measure(ctx, s, r, *rounds, *seconds)
	}
	return errors.Join(err, s.Close())
}

func measure(ctx context.Context, s *stage.Stage, r *report.Report, rounds, seconds int) error {
	b, err := startBus()
	if err != nil {
		return err
	}
	defer b.close()
	best := 0
	for _, l := range []load{{1, 2000 * seconds, 2000}, {120, 5000 * seconds, 5000}} {
		if err := produce(ctx, s, l); err != nil {
			return err
		}
		if best == 0 {
			if best, err = bestLoop(ctx, b, s); err != nil {
				return err
			}
		}
		var rates, cpus, ratios []float64
		for round := range rounds {
			bare, err := b.side(ctx, task{Stage: stageOf(s, l), Endpoint: b.url, Goroutines: best}, l.events)
			if err != nil {
				return fmt.Errorf("round %d, bare loop: %w", round+1, err)
			}
			ours, err := b.side(ctx, task{Stage: stageOf(s, l), Endpoint: b.url}, l.events)
			if err = errors.Join(err, stageOf(s, l).again(ctx)); err != nil {
				return fmt.Errorf("round %d, publisher: %w", round+1, err)
			}
			fmt.Printf("%3d account(s), round %d: %6.0f events/s at %.3f ms of CPU, the bare loop %6.0f at %.3f\n",
				l.accounts, round+1, ours.rate, ours.cpu, bare.rate, bare.cpu)
			rates, cpus, ratios = append(rates, ours.rate), append(cpus, ours.cpu), append(ratios, ours.rate/bare.rate)
		}
		name := fmt.Sprintf(" of %d account(s)", l.accounts)
		r.AtLeast("events/s"+name, report.Median(rates), l.least)
		r.AtMost("CPU ms per event"+name, report.Median(cpus), mostCPU)
		r.AtLeast("rate / bare loop"+name, report.Median(ratios), leastRatio)
	}
	return r.Close()
}

// bestLoop is the number of goroutines with which the bare loop is fastest.
func bestLoop(ctx context.Context, b *bus, s *stage.Stage) (best int, err error) {
	fastest := 0.0
	for _, n := range []int{8, 16, 32, 64} {
		o, err := b.side(ctx, task{Stage: stageOf(s, load{}), Endpoint: b.url, Goroutines: n}, 20_000)
		if err != nil {
			return 0, fmt.Errorf("bare loop of %d: %w", n, err)
		}
		fmt.Printf("bare loop of %2d goroutines: %6.0f events/s\n", n, o.rate)
		if o.rate > fastest {
			fastest, best = o.rate, n
		}
	}
	return best, nil
}
