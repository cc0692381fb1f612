package executor

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/runtime/blame"
	"github.com/sellerstream/sellerstream/pkg/runtime/breaker"
	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/spapi"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/long"
)

// plant is accounts that patch SKUs, through the executor's table, tally and breakers
// and through lanes, in virtual time. What is refused is tried again with growing
// waits, as processors do.
type plant struct {
	*Executor
	lanes    *lane.Lanes
	skus     map[string]*skuItem // by key
	log      bytes.Buffer
	alerts   []*schemas.Alert
	calls    map[string]int // at Amazon, by path; LWA's under "lwa"
	slowest  time.Duration  // that a SKU that is well was late
	every    time.Duration  // that a SKU is sent again
	endpoint func(account, sku string) int
	code     func() string // of a refusal
	token    func(account string) int
	refusal  string // LWA's words
	secret   secrets.Source
	role     aws.CredentialsProvider // of all accounts
}

type skuItem struct {
	lane.Item
	account, sku string
	tries        int
	wanted       time.Time
}

const plantApplication = "main"

// RoundTrip is Amazon.
func (p *plant) RoundTrip(req *http.Request) (*http.Response, error) {
	answer := func(status int, body string) (*http.Response, error) {
		header := http.Header{"Content-Type": {"application/json"}}
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
	}
	if req.URL.Path == "/auth/o2/token" {
		p.calls["lwa"]++
		text, _ := io.ReadAll(req.Body)
		_, account, _ := strings.Cut(string(text), "refresh-")
		account, _, _ = strings.Cut(account, "&")
		if status := p.token(account); status != http.StatusOK {
			return answer(status, p.refusal)
		}
		return answer(http.StatusOK, `{"access_token":"access-`+account+`","expires_in":3600}`)
	}
	sku := req.URL.Path[strings.LastIndex(req.URL.Path, "/")+1:]
	account := strings.TrimPrefix(req.Header.Get("x-amz-access-token"), "access-")
	p.calls[account+"/"+sku]++
	p.calls["spapi"]++
	if status := p.endpoint(account, sku); status != http.StatusOK {
		return answer(status, `{"errors":[{"code":"`+p.code()+`","message":"Access to requested resource is denied."}]}`)
	}
	return answer(http.StatusOK, `{"sku":"`+sku+`","status":"ACCEPTED","submissionId":"1","issues":[]}`)
}

func inPlant(t *testing.T, accounts, skus int, test func(t *testing.T, p *plant)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &plant{
			every: time.Minute, skus: map[string]*skuItem{}, calls: map[string]int{},
			endpoint: func(string, string) int { return http.StatusOK }, token: func(string) int { return http.StatusOK },
			code: func() string { return "Unauthorized" }, refusal: `{"error":"server_error"}`, secret: secrets.Literal(secrets.New("s")),
		}
		logger := slog.New(slog.NewTextHandler(&p.log, &slog.HandlerOptions{Level: slog.LevelInfo}))
		breakers := breaker.New(clock.Real{}, logger)
		client, err := spapi.New(spapi.Config{Base: p, Once: p, Login: breakers.Login})
		if err != nil {
			t.Fatal(err)
		}
		p.Executor = New(func(account string) (*spapi.Seller, error) {
			return client.Seller(spapi.SellerConfig{
				Account: account, Region: model.Europe, RefreshToken: secrets.Literal(secrets.New("refresh-" + account)),
				Application: spapi.Application{Name: plantApplication, ClientID: "client", ClientSecret: p.secret}, Credentials: p.role,
			})
		}, breakers, new(blame.Tally), clock.Real{}, logger)
		p.lanes = lane.New(model.PatchListingsItem, quota.Limits(nil).Of).In("inventory", nil)
		for a := range accounts {
			for s := range skus {
				item := &skuItem{account: fmt.Sprintf("account-%d", a), sku: fmt.Sprintf("sku-%d", s)}
				item.Key = item.account + "/" + item.sku
				p.skus[item.Key] = item
				p.want(item, time.Now().Add(time.Duration(s)*time.Second))
			}
		}
		test(t, p)
	})
}

func (p *plant) want(item *skuItem, at time.Time) {
	item.tries, item.wanted = 0, at
	p.lanes.Add(item.account, &item.Item, at)
}

// run lets time pass.
func (p *plant) run(t *testing.T, span time.Duration) {
	for end := time.Now().Add(span); time.Now().Before(end); time.Sleep(time.Second) {
		tx := machine.Tx{Now: time.Now()}
		var drawn []*skuItem
		p.lanes.Draw(&tx, func(item *lane.Item) { drawn = append(drawn, p.skus[item.Key]) })
		for _, item := range drawn {
			p.end(&tx, item, p.Execute(t.Context(), machine.Call{
				Account: item.account, Operation: model.PatchListingsItem, Key: item.Key,
				Request: &model.PatchQuantityRequest{SellerID: "A1", MarketplaceID: "M1", SKU: item.sku, ProductType: "PRODUCT", FulfillmentChannelCode: "DEFAULT"},
			}))
		}
		for _, out := range tx.Outputs {
			if alert := out.Value.(*schemas.Alert); alert.Resolves == "" {
				p.alerts = append(p.alerts, alert)
			}
		}
	}
}

