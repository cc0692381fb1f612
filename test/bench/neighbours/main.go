// Command neighbours measures whether an account that is throttled, or whose
// credentials are refused, slows down the accounts that share its partition:
// from the SQS message to the event at EventBridge, with the bad account and
// without it, in turns within each round of one run of the pipeline. The built
// binary, as a process of its own, on an embedded Kafka.
//
//	go run ./test/bench/neighbours
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator"
)

func main() {
	rounds := flag.Int("rounds", 5, "rounds; each measures the neighbours alone and beside each bad account")
	orders := flag.Int("orders", 500, "orders of the neighbours in each measurement")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *rounds, *orders); err != nil {
		fmt.Fprintln(os.Stderr, "neighbours:", err)
		os.Exit(1)
	}
}

// trouble is what an account can have. A rule without action means no trouble.
type trouble struct {
	name string
	rule simulator.Rule
}

const alone = "alone"

func troubles() []trouble {
	return []trouble{
		{alone, simulator.Rule{}},
		{"throttled", simulator.Rule{Part: simulator.SPAPI, Action: simulator.Action{Status: 429}}},
		{"refused", simulator.Rule{Part: simulator.LWA, Action: simulator.Action{
			Status: 400, Body: `{"error":"invalid_grant","error_description":"The refresh token is revoked."}`,
		}}},
	}
}

func run(ctx context.Context, rounds, orders int) error {
	s, err := newStage(ctx, rounds)
	if err != nil {
		return err
	}
	defer s.close()
	if _, err := s.measure(ctx, trouble{name: alone}, 500); err != nil { // tokens, connections and groups come first
		return s.explain(err)
	}
	fmt.Printf("%-6s %20s %28s %28s\n", "ms", alone, "beside a throttled account", "beside a refused account")
	fmt.Printf("%-6s %10s %9s %9s %9s %8s %9s %9s %8s\n", "round", "p50", "p99", "p50", "p99", "ratio", "p50", "p99", "ratio")
	ratios := map[string][]float64{}
	for round := range rounds {
		list := troubles()
		rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		times := map[string][]time.Duration{}
		for _, t := range list {
			if times[t.name], err = s.measure(ctx, t, orders); err != nil {
				return s.explain(fmt.Errorf("round %d, %s: %w", round+1, t.name, err))
			}
		}
		fmt.Printf("%-6d %10.1f %9.1f", round+1, ms(times[alone], 50), ms(times[alone], 99))
		for _, name := range []string{"throttled", "refused"} {
			ratio := ms(times[name], 99) / ms(times[alone], 99)
			ratios[name] = append(ratios[name], ratio)
			fmt.Printf(" %9.1f %9.1f %8.2f", ms(times[name], 50), ms(times[name], 99), ratio)
		}
		fmt.Println()
	}
	fmt.Printf("median ratio of the p99: throttled %.2f, refused %.2f; target ≤ 1.10\n", median(ratios["throttled"]), median(ratios["refused"]))
	return nil
}

// ms is the smallest time, in milliseconds, that p percent of the times do not exceed.
func ms(times []time.Duration, p int) float64 {
	sorted := slices.Sorted(slices.Values(times))
	return float64(sorted[max(0, (len(sorted)*p+99)/100-1)].Microseconds()) / 1000
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}
