package spapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

func TestAThousandCallersMakeOneTokenRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		lwa, requests := virtualLWA(t, func(*http.Request, url.Values) (int, string) {
			<-release
			return 200, goodToken
		})
		get := func() error {
			_, err := lwa.SellerToken(t.Context(), testSeller("a"))
			return err
		}
		for round := range 2 { // without a token, and with an expired one
			release = make(chan struct{})
			var callers sync.WaitGroup
			var failed atomic.Int32
			for range 1000 {
				callers.Go(func() {
					if get() != nil {
						failed.Add(1)
					}
				})
			}
			synctest.Wait() // all of them wait for LWA
			close(release)
			callers.Wait()
			if n := requests(); n != round+1 || failed.Load() != 0 {
				t.Fatalf("%d token requests in all, want %d; %d callers failed", n, round+1, failed.Load())
			}
			time.Sleep(2 * time.Hour)
		}
	})
}

func TestATokenIsKeptUntilShortlyBeforeItsEnd(t *testing.T) {
	t.Parallel()
	f, clk := newFake(t), simulatortest.NewClock()
	lwa := f.client(t, clk).LWA()
	for _, step := range []struct {
		after time.Duration
		want  int // token requests so far
	}{
		{0, 1}, {54 * time.Minute, 1}, {time.Minute, 2}, {54 * time.Minute, 2}, {24 * time.Hour, 3},
	} {
		clk.Advance(step.after)
		if _, err := lwa.SellerToken(t.Context(), testSeller("a")); err != nil {
			t.Fatal(err)
		}
		if got := f.tokenRequests(); got != step.want {
			t.Fatalf("after %v: %d token requests, want %d", step.after, got, step.want)
		}
	}
}

func TestAFailingLWADoesNotCostATokenThatIsStillGood(t *testing.T) {
	t.Parallel()
	f, clk := newFake(t), simulatortest.NewClock()
	lwa := f.client(t, clk).LWA()
	get := func() error {
		_, err := lwa.SellerToken(t.Context(), testSeller("a"))
		return err
	}
	if err := get(); err != nil {
		t.Fatal(err)
	}
	f.answerLWA(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	clk.Advance(56 * time.Minute)
	for range 10 {
		if err := get(); err != nil {
			t.Fatalf("a token that lives for 4 minutes is not used: %v", err)
		}
	}
	if got := f.tokenRequests(); got != 3 {
		t.Fatalf("%d token requests, want 3: the failing one and its repetition are not to be repeated by each caller", got)
	}
	clk.Advance(time.Hour)
	var refusal *model.Error
	if err := get(); !errors.As(err, &refusal) || refusal.Class != model.Unavailable || !refusal.TokenMissing {
		t.Fatalf("after the token's end: %v", err)
	}
}

func TestATokenIsNotUsedPastItsEnd(t *testing.T) {
	t.Parallel()
	f, clk := newFake(t), simulatortest.NewClock()
	lwa := f.client(t, clk).LWA()
	if _, err := lwa.SellerToken(t.Context(), testSeller("a")); err != nil {
		t.Fatal(err)
	}
	f.answerLWA(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	clk.Advance(time.Hour - time.Second)
	if _, err := lwa.SellerToken(t.Context(), testSeller("a")); err != nil {
		t.Fatalf("a second before its end: %v", err)
	}
	clk.Advance(2 * time.Second)
	if _, err := lwa.SellerToken(t.Context(), testSeller("a")); err == nil {
		t.Fatal("an expired token was given, because the next try was not due")
	}
}

func TestGrantsAreKeptApart(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	lwa := f.client(t, nil).LWA()
	for range 2 {
		elsewhere := testSeller("b")
		elsewhere.Region = model.FarEast
		for _, seller := range []SellerConfig{testSeller("a"), testSeller("b"), elsewhere} {
			if _, err := lwa.SellerToken(t.Context(), seller); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := lwa.GrantlessToken(t.Context(), testApplication(), model.ScopeNotifications); err != nil {
			t.Fatal(err)
		}
	}
	seller := map[string]string{
		"grant_type": "refresh_token", "refresh_token": canaryRefresh, "client_id": "amzn1.app", "client_secret": canarySecret,
	}
	grantless := map[string]string{
		"grant_type": "client_credentials", "scope": string(model.ScopeNotifications), "client_id": "amzn1.app", "client_secret": canarySecret,
	}
	if want := []map[string]string{seller, seller, seller, grantless}; !reflect.DeepEqual(f.forms, want) {
		t.Fatalf("asked %v, want %v", f.forms, want)
	}
}

func TestACallerThatLeavesDoesNotTakeTheOthersWithIt(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	lwa := f.client(t, nil).LWA()
	arrived, release := make(chan struct{}), make(chan struct{})
	f.answerLWA(func(w http.ResponseWriter, r *http.Request) { close(arrived); <-release; f.giveToken(w, r) })

	leaving, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		_, err := lwa.SellerToken(leaving, testSeller("a"))
		left <- err
	}()
	<-arrived
	stayed := make(chan error)
	go func() {
		_, err := lwa.SellerToken(t.Context(), testSeller("a"))
		stayed <- err
	}()
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Fatalf("the one that left: %v", err)
	}
	close(release)
	if err := <-stayed; err != nil {
		t.Fatalf("the one that stayed: %v", err)
	}
}

func TestLWAErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status int
		body   string
		class  model.Class
		says   string
	}{
		{400, `{"error":"invalid_grant","error_description":"The request has an invalid grant parameter : refresh_token"}`, model.Unauthorized, "authorize application main again"},
		{401, `{"error":"invalid_client","error_description":"Client authentication failed"}`, model.Unauthorized, "client secret of application main"},
		{400, `{"error":"unauthorized_client"}`, model.Unauthorized, "client secret of application main"},
		{400, `{"error":"invalid_scope"}`, model.Unauthorized, "roles"},
		{400, `{"error":"temporarily_unavailable"}`, model.Unavailable, "temporarily_unavailable"},
		{503, `{"error":"temporarily_unavailable"}`, model.Unavailable, "503"},
		{500, `<html>oops</html>`, model.Unavailable, "500"},
		{429, ``, model.Unavailable, "429"},
		{404, `not here`, model.Unauthorized, "LWA endpoint"},
		{200, `{"token_type":"bearer"}`, model.Unavailable, "no access token"},
		{200, `not JSON, but ` + canaryAccess, model.Unavailable, "no access token"},
		{302, ``, model.Unavailable, "302"},
		{400, `{"error":"invalid_request","error_description":"client_secret ` + canarySecret + ` is unknown"}`, model.Unauthorized, "invalid_request"},
		{400, `{"error":"invalid_grant","error_description":"bad ` + canaryRefresh + ` given"}`, model.Unauthorized, "invalid_grant"},
	} {
		t.Run(fmt.Sprintf("%d %s", test.status, test.body), func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.answerLWA(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(test.status)
				fmt.Fprint(w, test.body)
			})
			_, _, err := f.seller(t, nil).GetOrder(t.Context(), model.GetOrderRequest{OrderID: "1"})
			var refusal *model.Error
			if !errors.As(err, &refusal) || refusal.Class != test.class || !refusal.TokenMissing {
				t.Fatalf("%v", err)
			}
			if !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), "acme-eu") {
				t.Errorf("%q does not say %q and the account", err, test.says)
			}
			noCanary(t, err)
		})
	}
}

