package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/sellerstream/sellerstream/test/bench/internal/stage"
)

// latency is EventBridge's.
const latency = 30 * time.Millisecond

// bus is an EventBridge that takes every entry, and counts them.
type bus struct {
	url    string
	server *http.Server

	mu      sync.Mutex
	entries int
	grown   chan struct{} // closed at the next request
}

func startBus() (*bus, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &bus{url: "http://" + listener.Addr().String(), grown: make(chan struct{})}
	b.server = &http.Server{Handler: b}
	go func() { _ = b.server.Serve(listener) }()
	return b, nil
}

func (b *bus) close() { _ = b.server.Close() }

func (b *bus) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	time.Sleep(latency)
	n := bytes.Count(body, []byte(`"DetailType"`))
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_, _ = io.WriteString(w, `{"FailedEntryCount":0,"Entries":[`+strings.TrimSuffix(strings.Repeat(`{"EventId":"11710aed-b79e-4468-a20b-bb3c0c3b4860"},`, n), ",")+`]}`)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entries += n
	close(b.grown)
	b.grown = make(chan struct{})
}

// outcome is what a side did.
type outcome struct {
	rate float64 // events of a second
	cpu  float64 // milliseconds of CPU time of an event
}

// side runs a side until so many events have arrived.
func (b *bus) side(ctx context.Context, t task, events int) (o outcome, err error) {
	t.Events = events
	before := b.count()
	err = stage.Measure(ctx, t, func(side *stage.Remote) error {
		if err := b.await(ctx, before+events/5); err != nil {
			return err
		}
		began, first := time.Now(), b.count()
		used, err := side.Usage()
		if err != nil {
			return err
		}
		if err := b.await(ctx, before+events); err != nil {
			return err
		}
		took, n := time.Since(began), float64(b.count()-first)
		usage, err := side.Usage()
		o = outcome{rate: n / took.Seconds(), cpu: (usage.CPU - used.CPU).Seconds() * 1000 / n}
		return err
	})
	if sent := b.count() - before; err == nil && sent != events {
		err = fmt.Errorf("%d events arrived, want each of %d once", sent, events)
	}
	return o, err
}

func (b *bus) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.entries
}

// await waits until so many entries have arrived.
func (b *bus) await(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for {
		b.mu.Lock()
		have, grown := b.entries, b.grown
		b.mu.Unlock()
		if have >= n {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d events arrived: %w", have, n, ctx.Err())
		}
	}
}
