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
	"strings"
	"syscall"
	"time"

	"github.com/sellerstream/sellerstream/test/bench/internal/report"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "stream:", err)
		os.Exit(1)
	}
}

// The targets: of the bare loop's rate and CPU time for a record, and of the restore.
const (
	statelessRate, statefulRate = 0.8, 0.45
	mostCPU                     = 1.2
	mostRestore                 = 6   // seconds
	mostEntry                   = 500 // bytes
)

// options are the flags.
type options struct {
	report  *report.Report
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
	flags.StringVar(&o.profile, "profile", "", "file for a CPU profile of the last restore; those of the last runs have the payload and the side behind its name")
	child := flags.String("child", "", "internal: run one side, configured by this JSON")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *child != "" {
		return runChild(ctx, *child)
	}
	return measureAll(ctx, o)
}

func measureAll(ctx context.Context, o options) (err error) {
	brokers := strings.FieldsFunc(os.Getenv("KAFKA_BROKERS"), func(c rune) bool { return c == ',' })
	if o.report, err = report.Open(ctx, "stream", brokers...); err != nil {
		return err
	}
	if o.only == "" || o.only == "embedded" {
		if err := onEmbedded(ctx, o); err != nil {
			return err
		}
	}
	if len(brokers) == 0 {
		fmt.Println("KAFKA_BROKERS is not set: nothing is measured on a real broker (make bench sets it)")
		return o.report.Close()
	}
	if o.only == "" || o.only == "real" {
		if err := compareAll(ctx, o, "real Kafka", brokers); err != nil {
			return err
		}
	}
	if o.only == "" || o.only == "restore" {
		if err := measureRestore(ctx, o, brokers); err != nil {
			return err
		}
	}
	return o.report.Close()
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
			if o.profile != "" {
				j.Profile = fmt.Sprint(o.profile, "-", payload, "-", j.Side)
			}
			result, err := measureRun(ctx, j)
			if err != nil {
				return fmt.Errorf("%s: %w", j.Side, err)
			}
			one[i] = result
			if result.Ticks > 0 {
				fmt.Printf("  (%s: %d ticks, each of %.0f records)\n", j.Side, result.Ticks, float64(o.records)/float64(result.Ticks))
			}
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
	targets := map[string]float64{"stateless": statelessRate, "stateful": statefulRate}
	for _, side := range sides[1:] {
		what := fmt.Sprintf("%s, %s, %s / bare loop", where, payload, side)
		o.report.AtLeast("rate: "+what, report.Median(rates[side]), targets[side])
		o.report.AtMost("CPU: "+what, report.Median(cpus[side]), mostCPU)
	}
	return nil
}

func rate(o options, result outcome) string {
	return fmt.Sprintf("%.0fk", float64(o.records)/result.Seconds/1000)
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
	var seconds, bytes []float64
	for range o.rounds {
		result, err := runSide(ctx, j)
		if err != nil {
			return fmt.Errorf("restore: %w", err)
		}
		if result.Records != o.entries {
			return fmt.Errorf("restore: %d entries came back of %d", result.Records, o.entries)
		}
		seconds, bytes = append(seconds, result.Seconds), append(bytes, float64(result.Bytes)/float64(result.Records))
		fmt.Printf("restore of %d entries: %.1f s after the assignment, %.1f s of CPU, %.0f bytes of memory an entry, %d of them its body\n",
			result.Records, result.Seconds, result.CPU, bytes[len(bytes)-1], stateSize)
	}
	o.report.AtMost(fmt.Sprintf("seconds to restore %d entries", o.entries), report.Median(seconds), mostRestore)
	o.report.AtMost("bytes of memory for an entry", report.Median(bytes), mostEntry)
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
