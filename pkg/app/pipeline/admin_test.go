package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/app/telemetry"
	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
	"github.com/sellerstream/sellerstream/pkg/simulator"
)

func TestATakenAdminPortNamesTheKey(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, err = ListenAdmin(config.Admin{Listen: taken.Addr().String()})
	if err == nil || !strings.Contains(err.Error(), "admin.listen: "+taken.Addr().String()+" is taken by another process: write another address or off") {
		t.Errorf("got %v", err)
	}
	if listener, err := ListenAdmin(config.Admin{Listen: "off"}); listener != nil || err != nil {
		t.Errorf("off: got %v, %v", listener, err)
	}
}

// withAdmin makes the pipeline serve health and metrics, and returns their URL.
func withAdmin(t *testing.T, s *Settings) (url string) {
	t.Helper()
	listener, err := ListenAdmin(config.Admin{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	s.Admin = listener
	return "http://" + listener.Addr().String()
}

// ask reads one of the admin port's pages.
func ask(t *testing.T, url string) (status int, body string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// readiness reads /readyz.
func readiness(t *testing.T, url string) (status int, r telemetry.Readiness) {
	t.Helper()
	status, body := ask(t, url+"/readyz")
	if err := json.Unmarshal([]byte(body), &r); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return status, r
}

// awaitReadiness reads /readyz until it is so.
func awaitReadiness(t *testing.T, url, what string, so func(telemetry.Readiness) bool) int {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		status, r := readiness(t, url)
		if so(r) {
			return status
		}
		if time.Now().After(deadline) {
			t.Fatalf("never %s: %+v", what, r)
		}
	}
}

// TestReadyzFollowsThePipeline to its work and through a drain that a call holds
// up. Meanwhile /metrics must agree with what Amazon and EventBridge have seen.
func TestReadyzFollowsThePipeline(t *testing.T) {
	t.Parallel()
	e := newEstate(t, 2, "", clock.Real{})
	account, bad := e.sim.Accounts()[0].ID, e.sim.Accounts()[1].ID
	e.configure(account, "bad "+bad)
	var url string
	e.run(func(s *Settings) {
		url = withAdmin(t, s)
		s.Config.Admin.AccountMetrics = []string{account}
		s.Config.Cancellations.Enabled = true
	})
	status := awaitReadiness(t, url, "ready", func(r telemetry.Readiness) bool { return r.Ready && len(r.Roles) == len(Roles()) })
	if status != http.StatusOK {
		t.Errorf("/readyz when ready: %d", status)
	}
	for range 3 {
		e.order(account)
	}
	e.order(bad)
	if err := e.sim.Send(simulator.DefaultQueue, "not JSON"); err != nil {
		t.Fatal(err)
	}
	e.events(account, 3)
	e.log.await(e.ctx, t, "breaker opened")
	checkMetrics(t, e, url, account)

	// A call that Amazon does not answer holds the drain up.
	if _, err := e.sim.Faults.Add(simulator.Rule{Operation: "getOrder", Account: account, Action: simulator.Action{Delay: 3 * time.Second}}); err != nil {
		t.Fatal(err)
	}
	e.order(account)
	for e.sim.Faults.List()[0].Fired == 0 { // the call has begun
		time.Sleep(time.Millisecond)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); e.end() }()
	status = awaitReadiness(t, url, "draining", func(r telemetry.Readiness) bool { return r.Phase == telemetry.Draining })
	if status != http.StatusServiceUnavailable {
		t.Errorf("/readyz while it drains: %d", status)
	}
	if status, _ := ask(t, url+"/livez"); status != http.StatusOK {
		t.Errorf("/livez while it drains: %d", status)
	}
	<-ended
}

// checkMetrics holds a scrape against the simulator's ledger.
func checkMetrics(t *testing.T, e *estate, url, account string) {
	t.Helper()
	want := map[string]float64{
		`calls_total{operation="getOrder",outcome="done"}`:             float64(e.calls("getOrder", account)),
		`events_total{detail_type="OrderChanged",outcome="published"}`: 3,
		`event_latency_seconds_count`:                                  3,
		`bridge_messages_total{outcome="forwarded"}`:                   4,
		`bridge_messages_total{outcome="dead_lettered"}`:               1,
		`dead_letters_total{reason="not_json",role="bridge"}`:          1,
		`breakers{scope="account",state="open"}`:                       1,
		`units{role="orders",state="restored"}`:                        float64(e.settings().Config.Kafka.Partitions),
		`pending{role="orders"}`:                                       1, // the bad account's
		`account_pending{account="` + account + `",role="orders"}`:     0,
		`consumer_lag_records{role="orders",topic="order-changes"}`:    0,
		`consumer_lag_records{role="events",topic="orders"}`:           0,
		`role_up{role="subscriptions"}`:                                1,
	}
	var wrong []string
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		_, text := ask(t, url+"/metrics")
		wrong = nil
		for name, n := range want {
			if sample := fmt.Sprintf("sellerstream_%s %v", name, n); !strings.Contains(text, "\n"+sample+"\n") && n != 0 ||
				n == 0 && regexp.MustCompile(`\nsellerstream_`+regexp.QuoteMeta(name)+` [^0]`).MatchString(text) {
				wrong = append(wrong, sample)
			}
		}
		if len(wrong) == 0 {
			return
		}
	}
	_, text := ask(t, url+"/metrics")
	t.Errorf("the metrics never say %v:\n%s", wrong, text)
}

