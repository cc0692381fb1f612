package simulator_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

func (a *amazon) admin(method, path, body string) reply {
	a.t.Helper()
	return a.do(a.request(method, a.urls.Admin+"/_simulator/"+path, body))
}

func TestAdminFaults(t *testing.T) {
	t.Parallel()
	a := start(t, nil)
	token := a.token(sellerToken(1))
	const rule = `{"name":"slow","part":"spapi","operation":"getOrder","times":1,"status":500,"delay":"1ms"}`
	if got := a.admin(http.MethodPost, "faults", rule); got.status != http.StatusCreated || got.body != "{\"id\":1}\n" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := a.get(model.Europe, token, ordersV1+"/111-1111111-1111111"); got.status != http.StatusInternalServerError {
		t.Errorf("the fault did not fire: %d", got.status)
	}
	got := a.admin(http.MethodGet, "faults", "")
	if !strings.Contains(got.body, `"fired":1`) || !strings.Contains(got.body, `"delay":"1ms"`) {
		t.Errorf("list: %s", got.body)
	}
	for _, bad := range []string{`{`, `{"unknown":1}`, `{}`, `{"delay":"soon"}`, strings.Repeat(" ", 9<<20)} {
		if got := a.admin(http.MethodPost, "faults", bad); got.status != http.StatusBadRequest {
			t.Errorf("%.20s: %d %s", bad, got.status, got.body)
		}
	}
	if got := a.admin(http.MethodDelete, "faults/1", ""); got.status != http.StatusNoContent {
		t.Errorf("remove: %d", got.status)
	}
	if got := a.admin(http.MethodDelete, "faults/1", ""); got.status != http.StatusNotFound {
		t.Errorf("remove again: %d", got.status)
	}
	if got := a.admin(http.MethodDelete, "faults", ""); got.status != http.StatusNoContent {
		t.Errorf("clear: %d", got.status)
	}
}

func TestAdminScenarioAndTruth(t *testing.T) {
	t.Parallel()
	a := start(t, nil)
	if got := a.admin(http.MethodPost, "scenario", `{"orders":4,"accounts":["seller-1-de"]}`); got.status != http.StatusAccepted {
		t.Fatalf("%d %s", got.status, got.body)
	}
	c := a.sqsClient()
	received := 0
	for received < 4 {
		received += len(a.receive(c, 10, 30, 20))
	}
	var truth simulator.Truth
	if err := json.Unmarshal([]byte(a.admin(http.MethodGet, "truth", "").body), &truth); err != nil || len(truth.Orders) != 4 {
		t.Errorf("%+v, %v", truth, err)
	}
	// One that runs for a day: Close must end it.
	if got := a.admin(http.MethodPost, "scenario", `{"orders":4,"over":"24h"}`); got.status != http.StatusAccepted {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := a.admin(http.MethodPost, "scenario", `{"accounts":["nobody"]}`); got.status != http.StatusBadRequest {
		t.Errorf("unknown account: %d", got.status)
	}
}

func TestAdminShowsWhatHappened(t *testing.T) {
	t.Parallel()
	a := start(t, withBus)
	if got := a.admin(http.MethodPost, "notifications", `{"bodies":["not JSON","{}"]}`); got.status != http.StatusAccepted {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := a.admin(http.MethodGet, "queues/"+simulator.DefaultQueue, ""); !strings.Contains(got.body, `"visible":2`) {
		t.Errorf("queue: %s", got.body)
	}
	if got := a.admin(http.MethodGet, "queues/missing", ""); got.status != http.StatusNotFound {
		t.Errorf("missing queue: %d", got.status)
	}
	if _, err := a.put(entry("{\"id\": \"<1>\"}")); err != nil {
		t.Fatal(err)
	}
	var event simulator.Event
	if err := json.Unmarshal([]byte(a.admin(http.MethodGet, "events?after=0", "").body), &event); err != nil || event.Detail != "{\"id\": \"<1>\"}" {
		t.Errorf("event %+v, %v", event, err)
	}
	a.login(sellerToken(1))
	lines := strings.Split(strings.TrimSpace(a.admin(http.MethodGet, "ledger?part=lwa&account=seller-1-de", "").body), "\n")
	var call simulator.Call
	if err := json.Unmarshal([]byte(lines[0]), &call); err != nil || len(lines) != 1 || call.Operation != "token" || call.Status != 200 {
		t.Errorf("ledger %v, %v", lines, err)
	}
	if strings.Contains(lines[0], "Atzr|") || strings.Contains(lines[0], "new-secret") {
		t.Errorf("the ledger holds a secret: %s", lines[0])
	}
	if got := a.admin(http.MethodGet, "ledger?after=x", ""); got.status != http.StatusBadRequest {
		t.Errorf("after=x: %d", got.status)
	}
	if got := a.admin(http.MethodGet, "counts", ""); !strings.Contains(got.body, `"operation":"PutEvents","calls":1`) {
		t.Errorf("counts: %s", got.body)
	}
}

// TestAdminGuide holds the guide to what the endpoint takes: each of its
// examples works, and it explains each field that a request may have.
func TestAdminGuide(t *testing.T) {
	t.Parallel()
	a := start(t, func(c *simulator.Config) { c.SKUs = 50 })
	guide := a.admin(http.MethodGet, "", "")
	if guide.status != http.StatusOK || !strings.Contains(guide.body, simulator.Guide(a.urls.Admin)) {
		t.Fatalf("%d %s", guide.status, guide.body)
	}
	examples := regexp.MustCompile(`(?m)^  curl (?:-s|-X (POST|DELETE)) '?(http://[^ '\n]+)'?(?: -d '(.*)')?`).FindAllStringSubmatch(guide.body, -1)
	if curls := strings.Count(guide.body, "curl "); len(examples) != curls {
		t.Errorf("%d examples are understood of %d", len(examples), curls)
	}
	for _, e := range examples {
		method := e[1]
		if method == "" {
			method = http.MethodGet
		}
		if got := a.do(a.request(method, e[2], e[3])); got.status >= 300 {
			t.Errorf("%s: %d %s", e[0], got.status, got.body)
		}
	}
	for _, path := range []string{"faults", "scenario", "notifications", "updates"} {
		got := a.admin(http.MethodPost, path, `{"latency": 1}`)
		_, list, found := strings.Cut(got.body, "its fields are ")
		list, _, _ = strings.Cut(list, ";")
		if got.status != http.StatusBadRequest || !found || !strings.Contains(got.body, "latency") {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
		for field := range strings.SplitSeq(list, ", ") {
			if !regexp.MustCompile(`\b` + field + `\b`).MatchString(guide.body) {
				t.Errorf("the guide does not explain %q of %s", field, path)
			}
		}
	}
}

func TestLedgerIsBounded(t *testing.T) {
	t.Parallel()
	a := start(t, func(c *simulator.Config) { c.CallsKept = 3 })
	for range 5 {
		a.login(sellerToken(1))
	}
	calls := a.Ledger.Calls(simulator.Filter{Part: simulator.LWA})
	if len(calls) != 3 || calls[0].Sequence != 3 || calls[2].Sequence != 5 || a.Ledger.Dropped() != 2 {
		t.Errorf("%d dropped, kept %+v", a.Ledger.Dropped(), calls)
	}
	if counts := a.Ledger.Counts(); counts[0].Calls != 5 || counts[0].Applied != 5 {
		t.Errorf("counts %+v", counts)
	}
}
