package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/test/bench/internal/stage"
	"github.com/sellerstream/sellerstream/test/process"
)

// roleProcess is a process with some of the roles.
type roleProcess struct {
	*process.Process
	roles []string
	admin string
}

// surround tells the pipeline of the simulated Amazon.
func (l *line) surround(t task) error {
	var urls simulator.URLs
	if err := l.amazon.Call("Amazon.URLs", struct{}{}, &urls); err != nil {
		return err
	}
	l.Surround(urls, simulator.Sellers(t.Accounts, stage.Application().Name))
	l.Pipeline.Partitions = 12
	l.Pipeline.More = "inventory: {linger: 2s, seen_within: 0s, defaults: {fba: allow}}\n" // which is for full feeds of new SKUs, where tokens are few
	l.Pipeline.Rates = paced()
	l.Pipeline.Rates["createFeed/JSON_LISTINGS_FEED"] = fast()
	return nil
}

// start starts a process and waits until it is ready.
func (l *line) start(ctx context.Context, roles []string) (*roleProcess, error) {
	admin, err := stage.FreeAddress()
	if err != nil {
		return nil, err
	}
	l.Pipeline.Admin = admin
	p, err := l.Start(ctx, "--roles", strings.Join(roles, ","))
	if err != nil {
		return nil, err
	}
	for begun := time.Now(); ; {
		if _, err = stage.Get(ctx, admin, "/readyz"); err == nil {
			return &roleProcess{p, roles, admin}, nil
		}
		select {
		case <-p.Exited:
			return nil, fmt.Errorf("%v ended by itself:\n%s", roles, p.Log())
		case <-time.After(50 * time.Millisecond):
		}
		if time.Since(begun) > time.Minute {
			return nil, fmt.Errorf("%v is not ready after a minute: %w\n%s", roles, err, p.Log())
		}
	}
}

// await waits until what Amazon has seen is enough.
func (l *line) await(ctx context.Context, patience time.Duration, enough func(Counts) bool) error {
	for begun := time.Now(); ; {
		var counts Counts
		if err := l.amazon.Call("Amazon.Counts", struct{}{}, &counts); err != nil {
			return err
		}
		if enough(counts) {
			return nil
		}
		if time.Since(begun) > patience {
			return errors.Join(fmt.Errorf("not all came out within %v: %+v", patience, counts), l.logs())
		}
		if err := clock.Sleep(ctx, clock.Real{}, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// logs is what the processes said last.
func (l *line) logs() error {
	var faults []error
	for _, p := range l.roles {
		log := p.Log()
		faults = append(faults, fmt.Errorf("%v:\n%s", p.roles, log[max(0, len(log)-2000):]))
	}
	return errors.Join(faults...)
}

// sample is what is known at a moment.
type sample struct {
	at      time.Time
	counts  Counts
	metrics stage.Metrics   // of all processes
	usage   []process.Usage // of each process
	amazon  process.Usage
	own     process.Usage
	kafka   process.Usage // zero where KAFKA_PID does not say which process it is
	used    time.Duration // CPU time of the whole machine
	had     time.Duration
}

func (l *line) sample(ctx context.Context) (s sample, err error) {
	s = sample{at: time.Now(), metrics: stage.Metrics{}}
	if err := l.amazon.Call("Amazon.Counts", struct{}{}, &s.counts); err != nil {
		return s, err
	}
	for _, p := range l.roles {
		m, err := stage.ReadMetrics(ctx, p.admin)
		if err != nil {
			return s, errors.Join(err, l.logs())
		}
		for name, value := range m {
			s.metrics[name] += value
		}
		usage, err := p.Usage()
		if err != nil {
			return s, err
		}
		s.usage = append(s.usage, usage)
	}
	if s.amazon, err = l.amazon.Usage(); err != nil {
		return s, err
	}
	if s.own, err = process.UsageOf(os.Getpid()); err != nil {
		return s, err
	}
	if pid, err := strconv.Atoi(os.Getenv("KAFKA_PID")); err == nil {
		if s.kafka, err = process.UsageOf(pid); err != nil {
			return s, err
		}
	}
	s.used, s.had, err = stage.Machine()
	return s, err
}

// work is what was seen in a stretch of time.
type work struct {
	line    *line
	samples []sample // the first at its beginning, the last at its end
}

// observe lets a time pass, and samples for another.
func (l *line) observe(ctx context.Context, before, during time.Duration) (*work, error) {
	if err := clock.Sleep(ctx, clock.Real{}, before); err != nil {
		return nil, err
	}
	w := &work{line: l}
	return w, w.sampleUntil(ctx, func(s sample) bool { return s.at.Sub(w.samples[0].at) >= during })
}

// sampleUntil samples every two seconds until the last one is the end.
func (w *work) sampleUntil(ctx context.Context, end func(sample) bool) error {
	for {
		s, err := w.line.sample(ctx)
		if err != nil {
			return err
		}
		if w.samples = append(w.samples, s); end(s) {
			return nil
		}
		if err := clock.Sleep(ctx, clock.Real{}, 2*time.Second); err != nil {
			return err
		}
	}
}

func (w *work) first() *sample   { return &w.samples[0] }
func (w *work) last() *sample    { return &w.samples[len(w.samples)-1] }
func (w *work) seconds() float64 { return w.last().at.Sub(w.first().at).Seconds() }

// grown is how much a number that only grows has grown.
func (w *work) grown(of func(sample) float64) float64 { return of(*w.last()) - of(*w.first()) }

// rate is that in a second.
func (w *work) rate(of func(sample) float64) float64 { return w.grown(of) / w.seconds() }

// mean is a number's mean over the samples.
func (w *work) mean(of func(sample) float64) (sum float64) {
	for _, s := range w.samples {
		sum += of(s)
	}
	return sum / float64(len(w.samples))
}

// busy is the share of the machine's CPU time that somebody used.
func (w *work) busy() float64 {
	return (w.last().used - w.first().used).Seconds() / (w.last().had - w.first().had).Seconds()
}

// metric reads a metric of ours out of a sample.
func metric(name string, pairs ...string) func(sample) float64 {
	return func(s sample) float64 { return s.metrics.Sum(name, pairs...) }
}

// inFlight is how many calls of an operation are under way at Amazon, on average: what
// they took together, in a second.
func (w *work) inFlight(operation string) float64 {
	return w.rate(func(s sample) float64 { return s.counts.Calls[operation].Busy.Seconds() })
}
