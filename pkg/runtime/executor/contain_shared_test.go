package executor

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/runtime/blame"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/long"
)

const (
	oneForbidden = "503, and one account forbidden"

	badGrant = `{"error":"invalid_grant"}`
	noWords  = "<html>Forbidden</html>"
)

// every returns status for each nth call, and other for the rest.
func every(n, status, other int) func(string, string) int {
	calls := 0
	return func(string, string) int {
		if calls++; calls%n == 0 {
			return status
		}
		return other
	}
}

// TestWhatAllAccountsShareIsOneAlert: 20 accounts fail alike for 25 minutes, however
// uneven the answers are.
func TestWhatAllAccountsShareIsOneAlert(t *testing.T) {
	t.Parallel()
	login := func(status int, words string) func(*plant) {
		return func(p *plant) { p.refusal, p.token = words, func(string) int { return status } }
	}
	for name, test := range map[string]struct {
		fail  func(*plant)
		party blame.Party
	}{
		"LWA refuses without a code":        {fail: login(http.StatusForbidden, noWords), party: blame.Host},
		"LWA refuses with an unknown code":  {fail: login(http.StatusBadRequest, `{"error":"odd"}`), party: blame.Host},
		"LWA takes no refresh token":        {fail: login(http.StatusBadRequest, badGrant), party: blame.Application},
		"LWA does not know the application": {fail: login(http.StatusUnauthorized, `{"error":"invalid_client"}`), party: blame.Application},
		"the client secret is unreadable": {party: blame.Application, fail: func(p *plant) {
			p.secret = secrets.File(filepath.Join("testdata", "missing"))
		}},
		"STS refuses the role": {party: blame.Application, fail: func(p *plant) {
			p.role = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{}, &model.Error{Class: model.Unauthorized, Operation: "AWS AssumeRole", Status: http.StatusForbidden, Code: "AccessDenied", TokenMissing: true}
			})
		}},
		"403, and 503 now and then": {party: blame.Application, fail: func(p *plant) { p.endpoint = every(10, 503, 403) }},
		"503, and 403 now and then": {party: blame.Host, fail: func(p *plant) { p.endpoint = every(10, 403, 503) }},
		"403 and 400 in turn":       {fail: func(p *plant) { p.endpoint = every(2, 400, 403) }},
		"403 with two codes in turn": {party: blame.Application, fail: func(p *plant) {
			p.endpoint = func(string, string) int { return http.StatusForbidden }
			codes := []string{"Unauthorized", "AccessDenied"}
			p.code = func() string { slices.Reverse(codes); return codes[0] }
		}},
		oneForbidden: {party: blame.Host, fail: func(p *plant) {
			p.endpoint = func(account, _ string) int {
				if account == "account-7" {
					return http.StatusForbidden
				}
				return http.StatusServiceUnavailable
			}
		}},
		"400 for all that is asked": {party: blame.Host, fail: func(p *plant) {
			p.endpoint = func(string, string) int { return http.StatusBadRequest }
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inPlant(t, 20, 6, func(t *testing.T, p *plant) {
				test.fail(p)
				p.run(t, 25*time.Minute)
				at := slices.IndexFunc(p.alerts, func(a *schemas.Alert) bool { return a.EventType == "SharedFailure" })
				if at < 0 {
					t.Fatalf("nothing is told of what they share, but %d alerts", len(p.alerts))
				}
				shared := p.alerts[at]
				p.alerts = slices.DeleteFunc(slices.Delete(p.alerts, at, at+1), func(a *schemas.Alert) bool {
					return name == oneForbidden && a.Account == "account-7" // its own trouble
				})
				p.told(t)
				if test.party != "" && shared.Attributes["blame"] != string(test.party) || strings.Contains(shared.Message, "1 account ") {
					t.Errorf("%+v", shared)
				}
			})
		})
	}
}