func (p *plant) end(tx *machine.Tx, item *skuItem, res machine.Result) {
	p.lanes.Finish(tx, item.account, &item.Item, &res)
	switch res.Outcome.(type) {
	case machine.Done:
		p.slowest = max(p.slowest, tx.Now.Sub(item.wanted))
		p.want(item, tx.Now.Add(p.every))
		return
	case machine.Reject, machine.Retry, machine.Ambiguous:
		item.tries++
		p.lanes.Add(item.account, &item.Item, tx.Now.Add(lane.Backoff(item.Key, item.tries, 10*time.Second, 10*time.Minute)))
		return
	case machine.Park:
		p.lanes.Add(item.account, &item.Item, p.lanes.Probe(item.account, tx.Now).Add(lane.Backoff(item.Key, 1, 10*time.Second, time.Minute)))
		return
	}
	p.lanes.Add(item.account, &item.Item, tx.Now)
}

// told fails the test unless exactly these types of alerts were raised.
func (p *plant) told(t *testing.T, types ...string) {
	t.Helper()
	var got []string
	for _, alert := range p.alerts {
		got = append(got, alert.EventType)
	}
	if fmt.Sprint(got) != fmt.Sprint(types) {
		t.Errorf("told %v, want %v", got, types)
		for _, alert := range p.alerts {
			t.Logf("%+v", *alert)
		}
	}
}

// TestOneForbiddenSKUConcernsNobodyElse: no alert, and no later quantity of another.
func TestOneForbiddenSKUConcernsNobodyElse(t *testing.T) {
	t.Parallel()
	for _, status := range []int{403, 401, 400, 404, 409, 500, 302} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			inPlant(t, 2, 20, func(t *testing.T, p *plant) {
				p.every = 10 * time.Minute
				p.endpoint = func(account, sku string) int {
					if account == "account-0" && sku == "sku-7" {
						return status
					}
					return http.StatusOK
				}
				p.run(t, 24*time.Hour)
				p.told(t)
				if p.slowest > 2*time.Second {
					t.Errorf("another SKU was late by %v", p.slowest)
				}
				if tries := p.calls["account-0/sku-7"]; tries > 800 {
					t.Errorf("%d calls for the SKU in a day", tries)
				}
				if strings.Contains(p.log.String(), "level=ERROR") {
					t.Errorf("log: %.600s", p.log.String())
				}
			})
		})
	}
}

// TestAllAccountsForbiddenAtOnceAreOneAlert is 25 minutes of 403 for 20 accounts
// (2023-05-27, selling-partner-api-docs#3153).
func TestAllAccountsForbiddenAtOnceAreOneAlert(t *testing.T) {
	t.Parallel()
	for _, skus := range []int{1, 20} {
		inPlant(t, 20, skus, func(t *testing.T, p *plant) {
			p.run(t, 10*time.Minute)
			p.endpoint = func(string, string) int { return http.StatusForbidden }
			before := p.calls["spapi"]
			p.run(t, 25*time.Minute)
			p.told(t, "SharedFailure")
			made := p.calls["spapi"] - before
			if made > 20*20+100 {
				t.Errorf("%d SKUs each: %d calls to find out that it is not over", skus, made)
			}
			if alert := p.alerts[0]; alert.Attributes["count"] != "20" || alert.Attributes["application"] != plantApplication ||
				!strings.Contains(alert.Message, "20 accounts") || !strings.Contains(alert.Attributes["accounts"], "account-19") {
				t.Errorf("%+v", alert)
			}
			if lines := strings.Count(p.log.String(), "\n"); lines > 60 {
				t.Errorf("%d lines in the log", lines)
			}
			p.endpoint, p.slowest = func(string, string) int { return http.StatusOK }, 0
			p.run(t, 5*time.Minute)
			p.slowest = 0
			p.run(t, 10*time.Minute)
			p.told(t, "SharedFailure")
			if p.slowest > 2*time.Second {
				t.Errorf("five minutes after the end a SKU is late by %v", p.slowest)
			}
			t.Logf("%d SKUs each: %d calls in 25 minutes", skus, made)
		})
	}
}

