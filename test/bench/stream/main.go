// Bench measures the runtime against a bare franz-go loop that consumes,
// decodes, encodes and produces the same records at least once.
//
// Each side runs in a process of its own, and so does the embedded broker. The
// sides take turns in random order within each round; what counts is the ratio
// of two runs of one round. It also measures how long a process needs to
// restore a large state, and what an entry costs in memory.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	records int
	entries int
	rounds  int
	only    string
	profile string
}

func run(ctx context.Context, args []string) error {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&o.records, "records", 2_000_000, "records of 1 KB that a side moves in a run; enough for 10 s")
	flags.IntVar(&o.entries, "entries", 1_000_000, "entries of the restored state")
	flags.IntVar(&o.rounds, "rounds", 3, "rounds; each runs every side once")
	flags.StringVar(&o.only, "only", "", "real, embedded or restore; default all")
	flags.StringVar(&o.profile, "profile", "", "file for a CPU profile of the last stateless run or restore")
	child := flags.String("child", "", "internal: run one side, configured by this JSON")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *child != "" {
		return runChild(ctx, *child)
	}
	if o.only == "" || o.only == "embedded" {
		if err := onEmbedded(ctx, o); err != nil {
			return err
		}
	}
	brokers := os.Getenv("KAFKA_BROKERS")
	if brokers == "" {
		fmt.Println("KAFKA_BROKERS is not set: nothing is measured on a real broker (make bench sets it)")
		return nil
	}
	if o.only == "" || o.only == "real" {
		if err := compareAll(ctx, o, "real Kafka", strings.Split(brokers, ",")); err != nil {
			return err
		}
	}
	if o.only == "" || o.only == "restore" {
		return measureRestore(ctx, o, strings.Split(brokers, ","))
	}
	return nil
}

func onEmbedded(ctx context.Context, o options) error {
	brokers, stop, err := startBroker(ctx)
	if err != nil {
		return err
	}
	defer stop()
	return compareAll(ctx, o, "embedded Kafka", brokers)
}

func compareAll(ctx context.Context, o options, where string, brokers []string) error {
	for _, compact := range []bool{true, false} {
		if err := compare(ctx, o, where, brokers, compact); err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
	}
	return nil
}

// sides are what a round runs; the first is the baseline.
var sides = []string{"bare", "stateless", "stateful"}

// compare runs the rounds of one payload on one broker and prints the ratios.
func compare(ctx context.Context, o options, where string, brokers []string, compact bool) error {
	payload := "incompressible"
	if compact {
		payload = "compressible"
	}
	base := job{Brokers: brokers, Prefix: fmt.Sprintf("bench-%d.", time.Now().UnixNano()), Records: o.records, Compact: compact}
	defer removeTopics(brokers, base.topic(input), base.topic(deadLetters))
	if err := makeTopics(ctx, brokers, base.topic(input), base.topic(deadLetters)); err != nil {
		return err
	}
	if err := load(ctx, base); err != nil {
		return fmt.Errorf("write the input: %w", err)
	}
	rates, cpus := make(map[string][]float64), make(map[string][]float64)
	for round := range o.rounds {
		var one [3]outcome
		for _, i := range rand.Perm(len(sides)) {
			j := base
			j.Side, j.Run = sides[i], fmt.Sprint(sides[i], "-", round)
			if j.Side == "stateless" {
				j.Profile = o.profile
			}
			result, err := measureRun(ctx, j)
			if err != nil {
				return fmt.Errorf("%s: %w", j.Side, err)
			}
			one[i] = result
			if result.Seconds < 10 {
				fmt.Printf("  (%s took %.1f s; below 10 s a run says little: raise -records)\n", j.Side, result.Seconds)
			}
		}
		for i, side := range sides {
			rates[side] = append(rates[side], (float64(o.records)/one[i].Seconds)/(float64(o.records)/one[0].Seconds))
			cpus[side] = append(cpus[side], one[i].CPU/one[0].CPU)
		}
		fmt.Printf("  %s, %s: bare %s, stateless %s, stateful %s records/s\n", where, payload, rate(o, one[0]), rate(o, one[1]), rate(o, one[2]))
	}
	fmt.Printf("%-15s %-15s exactly once, stateless: %.2f of the bare loop's rate (want 0.80), %.2f of its CPU\n", where, payload, median(rates["stateless"]), median(cpus["stateless"]))
	fmt.Printf("%-15s %-15s exactly once, a state write of 150 bytes per record: %.2f of its rate (want 0.45), %.2f of its CPU\n", where, payload, median(rates["stateful"]), median(cpus["stateful"]))
	return nil
}

func rate(o options, result outcome) string {
	return fmt.Sprintf("%.0fk", float64(o.records)/result.Seconds/1000)
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// measureRestore fills a state topic and restores it.
func measureRestore(ctx context.Context, o options, brokers []string) error {
	j := job{Side: "restore", Run: "restore", Brokers: brokers, Prefix: fmt.Sprintf("bench-%d.", time.Now().UnixNano()), Records: o.entries, Compact: true, Profile: o.profile}
	topics := []string{j.topic(input), j.topic(j.output()), j.topic(j.state()), j.topic(deadLetters)}
	defer removeTopics(brokers, topics...)
	if err := makeTopics(ctx, brokers, topics...); err != nil {
		return err
	}
	if err := loadState(ctx, j); err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	for range o.rounds {
		result, err := runSide(ctx, j)
		if err != nil {
			return fmt.Errorf("restore: %w", err)
		}
		if result.Records != o.entries {
			return fmt.Errorf("restore: %d entries came back of %d", result.Records, o.entries)
		}
		fmt.Printf("restore of %d entries: %.1f s after the assignment (want at most 6) and %.1f s of CPU; %d bytes of memory an entry (want at most 500), %d of them its body\n",
			result.Records, result.Seconds, result.CPU, result.Bytes/uint64(result.Records), stateSize)
	}
	return nil
}

// measureRun runs a side on topics of its own, and looks whether all records
// came out.
func measureRun(ctx context.Context, j job) (outcome, error) {
	topics := []string{j.topic(j.output()), j.topic(j.state())}
	defer removeTopics(j.Brokers, topics...)
	if err := makeTopics(ctx, j.Brokers, topics...); err != nil {
		return outcome{}, err
	}
	result, err := runSide(ctx, j)
	if err != nil {
		return outcome{}, err
	}
	written, err := count(ctx, j.Brokers, j.topic(j.output()))
	if err != nil {
		return outcome{}, fmt.Errorf("count the outputs: %w", err)
	}
	if written != j.Records {
		return outcome{}, fmt.Errorf("%d records came out of %d", written, j.Records)
	}
	return result, nil
}
