package fault_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

func TestMain(m *testing.M) { simulatortest.Main(m) }

func TestFaultStatus(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, nil)
	token := a.Token(simulatortest.SellerToken(1))
	path := simulatortest.OrdersPath + "/" + a.Order(simulatortest.German)
	a.Fault(simulator.Rule{Operation: "getOrder", Account: simulatortest.American, Action: simulator.Action{Status: 500}})
	a.Fault(simulator.Rule{Name: "outage", Operation: "getOrder", Account: simulatortest.German, Skip: 1, Times: 2, Action: simulator.Action{Status: 503}})
	var got []int
	for range 4 {
		got = append(got, a.Get(model.Europe, token, path).Status)
	}
	if got[0] != 200 || got[1] != 503 || got[2] != 503 || got[3] != 200 {
		t.Errorf("statuses %v", got)
	}
	calls := a.Ledger.Calls(simulator.Filter{Operation: "getOrder"})
	if c := calls[1]; c.Fault != "outage" || c.Applied || !c.Answered || c.Status != 503 || c.Account != simulatortest.German {
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
	a := simulatortest.Start(t, nil)
	for name, action := range map[string]simulator.Action{"lost": {LoseAnswer: true}, "dropped": {Drop: true}} {
		id := a.Fault(simulator.Rule{Name: name, Part: simulator.EventBridge, Action: action})
		if out, err := a.Put(simulatortest.Entry(`{"id":"` + name + `"}`)); err == nil {
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
	a := simulatortest.Start(t, nil)
	a.Fault(simulator.Rule{Operation: "PutEvents", Action: simulator.Action{Entries: []int{1}, EntryCode: "ThrottlingException"}})
	out, err := a.Put(simulatortest.Entry(`{"id":"0"}`), simulatortest.Entry(`{"id":"1"}`), simulatortest.Entry(`{"id":"2"}`))
	if err != nil || out.FailedEntryCount != 1 || *out.Entries[1].ErrorCode != "ThrottlingException" {
		t.Fatalf("%+v, %v", out, err)
	}
	if events, _ := a.Events(0); len(events) != 2 || events[1].Detail != `{"id":"2"}` {
		t.Errorf("events %+v", events)
	}
}

func TestFaultDelayHeaderAndSlowBody(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, nil)
	token := a.Token(simulatortest.SellerToken(1))
	path := simulatortest.OrdersPath + "/" + a.Order(simulatortest.German)
	plain := a.Get(model.Europe, token, path)
	a.Fault(simulator.Rule{Part: simulator.SPAPI, Action: simulator.Action{
		Delay: 20 * time.Millisecond, SlowBody: 20 * time.Millisecond,
		Header: map[string]string{"x-amzn-RateLimit-Limit": "0.1"},
	}})
	started := time.Now()
	got := a.Get(model.Europe, token, path)
	if took := time.Since(started); took < 40*time.Millisecond {
		t.Errorf("it took only %v", took)
	}
	if got.Body != plain.Body || got.Header.Get("x-amzn-RateLimit-Limit") != "0.1" {
		t.Errorf("%v %s", got.Header, got.Body)
	}
}

func TestFaultWindowAndProbability(t *testing.T) {
	t.Parallel()
	clock := simulatortest.NewClock()
	a := simulatortest.Start(t, func(c *simulator.Config) { c.Clock = clock })
	a.Fault(simulator.Rule{Part: simulator.LWA, From: clock.Now().Add(time.Minute), Until: clock.Now().Add(2 * time.Minute), Action: simulator.Action{Status: 503}})
	for i, want := range []int{200, 503, 200} {
		if got := a.Login(simulatortest.SellerToken(1)); got.Status != want {
			t.Errorf("minute %d: %d", i, got.Status)
		} else if want == 503 && !strings.Contains(got.Body, `"error":"temporarily_unavailable"`) {
			t.Errorf("LWA's own shape: %s", got.Body)
		}
		clock.Advance(time.Minute)
	}
	a.Faults.Clear()
	a.Fault(simulator.Rule{Part: simulator.LWA, Probability: 0.5, Action: simulator.Action{Status: 503}})
	failed := 0
	for range 100 {
		if a.Login(simulatortest.SellerToken(1)).Status != http.StatusOK {
			failed++
		}
	}
	if failed < 25 || failed > 75 { // the seed is fixed, so this does not vary
		t.Errorf("%d of 100 failed at a probability of 0.5", failed)
	}
}

func TestFaultRulesAreChecked(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, nil)
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
	a := simulatortest.Start(t, nil)
	token := a.Token(simulatortest.SellerToken(1))
	id := a.Order(simulatortest.German)
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
		rule := a.Fault(simulator.Rule{Operation: "getOrder", Action: test.action})
		got := a.Get(model.Europe, token, simulatortest.OrdersPath+"/"+id)
		if got.Status != http.StatusOK || !strings.Contains(got.Body, test.has) || strings.Contains(got.Body, test.not) || got.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %d %.300s", name, got.Status, got.Body)
		}
		a.Faults.Remove(rule)
	}
}
