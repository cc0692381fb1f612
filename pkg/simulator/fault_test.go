package simulator_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

func (a *amazon) fault(r simulator.Rule) int {
	a.t.Helper()
	id, err := a.Faults.Add(r)
	if err != nil {
		a.t.Fatal(err)
	}
	return id
}

func TestFaultStatus(t *testing.T) {
	t.Parallel()
	a := start(t, nil)
	token := a.token(sellerToken(1))
	path := ordersV1 + "/" + a.order(german)
	a.fault(simulator.Rule{Operation: "getOrder", Account: american, Action: simulator.Action{Status: 500}})
	a.fault(simulator.Rule{Name: "outage", Operation: "getOrder", Account: german, Skip: 1, Times: 2, Action: simulator.Action{Status: 503}})
	var got []int
	for range 4 {
		got = append(got, a.get(model.Europe, token, path).status)
	}
	if got[0] != 200 || got[1] != 503 || got[2] != 503 || got[3] != 200 {
		t.Errorf("statuses %v", got)
	}
	calls := a.Ledger.Calls(simulator.Filter{Operation: "getOrder"})
	if c := calls[1]; c.Fault != "outage" || c.Applied || !c.Answered || c.Status != 503 || c.Account != german {
		t.Errorf("ledger: %+v", c)
	}
	rules := a.Faults.List()
	if rules[0].Fired != 0 || rules[1].Fired != 2 || rules[1].Matched != 4 {
		t.Errorf("rules: %+v", rules)
	}
}

// A lost answer was applied, a dropped call was not.
func TestFaultCutsTheConnection(t *testing.T) {
	t.Parallel()
	a := start(t, withBus)
	for name, action := range map[string]simulator.Action{"lost": {LoseAnswer: true}, "dropped": {Drop: true}} {
		id := a.fault(simulator.Rule{Name: name, Part: simulator.EventBridge, Action: action})
		if out, err := a.put(entry(`{"id":"` + name + `"}`)); err == nil {
			t.Errorf("%s: answered %+v", name, out)
		}
		a.Faults.Remove(id)
	}
	events, _ := a.Events(0)
	if len(events) != 1 || events[0].Detail != `{"id":"lost"}` || events[0].Answered {
		t.Errorf("events %+v", events)
	}
	for _, c := range a.Ledger.Calls(simulator.Filter{Part: simulator.EventBridge}) {
		if c.Answered || c.Applied != (c.Fault == "lost") {
			t.Errorf("ledger: %+v", c)
		}
	}
}

func TestFaultEntries(t *testing.T) {
	t.Parallel()
	a := start(t, withBus)
	a.fault(simulator.Rule{Operation: "PutEvents", Action: simulator.Action{Entries: []int{1}, EntryCode: "ThrottlingException"}})
	out, err := a.put(entry(`{"id":"0"}`), entry(`{"id":"1"}`), entry(`{"id":"2"}`))
	if err != nil || out.FailedEntryCount != 1 || *out.Entries[1].ErrorCode != "ThrottlingException" {
		t.Fatalf("%+v, %v", out, err)
	}
	if events, _ := a.Events(0); len(events) != 2 || events[1].Detail != `{"id":"2"}` {
		t.Errorf("events %+v", events)
	}
}

func TestFaultDelayHeaderAndSlowBody(t *testing.T) {
	t.Parallel()
	a := start(t, nil)
	token := a.token(sellerToken(1))
	path := ordersV1 + "/" + a.order(german)
	plain := a.get(model.Europe, token, path)
	a.fault(simulator.Rule{Part: simulator.SPAPI, Action: simulator.Action{
		Delay: 20 * time.Millisecond, SlowBody: 20 * time.Millisecond,
		Header: map[string]string{"x-amzn-RateLimit-Limit": "0.1"},
	}})
	started := time.Now()
	got := a.get(model.Europe, token, path)
	if took := time.Since(started); took < 40*time.Millisecond {
		t.Errorf("it took only %v", took)
	}
	if got.body != plain.body || got.header.Get("x-amzn-RateLimit-Limit") != "0.1" {
		t.Errorf("%v %s", got.header, got.body)
	}
}

func TestFaultWindowAndProbability(t *testing.T) {
	t.Parallel()
	clock := newManual()
	a := start(t, func(c *simulator.Config) { c.Clock = clock })
	a.fault(simulator.Rule{Part: simulator.LWA, From: clock.Now().Add(time.Minute), Until: clock.Now().Add(2 * time.Minute), Action: simulator.Action{Status: 503}})
	for i, want := range []int{200, 503, 200} {
		if got := a.login(sellerToken(1)); got.status != want {
			t.Errorf("minute %d: %d", i, got.status)
		} else if want == 503 && !strings.Contains(got.body, `"error":"temporarily_unavailable"`) {
			t.Errorf("LWA's own shape: %s", got.body)
		}
		clock.advance(time.Minute)
	}
	a.Faults.Clear()
	a.fault(simulator.Rule{Part: simulator.LWA, Probability: 0.5, Action: simulator.Action{Status: 503}})
	failed := 0
	for range 100 {
		if a.login(sellerToken(1)).status != http.StatusOK {
			failed++
		}
	}
	if failed < 25 || failed > 75 { // the seed is fixed, so this does not vary
		t.Errorf("%d of 100 failed at a probability of 0.5", failed)
	}
}

func TestFaultRulesAreChecked(t *testing.T) {
	t.Parallel()
	a := start(t, nil)
	for _, r := range []simulator.Rule{
		{},
		{Part: "s3", Action: simulator.Action{Drop: true}},
		{Probability: 2, Action: simulator.Action{Drop: true}},
		{Action: simulator.Action{Status: 99}},
		{Skip: -1, Action: simulator.Action{Drop: true}},
	} {
		if _, err := a.Faults.Add(r); err == nil {
			t.Errorf("accepted %+v", r)
		}
	}
}

// An odd answer is Amazon's own with something wrong in it: another type, a missing
// member, another order, a huge text, or gzip that nobody announces.
func TestFaultOddAnswer(t *testing.T) {
	t.Parallel()
	a := start(t, nil)
	token := a.token(sellerToken(1))
	id := a.order(german)
	huge := strings.Repeat("x", 1<<20)
	for name, test := range map[string]struct {
		action   simulator.Action
		has, not string
	}{
		"type":    {simulator.Action{Replace: map[string]any{"quantityOrdered": "two"}}, `"quantityOrdered":"two"`, huge},
		"missing": {simulator.Action{Replace: map[string]any{"createdTime": nil}}, id, `"createdTime"`},
		"another": {simulator.Action{Replace: map[string]any{"orderId": "999-1234567-1234567"}}, `"orderId":"999-1234567-1234567"`, `"orderId":"` + id},
		"huge":    {simulator.Action{Replace: map[string]any{"title": huge}}, `"title":"` + huge, "null"},
		"gzip":    {simulator.Action{Gzip: true}, "\x1f\x8b", id},
	} {
		rule := a.fault(simulator.Rule{Operation: "getOrder", Action: test.action})
		got := a.get(model.Europe, token, ordersV1+"/"+id)
		if got.status != http.StatusOK || !strings.Contains(got.body, test.has) || strings.Contains(got.body, test.not) || got.header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %d %.300s", name, got.status, got.body)
		}
		a.Faults.Remove(rule)
	}
}
