package integration

import (
	"context"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/test/process"
)

const (
	// grace is terminationGracePeriodSeconds of the Helm chart.
	grace = 60 * time.Second
	// rolloutOrders keep the accounts busy for the whole rollout.
	rolloutOrders = 240
)

// rolloutRate is about what the load asks for, so that buckets are low when they
// are handed over.
var rolloutRate = simulator.Rate{PerSecond: 8, Burst: 8}

// TestRollout replaces two processes one after the other, as the chart's
// Deployment does, while their accounts' quotas are in use: a new process is
// ready before an old one is told to stop, and the old one is gone within its
// grace. Nothing is lost, sent twice or throttled.
func TestRollout(t *testing.T) {
	rates := map[string]simulator.Rate{"getOrder": rolloutRate}
	e := newEnvironmentWith(t, simulator.Config{Rates: rates}, process.Config{Rates: rates})
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience) // two handovers more than others
	defer cancel()
	old := []*pod{e.startPod(t), e.startPod(t)}
	for _, p := range old {
		p.awaitReady(ctx, t)
	}
	loaded := make(chan error, 1)
	go func() {
		loaded <- e.amazon.Run(ctx, simulator.Scenario{Orders: rolloutOrders, Changes: 2, Over: 20 * time.Second, Duplicates: 0.2, Reordered: 0.2})
	}()
	e.carryOn(t)
	if _, err := e.amazon.Ledger.Await(ctx, simulator.Filter{Part: simulator.SPAPI, Operation: "getOrder"}, rolloutOrders/8); err != nil {
		t.Fatal(err)
	}

	began := e.amazon.Ledger.Calls(simulator.Filter{Part: simulator.SPAPI, Operation: "getOrder"})
	var fresh []*pod
	for _, p := range old {
		next := e.startPod(t)
		next.awaitReady(ctx, t)
		fresh = append(fresh, next)
		p.drain(ctx, t)
	}
	calls := e.amazon.Ledger.Calls(simulator.Filter{Part: simulator.SPAPI, Operation: "getOrder"})
	if len(calls)-len(began) < rolloutOrders/8 {
		t.Errorf("%d calls were made during the rollout: there was too little load to show anything", len(calls)-len(began))
	}
	for _, a := range e.amazon.Accounts() {
		t.Logf("%s: the longest pause between two calls was %v", a.ID, longestPause(calls, a.ID).Round(time.Millisecond))
	}
	if err := <-loaded; err != nil {
		t.Fatal(err)
	}
	e.finish(ctx, t, fresh[0].Process) // stops it: the other has its accounts then
	if err := fresh[1].Stop(grace); err != nil {
		t.Errorf("stop the last process: %v", err)
	}
	e.check(ctx, t, time.Time{})
}

// pod is a process with an admin port, as Kubernetes sees it.
type pod struct {
	*process.Process
	ready string // URL
}

func (e *environment) startPod(t *testing.T) *pod {
	t.Helper()
	settings := e.settings
	settings.Admin = freeAddress(t)
	config, err := settings.Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &pod{e.startWith(t, config), "http://" + settings.Admin + "/readyz"}
}

// freeAddress is one on which nobody listens now.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// status is what the readiness probe gets; 0 where nobody answers.
func (p *pod) status() int {
	client := http.Client{Timeout: time.Second}
	answer, err := client.Get(p.ready)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

const probeInterval = 20 * time.Millisecond

// awaitReady probes, as Kubernetes does, until the process is ready.
func (p *pod) awaitReady(ctx context.Context, t *testing.T) {
	t.Helper()
	ctx, cancel := p.Watch(ctx)
	defer cancel()
	for probe := time.NewTicker(probeInterval); p.status() != http.StatusOK; {
		select {
		case <-probe.C:
		case <-ctx.Done():
			t.Fatalf("a process did not become ready: %v", context.Cause(ctx))
		}
	}
}

// drain stops the process in order. From the first probe on that finds it not
// ready it must never be ready again.
func (p *pod) drain(ctx context.Context, t *testing.T) {
	t.Helper()
	began := time.Now()
	stopped := make(chan error, 1)
	go func() { stopped <- p.Stop(grace) }()
	var seen []int
	for probe := time.NewTicker(probeInterval); ; {
		select {
		case err := <-stopped:
			if err != nil {
				t.Fatalf("drain: %v", err)
			}
			seen = slices.Compact(seen)
			t.Logf("a process was gone %v after SIGTERM; readiness went %v", time.Since(began).Round(time.Millisecond), seen)
			if first := slices.Index(seen, http.StatusServiceUnavailable); first < 0 {
				t.Error("no probe found the process not ready while it drained")
			} else if slices.Contains(seen[first:], http.StatusOK) {
				t.Error("the process was ready again while it drained")
			}
			return
		case <-probe.C:
			seen = append(seen, p.status())
		case <-ctx.Done():
			t.Fatal(context.Cause(ctx))
		}
	}
}

// longestPause is the longest time between two of an account's calls.
func longestPause(calls []simulator.Call, account string) time.Duration {
	var last time.Time
	longest := time.Duration(0)
	for _, c := range calls {
		if c.Account != account {
			continue
		}
		if !last.IsZero() {
			longest = max(longest, c.Time.Sub(last))
		}
		last = c.Time
	}
	return longest
}
