package executor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/runtime/blame"
	"github.com/sellerstream/sellerstream/pkg/runtime/breaker"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is an executor against the simulator, with three accounts: "good",
// "revoked", whose refresh token Amazon does not take, and "rotated", whose
// application's client secret it does not take any more.
type bench struct {
	*Executor
	amazon *simulatortest.Amazon
	log    bytes.Buffer
	order  string // an order of "good"
}

func newBench(t *testing.T) *bench {
	t.Helper()
	sellers := make([]simulator.Account, 0, 3)
	for _, name := range []string{"good", "revoked", "rotated"} {
		sellers = append(sellers, simulator.Account{
			Account: account.Account{
				ID: name, SellerID: "A" + strings.ToUpper(name), Region: model.Europe,
				Application: "main", Marketplaces: []string{"A1PA6795UKMFR9"},
			},
			RefreshToken: "Atzr|canary-" + name,
		})
	}
	amazon := simulatortest.Start(t, func(c *simulator.Config) {
		c.Applications = []simulator.Application{{Name: "main", ClientID: "client", ClientSecrets: []string{"canary-secret"}}}
		c.Accounts = sellers
	})
	client, err := spapi.New(spapi.Config{LWAEndpoint: amazon.URLs.LWA, Endpoints: amazon.URLs.SPAPI, Timeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	b := &bench{amazon: amazon, order: amazon.Order("good")}
	logger := slog.New(slog.NewTextHandler(&b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	b.Executor = New(func(name string) (*spapi.Seller, error) {
		token, secret := "Atzr|canary-"+name, "canary-secret"
		switch name {
		case "revoked":
			token = "Atzr|canary-another"
		case "rotated":
			secret = "canary-old-secret"
		case "good":
		default:
			return nil, fmt.Errorf("account %s is not configured", name)
		}
		return client.Seller(spapi.SellerConfig{
			Account: name, Region: model.Europe, RefreshToken: secrets.Literal(secrets.New(token)),
			Application: spapi.Application{Name: "main", ClientID: "client", ClientSecret: secrets.Literal(secrets.New(secret))},
		})
	}, breaker.New(clock.Real{}, logger), new(blame.Tally), clock.Real{}, logger)
	return b
}

func (b *bench) getOrder(ctx context.Context, account, order string) machine.Result {
	return b.Execute(ctx, machine.Call{
		Account: account, Operation: model.GetOrder, Key: "k",
		Request: &model.GetOrderRequest{OrderID: order, IncludedData: []string{model.IncludeFulfillment}},
	})
}

func TestDone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	res := b.getOrder(t.Context(), "good", b.order)
	done, ok := res.Outcome.(machine.Done)
	if !ok {
		t.Fatalf("%+v", res.Outcome)
	}
	if got := done.Response.(*model.GetOrderResponse).Order; got.OrderID != b.order || got.Fulfillment == nil || got.LastUpdatedTime.IsZero() {
		t.Errorf("%+v", got)
	}
	if res.RateLimit != 0.5 || res.Call.Key != "k" {
		t.Errorf("%+v", res)
	}
	calls := b.amazon.Ledger.Calls(simulator.Filter{Part: simulator.SPAPI})
	if len(calls) != 1 || calls[0].Status != 200 || b.log.Len() != 0 {
		t.Errorf("ledger %+v, log %s", calls, b.log.String())
	}
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	spapiStatus := func(status int) simulator.Rule {
		return simulator.Rule{Part: simulator.SPAPI, Action: simulator.Action{Status: status}}
	}
	for _, test := range []struct {
		name    string
		account string
		rule    simulator.Rule
		order   string
		want    machine.Outcome // without its error
		logged  string          // level
	}{
		{name: "throttled", rule: spapiStatus(429), want: machine.Snooze{Throttled: true}, logged: "WARN"},
		{
			name: "the application is throttled", rule: simulator.Rule{Part: simulator.SPAPI, Action: simulator.Action{
				Status: 429, Body: `{"errors":[{"code":"QuotaExceeded","message":"The frequency of requests was greater than what is allowed for the application."}]}`,
			}},
			want: machine.Snooze{Throttled: true, Application: true}, logged: "WARN",
		},
		{name: "unavailable", rule: spapiStatus(503), want: machine.Retry{}, logged: "DEBUG"},
		{name: "forbidden", rule: spapiStatus(403), want: machine.Reject{}, logged: "DEBUG"},
		{name: "invalid", rule: spapiStatus(400), want: machine.Reject{}, logged: "DEBUG"},
		{name: "unknown order", order: "999-9999999-9999999", want: machine.Reject{}, logged: "DEBUG"},
		{name: "connection cut", rule: simulator.Rule{Part: simulator.SPAPI, Action: simulator.Action{Drop: true}}, want: machine.Retry{}, logged: "DEBUG"},
		{name: "answer lost", rule: simulator.Rule{Part: simulator.SPAPI, Action: simulator.Action{LoseAnswer: true}}, want: machine.Retry{}, logged: "DEBUG"},
		{name: "refresh token refused", account: "revoked", want: machine.Park{}, logged: "ERROR"},
		{name: "client secret refused", account: "rotated", want: machine.Park{}, logged: "ERROR"},
		{name: "account not configured", account: "stranger", want: machine.Park{}, logged: "ERROR"},
		{name: "LWA down", rule: simulator.Rule{Part: simulator.LWA, Action: simulator.Action{Status: 503}}, want: machine.Snooze{For: tokenPause, Unspent: true}, logged: "DEBUG"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			if test.rule.Part != "" {
				b.amazon.Fault(test.rule)
			}
			if test.account == "" {
				test.account = "good"
			}
			if test.order == "" {
				test.order = b.order
			}
			res := b.getOrder(t.Context(), test.account, test.order)
			got, err := withoutError(res.Outcome)
			if !reflect.DeepEqual(got, test.want) {
				t.Fatalf("%T %+v, want %T", res.Outcome, res.Outcome, test.want)
			}
			log := b.log.String()
			if err == nil || !strings.Contains(log, "level="+test.logged) || !strings.Contains(log, "account="+test.account) || !strings.Contains(log, "key=k ") {
				t.Errorf("error %v, log %s", err, log)
			}
			if strings.Contains(log, "canary") {
				t.Errorf("a secret is in the log: %s", log)
			}
		})
	}
}

func withoutError(outcome machine.Outcome) (machine.Outcome, error) {
	switch o := outcome.(type) {
	case machine.Retry:
		return machine.Retry{}, o.Err
	case machine.Snooze:
		return machine.Snooze{For: o.For, Throttled: o.Throttled, Application: o.Application, Unspent: o.Unspent}, o.Err
	case machine.Park:
		return machine.Park{}, o.Err
	case machine.Reject:
		return machine.Reject{}, o.Err
	case machine.Ambiguous:
		return machine.Ambiguous{}, o.Err
	}
	return outcome, nil
}

func TestARefusedOrderCarriesItsRateAndClass(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	res := b.getOrder(t.Context(), "good", "999-9999999-9999999")
	var refusal *model.Error
	if reject, ok := res.Outcome.(machine.Reject); !ok || !errors.As(reject.Err, &refusal) || refusal.Class != model.NotFound || res.RateLimit != 0.5 {
		t.Fatalf("%+v", res)
	}
}

func TestACallWhoseContextHasEndedIsNotMade(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	res := b.getOrder(ctx, "good", b.order)
	if snooze := res.Outcome.(machine.Snooze); !errors.Is(snooze.Err, context.Canceled) || !snooze.Unspent {
		t.Errorf("%+v", res.Outcome)
	}
	if calls := b.amazon.Ledger.Calls(simulator.Filter{}); len(calls) != 0 {
		t.Errorf("calls were made: %+v", calls)
	}
}

func TestAnOpenBreakerMakesNoCall(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.amazon.Fault(simulator.Rule{Part: simulator.SPAPI, Action: simulator.Action{Status: 503}})
	for i := range 5 {
		b.Execute(t.Context(), machine.Call{Account: "good", Operation: model.GetOrder, Key: fmt.Sprint(i), Request: &model.GetOrderRequest{OrderID: b.order}})
	}
	snooze, ok := b.getOrder(t.Context(), "good", b.order).Outcome.(machine.Snooze)
	if !ok || !snooze.Unspent || snooze.For < 4*time.Second || !strings.Contains(snooze.Err.Error(), "the breaker of orders at 127.0.0.1:") {
		t.Errorf("%+v", snooze)
	}
	if calls := b.amazon.Ledger.Calls(simulator.Filter{Part: simulator.SPAPI}); len(calls) != 5 {
		t.Errorf("%d calls, want the 5 that opened it", len(calls))
	}
}

func TestARefusedAccountAsksForOneToken(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if _, ok := b.getOrder(t.Context(), "revoked", b.order).Outcome.(machine.Park); !ok {
		t.Fatal("the account was not parked")
	}
	asked := len(b.amazon.Ledger.Calls(simulator.Filter{Part: simulator.LWA}))
	res := b.Execute(t.Context(), machine.Call{Account: "revoked", Operation: model.GetFeed})
	if snooze, ok := res.Outcome.(machine.Snooze); !ok || !snooze.Unspent || !snooze.Parked || snooze.For < time.Minute {
		t.Errorf("%T %+v", res.Outcome, res.Outcome)
	}
	if again := len(b.amazon.Ledger.Calls(simulator.Filter{Part: simulator.LWA})); again != asked {
		t.Errorf("%d token requests, want the first %d", again, asked)
	}
}

func TestTooManyRetriesWaitLonger(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	call := machine.Call{Account: "good", Operation: model.GetOrder}
	failed := machine.Retry{Err: errors.New("down")}
	retries := 0
	for range 1000 { // what is blamed on an item costs the others nothing
		if b.budgeted(call, failed, blame.Item) != machine.Outcome(failed) {
			t.Fatal("an item's retries are the budget's")
		}
	}
	for b.budgeted(call, failed, blame.Host) == machine.Outcome(failed) {
		if retries++; retries > 100 {
			t.Fatal("there is no end of retries")
		}
	}
	snooze, ok := b.budgeted(call, failed, blame.Host).(machine.Snooze)
	if !ok || snooze.For < 30*time.Second || !snooze.Own || snooze.Unspent || snooze.Throttled || !errors.Is(snooze.Err, failed.Err) {
		t.Errorf("after %d retries: %+v", retries, snooze)
	}
	if got := b.budgeted(call, machine.Ambiguous{}, blame.Host); got != machine.Outcome(machine.Ambiguous{}) {
		t.Errorf("%T: what may have happened must not be called anything else", got)
	}
}

func TestARequestThatNobodyKnowsIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	res := b.Execute(t.Context(), machine.Call{Account: "good", Operation: "getWeather", Request: "sunny?"})
	if _, ok := res.Outcome.(machine.Reject); !ok {
		t.Fatalf("%+v", res.Outcome)
	}
}

// TestEachRequestHasItsCall makes calls that the client refuses by itself.
func TestEachRequestHasItsCall(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for operation, request := range map[string]any{
		model.GetOrder: &model.GetOrderRequest{}, model.CreateFeedDocument: &model.UploadFeedRequest{},
		model.CreateFeed: &model.CreateFeedRequest{}, model.GetFeed: &model.GetFeedRequest{}, model.GetFeeds: &model.GetFeedsRequest{},
		model.CancelFeed: &model.CancelFeedRequest{}, model.GetFeedDocument: &model.ReadFeedReportRequest{},
		model.PatchListingsItem: &model.PatchQuantityRequest{}, model.GetListingsItem: &model.GetListingsItemRequest{},
		model.SearchListingsItems: &model.SearchListingsItemsRequest{}, model.CreateReport: &model.CreateReportRequest{},
		model.GetReport: &model.GetReportRequest{}, model.GetReportDocument: &model.ReadListingsReportRequest{},
	} {
		res := b.Execute(t.Context(), machine.Call{Account: "good", Operation: "?", Request: request})
		reject, ok := res.Outcome.(machine.Reject)
		var refusal *model.Error
		if !ok || !errors.As(reject.Err, &refusal) || refusal.Operation != operation {
			t.Errorf("%s: %+v", operation, res.Outcome)
		}
	}
	if calls := b.amazon.Ledger.Calls(simulator.Filter{}); len(calls) != 0 {
		t.Errorf("calls were made: %+v", calls)
	}
}

func TestWritingCallsAreNeverSimplyRetried(t *testing.T) {
	t.Parallel()
	read, write := machine.Call{Operation: model.GetOrder}, machine.Call{Operation: model.CreateFeed}
	document := machine.Call{Operation: model.CreateFeedDocument}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		name string
		ctx  context.Context
		call machine.Call
		err  error
		want machine.Outcome
	}{
		{"a read in doubt", t.Context(), read, &model.Error{Class: model.Unavailable}, machine.Retry{}},
		{"a read that we stopped", ended, read, &model.Error{Class: model.Unavailable}, machine.Snooze{}},
		{"a write in doubt", t.Context(), write, &model.Error{Class: model.Ambiguous}, machine.Ambiguous{}},
		{"a write that we stopped", ended, write, &model.Error{Class: model.Ambiguous}, machine.Ambiguous{}},
		{"a write without a class", t.Context(), write, errors.New("?"), machine.Ambiguous{}},
		{"a write that was never sent", t.Context(), write, &model.Error{Class: model.Unavailable, TokenMissing: true}, machine.Snooze{For: tokenPause, Unspent: true}},
		{"a write of which nothing was written", t.Context(), write, &model.Error{Class: model.Unavailable, NotSent: true}, machine.Snooze{For: sendPause, Unspent: true}},
		{"a read of which nothing was written", t.Context(), read, &model.Error{Class: model.Unavailable, NotSent: true}, machine.Retry{}},
		{"a write that can be repeated", t.Context(), document, &model.Error{Class: model.Unavailable}, machine.Retry{}},
		{"a read that cannot be read", t.Context(), read, &model.Error{Class: model.Malformed, Status: 200}, machine.Reject{}},
		{"a write whose answer cannot be read", t.Context(), write, &model.Error{Class: model.Malformed, Status: 202}, machine.Ambiguous{}},
		{"a refused item", t.Context(), read, &model.Error{Class: model.Forbidden, Status: 403}, machine.Reject{}},
		{"a refused account", t.Context(), write, &model.Error{Class: model.Forbidden, Status: 403}, machine.Park{}},
		{"a refused application", t.Context(), read, &model.Error{Class: model.Unauthorized, Status: 401, Code: "invalid_client", TokenMissing: true}, machine.Park{}},
		{"a document's host that is not allowed", t.Context(), document, &model.Error{Class: model.Invalid, Setting: "spapi.document_hosts"}, machine.Snooze{For: settingPause}},
		{"a document's URL that has expired", t.Context(), document, &model.Error{Class: model.Unavailable, Status: 403}, machine.Retry{}},
		{"a stale token", t.Context(), write, &model.Error{Class: model.Forbidden, StaleToken: true}, machine.Retry{}},
		{"a wait that was asked for", t.Context(), write, &model.Error{Class: model.Throttled, RetryAfter: time.Minute}, machine.Snooze{For: time.Minute, Throttled: true}},
	} {
		if got, _ := withoutError(Outcome(test.ctx, test.call, test.err)); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %T %+v, want %T", test.name, got, got, test.want)
		}
	}
}
