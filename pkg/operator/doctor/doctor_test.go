package doctor_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sellerstream/sellerstream/pkg/app/pipeline"
	"github.com/sellerstream/sellerstream/pkg/operator/doctor"
	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAHealthySetup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settle(t)
	w.config.Accounts[0].Role = "arn:aws:iam::123456789012:role/sp-api"
	w.config.AWS.STSEndpoint = serve(t, grantSTS)
	report := w.examine(t)
	if report.Count(doctor.OK) != len(report.Results)-1 || !report.Healthy() {
		t.Errorf("not everything but the permission of PutEvents is ok\n%s", table(report, true))
	}
	// Each question was asked once, and no other.
	for _, a := range w.Accounts() {
		for _, operation := range []string{model.GetSubscriptions, model.GetSubscription} {
			if n := len(w.Ledger.Calls(simulator.Filter{Operation: operation, Account: a.ID})); n != 1 {
				t.Errorf("%d calls of %s for %s", n, operation, a.ID)
			}
		}
	}
	if text := table(report, false); strings.Contains(text, german) || !strings.Contains(text, "accounts: all 3 are well") {
		t.Errorf("accounts that are well are listed\n%s", text)
	}
}

func grantSTS(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err == nil && r.Form.Get("Action") == "GetCallerIdentity" {
		denySTS(w, r)
		return
	}
	_, _ = w.Write([]byte(`<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId>
<SecretAccessKey>canary-role</SecretAccessKey><SessionToken>canary-session</SessionToken>
<Expiration>` + time.Now().Add(time.Hour).UTC().Format(time.RFC3339) + `</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`))
}

func TestOnlyOneAccountIsExamined(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.options = func(o *doctor.Options) { o.Account = british }
	w.config.Accounts[0].RefreshToken = literal("Atzr|" + canary + "-wrong")
	report := w.examine(t)
	if !report.Healthy() {
		t.Errorf("another account's fault was found\n%s", table(report, true))
	}
	for _, c := range w.Ledger.Calls(simulator.Filter{}) {
		if (c.Part == simulator.SPAPI || c.Part == simulator.LWA) && c.Account != "" && c.Account != british {
			t.Errorf("a call for another account: %+v", c)
		}
	}
	if n := len(w.Ledger.Calls(simulator.Filter{Operation: model.GetDestinations})); n != 1 {
		t.Errorf("%d calls of getDestinations", n)
	}
}

func TestAThrottledCallIsNotMadeAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, operation := range []string{model.GetSubscriptions, model.GetDestinations} {
		simulatortest.Fault(t, w.Simulator, simulator.Rule{Part: simulator.SPAPI, Operation: operation, Action: simulator.Action{
			Status: http.StatusTooManyRequests, Header: map[string]string{"Retry-After": "1"},
		}})
	}
	before := w.Ledger.Throttled()
	settings := pipeline.Settings{Config: w.config, Clock: clock.Real{}}
	report := doctor.Run(t.Context(), doctor.Options{Config: w.config, Parts: pipeline.DoctorOptions(settings).Parts, Clock: clock.Real{}, TransactionalPrefix: "tx"})
	if n := w.Ledger.Throttled() - before; n != 5 {
		t.Errorf("%d calls were throttled, want one for each of 3 accounts and 2 regions", n)
	}
	for _, check := range []string{"grantless call eu", "seller call"} {
		if !slices.ContainsFunc(report.Results, func(r doctor.Result) bool {
			return r.Check == check && r.Status == doctor.Skipped && strings.Contains(r.Found, "run doctor again in a few seconds")
		}) {
			t.Errorf("%s was throttled, and is not skipped\n%s", check, table(report, false))
		}
	}
	if !report.Healthy() {
		t.Errorf("what was throttled has failed\n%s", table(report, false))
	}
}

func TestEventBridgeIsTriedOnlyWhenTold(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		action simulator.Action
		status doctor.Status
		says   string
	}{
		"allowed": {simulator.Action{Delay: 1}, doctor.OK, "events:PutEvents is allowed"},
		"denied": {simulator.Action{Status: 400, Body: `{"__type":"AccessDeniedException","message":"User: us is not authorized to perform: events:PutEvents"}`},
			doctor.Failed, "allow events:PutEvents on arn:aws:events:eu-west-1:000000000000:event-bus/orders"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.options = func(o *doctor.Options) { o.TryEvents = true }
			simulatortest.Fault(t, w.Simulator, simulator.Rule{Part: simulator.EventBridge, Operation: "PutEvents", Action: test.action})
			report := w.examine(t)
			i := slices.IndexFunc(report.Results, func(r doctor.Result) bool { return r.Check == "permission" })
			if got := report.Results[i]; got.Status != test.status || !strings.Contains(got.Found+got.Fix, test.says) {
				t.Errorf("got %+v", got)
			}
			if events, _ := w.Events(0); len(events) != 0 {
				t.Errorf("an event was made: %+v", events)
			}
		})
	}
}

// TestTimeEnds holds Amazon's answers back until the time is over.
func TestTimeEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	simulatortest.Fault(t, w.Simulator, simulator.Rule{Part: simulator.LWA, Action: simulator.Action{Delay: time.Hour}})
	ctx, cancel := context.WithTimeoutCause(t.Context(), 3*time.Second, errors.New("the time of 3s is over"))
	defer cancel()
	var told []string
	settings := pipeline.Settings{Config: w.config, Clock: clock.Real{}}
	report := doctor.Run(ctx, doctor.Options{
		Config: w.config, Parts: pipeline.DoctorOptions(settings).Parts, Clock: clock.Real{}, TransactionalPrefix: "tx",
		Progress: func(part, name string, _ doctor.Status) { told = append(told, strings.TrimSpace(part+" "+name)) },
	})
	if report.Took > 30*time.Second {
		t.Errorf("it took %s", report.Took)
	}
	i := slices.IndexFunc(report.Results, func(r doctor.Result) bool { return r.Check == "client secret" })
	if got := report.Results[i]; got.Status != doctor.Skipped || !strings.Contains(got.Found, "the time of 3s is over") {
		t.Errorf("got %+v", got)
	}
	if !report.Healthy() {
		t.Errorf("what was cut off has failed\n%s", table(report, false))
	}
	if !slices.Contains(told, "kafka") || !slices.Contains(told, "accounts 3") || !slices.Contains(told, "queue "+simulator.DefaultQueue) {
		t.Errorf("progress told of %q", told)
	}
}
