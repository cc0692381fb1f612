// Command neighbours measures whether an account that is throttled, or whose
// credentials are refused, slows down the accounts that share its partition:
// from the SQS message to the event at EventBridge, with the bad account and
// without it, in turns within each round of one run of the pipeline. The built
// binary, as a process of its own, on an embedded Kafka. A phase counts only if the
// simulator's ledger shows that what it names happened while its orders passed.
//
//	go run ./test/bench/neighbours
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"time"

	"github.com/sellerstream/sellerstream/test/bench/internal/report"
)

// worst is the target: p99 beside a bad account over p99 alone.
const worst = 1.1

func main() {
	rounds := flag.Int("rounds", 5, "rounds; each measures the neighbours alone and beside each bad account")
	orders := flag.Int("orders", 1000, "orders of the neighbours in each measurement")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *rounds, *orders); err != nil {
		fmt.Fprintln(os.Stderr, "neighbours:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, rounds, orders int) (err error) {
	s, err := newStage(ctx, rounds)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	r, err := report.Open(ctx, "neighbours", s.Brokers...)
	if err != nil {
		return err
	}
	if _, err := s.measure(ctx, alone, 500); err != nil { // connections and groups come first
		return s.explain(err)
	}
	fmt.Printf("%-6s %20s %28s %28s\n", "ms", alone, "beside a throttled account", "beside a refused account")
	fmt.Printf("%-6s %10s %9s %9s %9s %8s %9s %9s %8s\n", "round", "p50", "p99", "p50", "p99", "ratio", "p50", "p99", "ratio")
	ratios, p99s := map[string][]float64{}, map[string][]float64{}
	for round := range rounds {
		list := []string{alone, throttled, refused}
		rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		times := map[string][]time.Duration{}
		for _, name := range list {
			if times[name], err = s.measure(ctx, name, orders); err != nil {
				return s.explain(fmt.Errorf("round %d, %s: %w", round+1, name, err))
			}
			p99s[name] = append(p99s[name], report.Percentile(times[name], 99))
		}
		first := report.Percentile(times[alone], 99)
		fmt.Printf("%-6d %10.1f %9.1f", round+1, report.Percentile(times[alone], 50), first)
		for _, name := range []string{throttled, refused} {
			p99 := report.Percentile(times[name], 99)
			ratios[name] = append(ratios[name], p99/first)
			fmt.Printf(" %9.1f %9.1f %8.2f", report.Percentile(times[name], 50), p99, p99/first)
		}
		fmt.Println()
	}
	r.Value("p99 alone ms", report.Median(p99s[alone]))
	for _, name := range []string{throttled, refused} {
		r.AtMost("p99 beside a "+name+" account / alone", report.Median(ratios[name]), worst)
	}
	return r.Close()
}