func TestASecretThatCannotBeReadNamesItsPlace(t *testing.T) {
	t.Parallel()
	cfg := testSeller("acme-eu")
	cfg.RefreshToken = secrets.File("/nowhere/token")
	_, err := newFake(t).client(t, nil).LWA().SellerToken(t.Context(), cfg)
	var refusal *model.Error
	if !errors.As(err, &refusal) || refusal.Class != model.Unauthorized || !strings.Contains(err.Error(), "/nowhere/token") {
		t.Fatalf("%v", err)
	}
}

func noCanary(t *testing.T, err error) {
	t.Helper()
	for _, text := range []string{fmt.Sprint(err), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
		if strings.Contains(text, "canary") {
			t.Errorf("a secret is in the error: %s", text)
		}
	}
}

func FuzzReadToken(f *testing.F) {
	f.Add([]byte(`{"access_token":"Atza|x","expires_in":3600}`))
	f.Add([]byte(`{"access_token":"x","expires_in":9223372036854775807}`))
	f.Add([]byte(`[]`))
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := readToken("a", at, body)
		if err != nil {
			return
		}
		if got.secret.Empty() || !got.renewAt.After(at) || got.expires.Before(got.renewAt) || got.expires.Sub(at) > maxExpiry {
			t.Fatalf("%s: from %v to %v", body, got.renewAt, got.expires)
		}
	})
}

// A changed account never gets a token that was issued for what it was.
func TestRevisionsShareNoToken(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	client := f.client(t, simulatortest.NewClock())
	for revision, want := range []int{1, 2} {
		cfg := testSeller("a")
		cfg.Revision = uint64(revision)
		for range 2 {
			if _, err := client.LWA().SellerToken(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
		}
		if got := f.tokenRequests(); got != want {
			t.Fatalf("revision %d: %d token requests, want %d", revision, got, want)
		}
		seller, err := client.Seller(cfg)
		if err != nil {
			t.Fatal(err)
		}
		seller.Forget()
		if len(client.lwa.tokens.tokens) != 0 {
			t.Errorf("revision %d: its token is kept", revision)
		}
	}
}