// TestOneAccountForbiddenIsOneAlertAfterMinutes, and the others notice nothing.
func TestOneAccountForbiddenIsOneAlertAfterMinutes(t *testing.T) {
	t.Parallel()
	inPlant(t, 5, 20, func(t *testing.T, p *plant) {
		p.every = 5 * time.Minute
		p.endpoint = func(account, _ string) int {
			if account == "account-3" {
				return http.StatusForbidden
			}
			return http.StatusOK
		}
		p.run(t, 4*time.Minute)
		p.told(t)
		p.run(t, 6*time.Hour)
		p.told(t, "AccountParked")
		if p.slowest > 2*time.Second {
			t.Errorf("another account's SKU was late by %v", p.slowest)
		}
		if p.alerts[0].Account != "account-3" {
			t.Errorf("%+v", p.alerts[0])
		}
		p.endpoint = func(string, string) int { return http.StatusOK }
		p.run(t, 20*time.Minute)
		p.slowest = 0
		p.run(t, 10*time.Minute)
		if p.slowest > 2*time.Second {
			t.Errorf("a mended account's SKU is late by %v", p.slowest)
		}
	})
}

// TestMinutesOfRefusalAreNobodysAlert: what is over within minutes wakes nobody.
func TestMinutesOfRefusalAreNobodysAlert(t *testing.T) {
	t.Parallel()
	inPlant(t, 1, 20, func(t *testing.T, p *plant) {
		for range 5 {
			p.endpoint = func(string, string) int { return http.StatusForbidden }
			p.run(t, 2*time.Minute)
			p.endpoint = func(string, string) int { return http.StatusOK }
			p.run(t, 30*time.Minute)
		}
		p.told(t)
	})
}

// TestLoginDownForAThousandAccounts is one alert, few lines and few requests.
func TestLoginDownForAThousandAccounts(t *testing.T) {
	t.Parallel()
	accounts := long.Pick(t, 200, 1000)
	inPlant(t, accounts, 1, func(t *testing.T, p *plant) {
		p.every = 8 * time.Minute
		p.token = func(string) int { return http.StatusServiceUnavailable }
		p.run(t, 30*time.Minute)
		p.told(t, "SharedFailure")
		if len(p.alerts) > 0 && (p.alerts[0].Attributes["host"] != blame.Login || p.alerts[0].Attributes["blame"] != string(blame.Host)) {
			t.Errorf("%+v", p.alerts[0])
		}
		if lines := strings.Count(p.log.String(), "\n"); lines != 1 {
			t.Errorf("%d lines in the log: %.2000s", lines, p.log.String())
		}
		// Five find out, then one at a time, twice a minute; each is repeated once.
		if asked := p.calls["lwa"]; asked > 2*(5+5+2*30) {
			t.Errorf("%d token requests", asked)
		}
		t.Logf("%d token requests, %d lines", p.calls["lwa"], strings.Count(p.log.String(), "\n"))
		p.token = func(string) int { return http.StatusOK }
		p.run(t, 5*time.Minute)
		p.slowest = 0
		p.run(t, 10*time.Minute)
		if p.slowest > 2*time.Second {
			t.Errorf("five minutes after the end a SKU is late by %v", p.slowest)
		}
	})
}

// TestLoginDownWhileTokensAreRenewed: they are renewed five minutes before they end, with
// each call that comes. Nobody learns of an outage of these minutes, and Login with Amazon
// sees probes alone.
func TestLoginDownWhileTokensAreRenewed(t *testing.T) {
	t.Parallel()
	accounts := long.Pick(t, 200, 1000)
	inPlant(t, accounts, 1, func(t *testing.T, p *plant) {
		p.every = 20 * time.Second
		p.run(t, 54*time.Minute)
		p.token = func(string) int { return http.StatusServiceUnavailable }
		p.run(t, time.Minute) // the first tokens are to be renewed
		before := p.calls["lwa"]
		p.run(t, time.Minute)
		asked := p.calls["lwa"] - before
		if most := 2 * (5 + 60/30 + 3); asked == 0 || asked > most {
			t.Errorf("%d token requests in a minute, want at most %d", asked, most)
		}
		p.slowest = 0
		p.run(t, 90*time.Second)
		if p.slowest > 2*time.Second {
			t.Errorf("while its token is good, a SKU is late by %v", p.slowest)
		}
		p.told(t)
		t.Logf("%d token requests in a minute, log:\n%s", asked, p.log.String())
		p.token = func(string) int { return http.StatusOK }
		p.run(t, 30*time.Minute)
		if p.slowest > 2*time.Second {
			t.Errorf("after it a SKU is late by %v", p.slowest)
		}
		if lines := strings.Count(p.log.String(), "\n"); lines != 2 {
			t.Errorf("want one line when it begins and one when it ends:\n%s", p.log.String())
		}
	})
}

// TestAmazonDownIsOneAlertAfterMinutes, whoever is the first to find out.
func TestAmazonDownIsOneAlertAfterMinutes(t *testing.T) {
	t.Parallel()
	for _, accounts := range []int{1, 20} {
		inPlant(t, accounts, 20, func(t *testing.T, p *plant) {
			p.run(t, time.Minute)
			p.endpoint = func(string, string) int { return http.StatusServiceUnavailable }
			p.run(t, 3*time.Minute)
			p.told(t)
			p.run(t, 25*time.Minute)
			p.told(t, "SharedFailure")
		})
	}
}