// TestRefreshTokensThatRunOutOneByOneAreOneAlert: tokens live an hour, so that what
// Login with Amazon refuses all accounts alike shows little by little.
func TestRefreshTokensThatRunOutOneByOneAreOneAlert(t *testing.T) {
	t.Parallel()
	inPlant(t, 30, 1, func(t *testing.T, p *plant) {
		for _, item := range p.skus { // their first calls are spread over the hour
			p.lanes.Remove(item.account, &item.Item)
			p.want(item, time.Now().Add(time.Duration(len(item.account)*int(item.account[len(item.account)-1]))*time.Second))
		}
		p.run(t, 3*time.Hour)
		p.refusal, p.token = badGrant, func(string) int { return http.StatusBadRequest }
		p.run(t, 3*time.Hour)
		if n := len(p.alerts); n == 0 || n > 3 || p.alerts[n-1].EventType != "SharedFailure" {
			t.Errorf("%d alerts", n)
		}
	})
}

// TestWithdrawnAuthorizationsAreTheirAccounts, however many: Login with Amazon gives
// tokens to the others.
func TestWithdrawnAuthorizationsAreTheirAccounts(t *testing.T) {
	t.Parallel()
	inPlant(t, 20, 1, func(t *testing.T, p *plant) {
		p.refusal = badGrant
		p.token = func(account string) int {
			if strings.HasPrefix(account, "account-1") && account != "account-1" { // ten of them
				return http.StatusBadRequest
			}
			return http.StatusOK
		}
		p.run(t, long.Pick(t, 6*time.Hour, 24*time.Hour))
		p.told(t, slices.Repeat([]string{"AccountParked"}, 10)...)
		if p.slowest > 2*time.Second {
			t.Errorf("another account's SKU was late by %v", p.slowest)
		}
	})
}

// TestBadSKUsOfSomeAccountsAreTheirs: those that are sent first are all refused, and a
// good one shows within seconds that Amazon is well.
func TestBadSKUsOfSomeAccountsAreTheirs(t *testing.T) {
	t.Parallel()
	inPlant(t, 4, 20, func(t *testing.T, p *plant) {
		bad := []string{"sku-0", "sku-1", "sku-2", "sku-3", "sku-4", "sku-5"}
		p.endpoint = func(_, sku string) int {
			if slices.Contains(bad, sku) {
				return http.StatusBadRequest
			}
			return http.StatusOK
		}
		p.run(t, 2*time.Minute)
		t.Logf("at first a good SKU was late by %v", p.slowest)
		if p.slowest > 30*time.Second {
			t.Errorf("at first a good SKU was late by %v", p.slowest)
		}
		p.slowest = 0
		p.run(t, long.Pick(t, time.Hour, 6*time.Hour))
		p.told(t)
		if p.slowest > 2*time.Second {
			t.Errorf("a good SKU was late by %v", p.slowest)
		}
	})
}

// TestATokenThatWasNotAskedForShowsNothing of Login with Amazon, and its call frees
// the probe that it was.
func TestATokenThatWasNotAskedForShowsNothing(t *testing.T) {
	t.Parallel()
	inPlant(t, 1, 1, func(t *testing.T, p *plant) {
		about := func(account int) blame.Call {
			return blame.Call{Host: "host", Application: plantApplication, Account: fmt.Sprint(account), Operation: model.PatchListingsItem}
		}
		failure := &model.Error{Class: model.Unavailable, Operation: "LWA token", TokenMissing: true}
		held := &model.Error{Class: model.Unavailable, Operation: "LWA token", TokenMissing: true, NotSent: true, RetryAfter: time.Second}
		for account := range 20 {
			if found := p.blamed(about(account), held); found.Shared != nil {
				t.Fatalf("%+v", found.Shared)
			}
			time.Sleep(time.Second)
		}
		for account := range 5 {
			p.blamed(about(account), failure)
			time.Sleep(2 * time.Second)
		}
		if found := p.blamed(about(7), held); found.Shared == nil || found.Shared.Count != 6 {
			t.Errorf("it waits for what is shared, and counts: %+v", found.Shared)
		}
		time.Sleep(time.Minute)
		for account := range 3 {
			if _, wait, _ := p.tally.Hold(about(account), time.Now()); wait != 0 {
				t.Errorf("account %d waits for %v, though nobody finds out", account, wait)
			}
			p.blamed(about(account), held)
		}
	})
}