// odd are units that hang, by partition, or are stopped.
type odd struct {
	hung    []int32
	stopped []stream.Stopped
}

func (o odd) Hung(time.Duration) []int32 { return o.hung }
func (o odd) Stopped() []stream.Stopped  { return o.stopped }

func TestAHungUnitIsNamed(t *testing.T) {
	t.Parallel()
	h := newHealth()
	h.processors = map[Role]units{Orders: odd{}, Feeds: odd{hung: []int32{3, 7}}}
	if err := h.Alive(); err == nil || err.Error() != "role feeds: the units of partitions [3 7] have not turned for 1m0s" {
		t.Errorf("got %v", err)
	}
	h.processors[Feeds] = odd{}
	if err := h.Alive(); err != nil {
		t.Errorf("got %v", err)
	}
}

// TestAStoppedUnitIsNamedAndRestartsNothing: the process is alive and ready, and
// both probes say which unit stands still and what heals it.
func TestAStoppedUnitIsNamedAndRestartsNothing(t *testing.T) {
	t.Parallel()
	h := newHealth()
	h.phase = telemetry.Running
	h.roles = []runner{{name: Orders, waitsFor: func() string { return "" }}}
	stopped := stream.Stopped{Role: "orders", Partition: 3, Reason: stream.PositionLost, Cause: "the position 7 is not in the log", Remedy: "run `sellerstream replay --reset`"}
	h.processors = map[Role]units{Orders: odd{stopped: []stream.Stopped{stopped}}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer telemetry.Serve(listener, telemetry.NewHandler(h, http.NotFoundHandler(), false), slog.New(slog.DiscardHandler))()
	for _, path := range []string{"/livez", "/readyz"} {
		status, body := ask(t, "http://"+listener.Addr().String()+path)
		if status != http.StatusOK {
			t.Errorf("%s: %d", path, status)
		}
		for _, part := range []string{"orders", "3", stopped.Cause, "sellerstream replay --reset"} {
			if !strings.Contains(body, part) {
				t.Errorf("%s does not say %q: %s", path, part, body)
			}
		}
	}
}

// TestStartingIsAliveAndNotReady: an outage of Kafka must not restart anything.
func TestStartingIsAliveAndNotReady(t *testing.T) {
	t.Parallel()
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	s := Settings{Config: config.Default(), Clock: clock.Real{}, Logger: slog.New(slog.DiscardHandler)}
	s.Config.Kafka.Brokers = []string{nobody.Addr().String()}
	url := withAdmin(t, &s)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, s) }()
	if status, r := readiness(t, url); status != http.StatusServiceUnavailable || r.Phase != telemetry.Starting {
		t.Errorf("/readyz: %d %+v", status, r)
	}
	if status, body := ask(t, url+"/livez"); status != http.StatusOK {
		t.Errorf("/livez: %d %s", status, body)
	}
	stop()
	if err := <-ended; err == nil {
		t.Error("a start that was broken off says nothing")
	}
}
