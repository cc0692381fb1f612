// Command bridge measures the bridge from SQS into Kafka against a bare loop of the AWS
// SDK that receives, produces and deletes without looking at what it moves. The loop has
// the bridge's own client of the SDK, which is tuned, and its best number of goroutines.
//
// The queue (answering in 5 ms), Kafka and the schema registry run in this
// process; each measured side runs in a process of its own, whose rate and CPU
// time are read once it has come up to speed. The sides take turns in random order, and a run counts
// only if the queue is empty, each message stands in Kafka once, and nothing
// was redelivered.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/sellerstream/sellerstream/test/bench/internal/report"
	"github.com/sellerstream/sellerstream/test/bench/internal/stage"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bridge:", err)
		os.Exit(1)
	}
}

// The targets, as ratios to the bare loop.
const (
	leastRate = 0.9
	mostCPU   = 1.2
)

// options are the flags.
type options struct {
	messages int
	rounds   int
	pollers  []int
	profile  string
}

func run(ctx context.Context, args []string) error {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&o.messages, "messages", 200_000, "messages in the queue of each run; enough for 10 s at full speed")
	flags.IntVar(&o.rounds, "rounds", 5, "rounds; each runs every side once")
	flags.StringVar(&o.profile, "profile", "", "file for a CPU profile of the bridge's last run")
	child := flags.String("child", "", "internal: run one side, configured by this JSON")
	pollers := flags.String("pollers", "16,32,64", "goroutines of the bare loop to choose the best of")
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
	for text := range strings.SplitSeq(*pollers, ",") {
		var n int
		if _, err := fmt.Sscan(text, &n); err != nil || n < 1 {
			return fmt.Errorf("-pollers: %q is not a number", text)
		}
		o.pollers = append(o.pollers, n)
	}
	return compare(ctx, o)
}

// compare finds the bare loop's best number of goroutines, and then lets it and
// the bridge run in turns.
func compare(ctx context.Context, o options) (err error) {
	r, err := report.Open(ctx, "bridge")
	if err != nil {
		return err
	}
	p, err := openParts(o.messages)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	fmt.Printf("%d messages of %d bytes, SQS answering in 5 ms\n\n", o.messages, len(p.bodies[0]))
	best, err := bestPollers(ctx, p, o)
	if err != nil {
		return err
	}
	bare, bridge := side{Name: "bare", Pollers: best}, side{Name: "bridge", Profile: o.profile}
	results := map[string][]result{}
	for round := range o.rounds {
		order := []side{bare, bridge}
		rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, s := range order {
			r, err := p.repeat(ctx, s)
			if err != nil {
				return fmt.Errorf("round %d, %s: %w", round+1, s.Name, err)
			}
			results[s.Name] = append(results[s.Name], r)
		}
	}
	rates, cpus := printTable(best, results)
	r.AtLeast("rate: bridge / bare loop", report.Median(rates), leastRate)
	r.AtMost("CPU: bridge / bare loop", report.Median(cpus), mostCPU)
	return r.Close()
}

func bestPollers(ctx context.Context, p *parts, o options) (best int, err error) {
	var fastest float64
	for _, n := range o.pollers {
		r, err := p.repeat(ctx, side{Name: "bare", Pollers: n})
		if err != nil {
			return 0, fmt.Errorf("bare loop of %d: %w", n, err)
		}
		fmt.Printf("bare loop of %2d goroutines: %6.0f messages/s\n", n, r.Rate)
		if r.Rate > fastest {
			fastest, best = r.Rate, n
		}
	}
	return best, nil
}

func printTable(best int, results map[string][]result) (rates, cpus []float64) {
	bare, bridge := results["bare"], results["bridge"]
	fmt.Printf("\n%-6s %32s %32s %18s\n", "", fmt.Sprintf("bare loop of %d", best), "bridge", "ratio")
	fmt.Printf("%-6s %16s %15s %16s %15s %9s %8s\n", "round", "messages/s", "CPU ms/1000", "messages/s", "CPU ms/1000", "rate", "CPU")
	for i := range bare {
		rate, cpu := bridge[i].Rate/bare[i].Rate, bridge[i].CPU/bare[i].CPU
		rates, cpus = append(rates, rate), append(cpus, cpu)
		fmt.Printf("%-6d %16.0f %15.1f %16.0f %15.1f %9.2f %8.2f\n", i+1, bare[i].Rate, bare[i].CPU, bridge[i].Rate, bridge[i].CPU, rate, cpu)
	}
	return rates, cpus
}
