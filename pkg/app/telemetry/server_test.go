package telemetry

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type fakeHealth struct {
	hung      error
	readiness Readiness
}

func (h *fakeHealth) Alive() error         { return h.hung }
func (h *fakeHealth) Readiness() Readiness { return h.readiness }

// get asks a server and closes the connection, so that no goroutine stays.
func get(t *testing.T, url string) (status int, body string) {
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

func serve(t *testing.T, h Health, profiles bool) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	t.Cleanup(Serve(listener, NewHandler(h, New("v1", testCodes()).Handler(log), profiles), log))
	return "http://" + listener.Addr().String()
}

func TestLivezFailsOnlyWhenSomethingHangs(t *testing.T) {
	t.Parallel()
	h := &fakeHealth{readiness: ReadinessOf(Starting, nil)} // that nothing is ready is no reason to be restarted
	url := serve(t, h, false)
	if status, body := get(t, url+"/livez"); status != http.StatusOK || body != "ok\n" {
		t.Errorf("%d %q", status, body)
	}
	h.hung = errors.New("a unit hangs")
	if status, body := get(t, url+"/livez"); status != http.StatusServiceUnavailable || !strings.Contains(body, "a unit hangs") {
		t.Errorf("%d %q", status, body)
	}
}

func TestReadyzWantsEveryRole(t *testing.T) {
	t.Parallel()
	h := &fakeHealth{}
	url := serve(t, h, false)
	up, waits := Role{Name: "orders", Ready: true}, Role{Name: "feeds", WaitsFor: "2 of 3 units to be restored"}
	for _, test := range []struct {
		phase string
		roles []Role
		want  bool
	}{
		{Starting, nil, false},
		{Running, []Role{up, waits}, false},
		{Running, []Role{up}, true},
		{Draining, []Role{up}, false},
	} {
		h.readiness = ReadinessOf(test.phase, test.roles)
		status, body := get(t, url+"/readyz")
		var got Readiness
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatal(err)
		}
		if (status == http.StatusOK) != test.want || got.Ready != test.want || got.Phase != test.phase || len(got.Roles) != len(test.roles) {
			t.Errorf("%s %v: %d %s", test.phase, test.roles, status, body)
		}
	}
	h.readiness = ReadinessOf(Running, []Role{
		{Name: "events", Ready: true, Degraded: "EventBridge refuses"},
		{Name: "orders", Ready: true, Stopped: []stream.Stopped{{Partition: 3}}},
	})
	status, body := get(t, url+"/readyz")
	if want := `"degraded":["events: EventBridge refuses","orders: 1 unit is stopped"]`; status != http.StatusOK || !strings.Contains(body, want) {
		t.Errorf("degraded: %d %s, want %s", status, body, want)
	}
	h.readiness = ReadinessOf(Running, []Role{waits})
	if _, body := get(t, url+"/readyz"); !strings.Contains(body, `{"role":"feeds","ready":false,"waits_for":"2 of 3 units to be restored"}`) {
		t.Errorf("it does not say what is waited for: %s", body)
	}
}

func TestProfilesAreServedOnlyWhereAskedFor(t *testing.T) {
	t.Parallel()
	for profiles, want := range map[bool]int{false: http.StatusNotFound, true: http.StatusOK} {
		url := serve(t, &fakeHealth{}, profiles)
		if status, _ := get(t, url+"/debug/pprof/cmdline"); status != want {
			t.Errorf("profiles %t: status %d", profiles, status)
		}
	}
}
