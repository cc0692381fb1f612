// Package demo owns `sellerstream demo`: the whole pipeline with embedded parts
// and a simulated Amazon in one process, a stretch of business sent through it,
// and an account of what arrived.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sellerstream/sellerstream/pkg/app/pipeline"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Options are a demo's size and the addresses where it shows itself.
type Options struct {
	Orders   int
	Updates  int // of quantities
	Accounts int
	Speed    float64 // of the pipeline's and Amazon's clock
	Exit     bool    // end when the work is done, rather than stay up
	JSON     bool    // print the report as JSON
	Version  string  // of this program

	Out      io.Writer // the report, and what to try next
	Progress io.Writer // everything else
	Terminal bool      // whether Progress can be drawn in place
	Logger   *slog.Logger
}

const (
	watchInterval = 200 * time.Millisecond
	// patience is how long nothing may arrive before the demo gives up. All of
	// it is real time.
	patience = 60 * time.Second
	// settling is how long everything must have been quiet before the end is
	// believed: a second copy of an event would come in this time.
	settling = time.Second

	// searchEvery is how often each account's orders are searched. A run is so short
	// that Amazon's burst lasts for it; usual is one in three minutes.
	searchEvery = time.Minute
	// searchTime is what a search needs to find the last change, since Amazon shows
	// what is two minutes old: orders end as much before the rest.
	searchTime = 3 * time.Minute
)

// Run plays the demo. Its error says which promise of the pipeline was broken,
// or why it could not be played.
func Run(ctx context.Context, opts Options) (err error) {
	start := time.Now()
	s, err := open(ctx, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	s.introduce(opts)

	running, stop := context.WithCancelCause(ctx)
	var parts sync.WaitGroup
	var drained error
	parts.Go(func() {
		drained = pipeline.Run(running, s.settings)
		stop(fmt.Errorf("the pipeline has stopped: %w", drained))
	})
	parts.Go(func() { s.observer.follow(running) })
	parts.Go(func() { s.warehouse.run(running) })
	defer func() {
		stop(errors.New("the demo is over"))
		parts.Wait()
		err = errors.Join(err, drained)
	}()

	report, err := s.play(running, opts, start)
	if err != nil {
		return err
	}
	if err := show(report, opts); err != nil || opts.Exit {
		return errors.Join(err, report.Err())
	}
	s.invite(opts)
	<-running.Done()
	if ctx.Err() == nil {
		return context.Cause(running)
	}
	fmt.Fprintln(opts.Progress, "\nStopping.")
	return report.Err()
}

// play sends the business and watches until all of it has arrived.
func (s *stage) play(ctx context.Context, opts Options, start time.Time) (Report, error) {
	sent := make(chan error, 1)
	go func() {
		group, ctx := errgroup.WithContext(ctx)
		group.Go(func() error { return s.sim.Run(ctx, business(opts)) })
		group.Go(func() error { return s.upstream.run(ctx, stock(opts)) })
		sent <- group.Wait()
	}()
	shown := progress{out: opts.Progress, terminal: opts.Terminal, start: start}
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()

	var last Report
	moved, allSent := time.Now(), false
	for {
		select {
		case err := <-sent:
			if err != nil {
				return Report{}, err
			}
			allSent = true
		case <-ctx.Done():
			return Report{}, context.Cause(ctx)
		case <-ticker.C:
		}
		report, err := s.report()
		if err != nil {
			return Report{}, err
		}
		if !same(report, last) {
			last, moved = report, time.Now()
		}
		shown.show(report)
		idle, err := s.observer.idle()
		if err != nil {
			return Report{}, err
		}
		quiet := time.Since(moved)
		if allSent && (idle && report.complete() && quiet > settling || quiet > patience) {
			report.ElapsedSeconds = time.Since(start).Round(time.Millisecond).Seconds()
			report.Speed = opts.Speed
			return report, nil
		}
	}
}

// report is how far everything is.
func (s *stage) report() (Report, error) {
	said, err := s.warehouse.shipped()
	if err != nil {
		return Report{}, err
	}
	return s.observer.report(s.upstream.planned(), said)
}

// same reports whether nothing moved between two reports. Searches never end.
func same(a, b Report) bool {
	calls := func(r Report) (n int) {
		for _, count := range r.SPAPI.Calls {
			n += count
		}
		return n - r.SPAPI.Calls[model.SearchOrders]
	}
	return a.Recovered == b.Recovered && a.Orders == b.Orders && a.Inventory == b.Inventory && a.Shipments == b.Shipments && a.Cancellations == b.Cancellations && a.DeadLetters == b.DeadLetters && calls(a) == calls(b)
}

// business is what happens at Amazon: orders that are placed and change, told
// as disorderly as Amazon tells it.
func business(opts Options) simulator.Scenario {
	return simulator.Scenario{
		Orders: opts.Orders, Changes: 2, Over: stretch - searchTime,
		Duplicates: 0.2, Reordered: 0.1, Dropped: 0.05, BuyerRequests: 0.05, ByAmazon: amazonShips, SellerShips: sellerShips,
	}
}

func show(r Report, opts Options) error {
	if opts.JSON {
		return r.WriteJSON(opts.Out)
	}
	return r.WriteText(opts.Out)
}
