package admin_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

func TestMain(m *testing.M) { simulatortest.Main(m) }

func TestAdminFaults(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, nil)
	token := a.Token(simulatortest.SellerToken(1))
	const rule = `{"name":"slow","part":"spapi","operation":"getOrder","times":1,"status":500,"delay":"1ms"}`
	if got := a.Ask(http.MethodPost, "faults", rule); got.Status != http.StatusCreated || got.Body != "{\"id\":1}\n" {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	if got := a.Get(model.Europe, token, simulatortest.OrdersPath+"/111-1111111-1111111"); got.Status != http.StatusInternalServerError {
		t.Errorf("the fault did not fire: %d", got.Status)
	}
	got := a.Ask(http.MethodGet, "faults", "")
	if !strings.Contains(got.Body, `"fired":1`) || !strings.Contains(got.Body, `"delay":"1ms"`) {
		t.Errorf("list: %s", got.Body)
	}
	for _, bad := range []string{`{`, `{"unknown":1}`, `{}`, `{"delay":"soon"}`, strings.Repeat(" ", 9<<20)} {
		if got := a.Ask(http.MethodPost, "faults", bad); got.Status != http.StatusBadRequest {
			t.Errorf("%.20s: %d %s", bad, got.Status, got.Body)
		}
	}
	if got := a.Ask(http.MethodDelete, "faults/1", ""); got.Status != http.StatusNoContent {
		t.Errorf("remove: %d", got.Status)
	}
	if got := a.Ask(http.MethodDelete, "faults/1", ""); got.Status != http.StatusNotFound {
		t.Errorf("remove again: %d", got.Status)
	}
	if got := a.Ask(http.MethodDelete, "faults", ""); got.Status != http.StatusNoContent {
		t.Errorf("clear: %d", got.Status)
	}
}

func TestAdminScenarioAndTruth(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, nil)
	if got := a.Ask(http.MethodPost, "scenario", `{"orders":4,"accounts":["seller-1-de"]}`); got.Status != http.StatusAccepted {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	c := a.SQSClient()
	received := 0
	for received < 4 {
		received += len(a.Receive(c, 10, 30, 20))
	}
	var truth simulator.Truth
	if err := json.Unmarshal([]byte(a.Ask(http.MethodGet, "truth", "").Body), &truth); err != nil || len(truth.Orders) != 4 {
		t.Errorf("%+v, %v", truth, err)
	}
	// One that runs for a day: Close must end it.
	if got := a.Ask(http.MethodPost, "scenario", `{"orders":4,"over":"24h"}`); got.Status != http.StatusAccepted {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	if got := a.Ask(http.MethodPost, "scenario", `{"accounts":["nobody"]}`); got.Status != http.StatusBadRequest {
		t.Errorf("unknown account: %d", got.Status)
	}
}

func TestAdminShowsWhatHappened(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, nil)
	if got := a.Ask(http.MethodPost, "notifications", `{"bodies":["not JSON","{}"]}`); got.Status != http.StatusAccepted {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	if got := a.Ask(http.MethodGet, "queues/"+simulator.DefaultQueue, ""); !strings.Contains(got.Body, `"visible":2`) {
		t.Errorf("queue: %s", got.Body)
	}
	if got := a.Ask(http.MethodGet, "queues/missing", ""); got.Status != http.StatusNotFound {
		t.Errorf("missing queue: %d", got.Status)
	}
	if _, err := a.Put(simulatortest.Entry("{\"id\": \"<1>\"}")); err != nil {
		t.Fatal(err)
	}
	var event simulator.Event
	if err := json.Unmarshal([]byte(a.Ask(http.MethodGet, "events?after=0", "").Body), &event); err != nil || event.Detail != "{\"id\": \"<1>\"}" {
		t.Errorf("event %+v, %v", event, err)
	}
	a.Login(simulatortest.SellerToken(1))
	lines := strings.Split(strings.TrimSpace(a.Ask(http.MethodGet, "ledger?part=lwa&account=seller-1-de", "").Body), "\n")
	var call simulator.Call
	if err := json.Unmarshal([]byte(lines[0]), &call); err != nil || len(lines) != 1 || call.Operation != "token" || call.Status != 200 {
		t.Errorf("ledger %v, %v", lines, err)
	}
	if strings.Contains(lines[0], "Atzr|") || strings.Contains(lines[0], "new-secret") {
		t.Errorf("the ledger holds a secret: %s", lines[0])
	}
	if got := a.Ask(http.MethodGet, "ledger?after=x", ""); got.Status != http.StatusBadRequest {
		t.Errorf("after=x: %d", got.Status)
	}
	if got := a.Ask(http.MethodGet, "counts", ""); !strings.Contains(got.Body, `"operation":"PutEvents","calls":1`) {
		t.Errorf("counts: %s", got.Body)
	}
}

// TestAdminGuide holds the guide to what the endpoint takes: each of its
// examples works, and it explains each field that a request may have.
func TestAdminGuide(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, func(c *simulator.Config) { c.SKUs = 50 })
	guide := a.Ask(http.MethodGet, "", "")
	if guide.Status != http.StatusOK || !strings.Contains(guide.Body, simulator.Guide(a.URLs.Admin)) {
		t.Fatalf("%d %s", guide.Status, guide.Body)
	}
	examples := regexp.MustCompile(`(?m)^  curl (?:-s|-X (POST|DELETE)) '?(http://[^ '\n]+)'?(?: -d '(.*)')?`).FindAllStringSubmatch(guide.Body, -1)
	if curls := strings.Count(guide.Body, "curl "); len(examples) != curls {
		t.Errorf("%d examples are understood of %d", len(examples), curls)
	}
	for _, e := range examples {
		method := e[1]
		if method == "" {
			method = http.MethodGet
		}
		if got := a.Do(a.Request(method, e[2], e[3])); got.Status >= 300 {
			t.Errorf("%s: %d %s", e[0], got.Status, got.Body)
		}
	}
	for _, path := range []string{"faults", "scenario", "notifications", "updates", "quantities"} {
		got := a.Ask(http.MethodPost, path, `{"latency": 1}`)
		_, list, found := strings.Cut(got.Body, "its fields are ")
		list, _, _ = strings.Cut(list, ";")
		if got.Status != http.StatusBadRequest || !found || !strings.Contains(got.Body, "latency") {
			t.Errorf("%s: %d %s", path, got.Status, got.Body)
		}
		for field := range strings.SplitSeq(list, ", ") {
			if !regexp.MustCompile(`\b` + field + `\b`).MatchString(guide.Body) {
				t.Errorf("the guide does not explain %q of %s", field, path)
			}
		}
	}
}

func TestLedgerIsBounded(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, func(c *simulator.Config) { c.CallsKept = 3 })
	for range 5 {
		a.Login(simulatortest.SellerToken(1))
	}
	calls := a.Ledger.Calls(simulator.Filter{Part: simulator.LWA})
	if len(calls) != 3 || calls[0].Sequence != 3 || calls[2].Sequence != 5 || a.Ledger.Dropped() != 2 {
		t.Errorf("%d dropped, kept %+v", a.Ledger.Dropped(), calls)
	}
	if counts := a.Ledger.Counts(); counts[0].Calls != 5 || counts[0].Applied != 5 {
		t.Errorf("counts %+v", counts)
	}
}
