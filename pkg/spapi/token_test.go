package spapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

const (
	goodToken     = `{"access_token":"` + canaryAccess + `","expires_in":3600}`
	invalidAnswer = `{"error":"invalid_client","error_description":"Client authentication failed"}`
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// virtualLWA is LWA without a network, for a synctest bubble, and the number of
// requests so far. A status of 0 is no answer until the request is given up.
func virtualLWA(t *testing.T, answer func(*http.Request, url.Values) (int, string)) (*LWA, func() int) {
	t.Helper()
	var mu sync.Mutex
	requests := 0
	client, err := New(Config{Base: roundTrip(func(req *http.Request) (*http.Response, error) {
		mu.Lock()
		requests++
		mu.Unlock()
		text, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		form, err := url.ParseQuery(string(text))
		if err != nil {
			return nil, err
		}
		status, body := answer(req, form)
		if status == 0 {
			<-req.Context().Done()
			return nil, req.Context().Err()
		}
		return &http.Response{
			StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: req,
		}, nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	return client.LWA(), func() int {
		mu.Lock()
		defer mu.Unlock()
		return requests
	}
}

func TestAFailingOrSlowLWAIsAskedOnceMore(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		statuses []int // of the answers; 0 for none
		works    bool
		class    model.Class
		longest  time.Duration
	}{
		{"it works", []int{200}, true, "", 0},
		{"it fails once", []int{503, 200}, true, "", time.Second},
		{"it is silent once", []int{0, 200}, true, "", 16 * time.Second},
		{"it fails", []int{503, 500}, false, model.Unavailable, time.Second},
		{"it is silent", []int{0, 0}, false, model.Unavailable, 30 * time.Second},
		{"it refuses", []int{401}, false, model.Unauthorized, 0},
		{"it fails, then refuses", []int{503, 401}, false, model.Unauthorized, time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				next := 0
				lwa, requests := virtualLWA(t, func(*http.Request, url.Values) (int, string) {
					status := test.statuses[next]
					next++
					if status == 401 {
						return status, invalidAnswer
					}
					return status, goodToken
				})
				begin := time.Now()
				_, err := lwa.SellerToken(t.Context(), testSeller("a"))
				took := time.Since(begin)
				var refusal *model.Error
				if test.works != (err == nil) || err != nil && (!errors.As(err, &refusal) || refusal.Class != test.class) {
					t.Errorf("got %v", err)
				}
				if requests() != len(test.statuses) || took > test.longest {
					t.Errorf("%d requests in %v, want %d in at most %v", requests(), took, len(test.statuses), test.longest)
				}
			})
		})
	}
}

func TestAnLWAThatNamesATimeIsLeftAlone(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.answerLWA(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	_, err := f.client(t, nil).LWA().SellerToken(t.Context(), testSeller("a"))
	var refusal *model.Error
	if !errors.As(err, &refusal) || refusal.RetryAfter != 30*time.Second || f.tokenRequests() != 1 {
		t.Errorf("%v after %d requests", err, f.tokenRequests())
	}
}

// readable is a source of a canary that a test changes; "" cannot be read.
type readable struct {
	mu    sync.Mutex
	value string
	err   error
}

func (r *readable) Secret(context.Context) (secrets.Secret, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.value == "" {
		return secrets.Secret{}, errors.Join(errors.New("not there"), r.err)
	}
	return secrets.New("canary-" + r.value), nil
}

func (r *readable) set(value string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.value = value
}

// TestARotationNeedsNoRestart goes through a rotation of a client secret, with
// an account for each step, so that each asks for a token.
func TestARotationNeedsNoRestart(t *testing.T) {
	t.Parallel()
	current, next := &readable{value: "old"}, &readable{value: "new"}
	known, presented := map[string]bool{}, []string{}
	f := newFake(t)
	f.answerLWA(func(w http.ResponseWriter, r *http.Request) {
		secret := r.PostForm.Get("client_secret")
		presented = append(presented, strings.TrimPrefix(secret, "canary-"))
		if !known[secret] {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, invalidAnswer)
			return
		}
		f.giveToken(w, r)
	})
	lwa := f.client(t, nil).LWA()
	for i, step := range []struct {
		name          string
		current, next string
		known         string
		want          []string // secrets presented
		says          string   // in the error; "" for none
	}{
		{"before", "old", "new", "old", []string{"old"}, ""},
		{"the old one ends", "old", "new", "new", []string{"old", "new"}, ""},
		{"the new one is remembered", "old", "new", "new", []string{"new"}, ""},
		{"the old one is gone", "", "new", "new", []string{"new"}, ""},
		{"the new one becomes the only one", "new", "", "new", []string{"new"}, ""},
		{"and is remembered in turn", "new", "later", "new", []string{"new"}, ""},
		{"both are wrong", "new", "later", "another", []string{"new", "later"}, "client secret of application main"},
	} {
		current.set(step.current)
		next.set(step.next)
		known, presented = map[string]bool{"canary-" + step.known: true}, []string{}
		cfg := testSeller(fmt.Sprintf("account-%d", i))
		cfg.Application.ClientSecret, cfg.Application.NextClientSecret = current, next
		_, err := lwa.SellerToken(t.Context(), cfg)
		if !reflect.DeepEqual(presented, step.want) || (err == nil) != (step.says == "") {
			t.Fatalf("%s: presented %v, want %v; %v", step.name, presented, step.want, err)
		}
		var refusal *model.Error
		if err != nil && (!errors.As(err, &refusal) || refusal.Class != model.Unauthorized || !strings.Contains(err.Error(), step.says)) {
			t.Errorf("%s: %v", step.name, err)
		}
		if err != nil {
			noCanary(t, err)
		}
	}
}

func TestARefusedSecretIsReadAgain(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ field, refusal string }{
		{"client_secret", invalidAnswer},
		{"refresh_token", `{"error":"invalid_grant"}`},
	} {
		for _, replaced := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, replaced %t", test.field, replaced), func(t *testing.T) {
				t.Parallel()
				source := &readable{value: "old"}
				f := newFake(t)
				f.answerLWA(func(w http.ResponseWriter, r *http.Request) {
					if r.PostForm.Get(test.field) == "canary-new" {
						f.giveToken(w, r)
						return
					}
					if replaced {
						source.set("new") // while the old one was on its way
					}
					w.WriteHeader(http.StatusBadRequest)
					fmt.Fprint(w, test.refusal)
				})
				cfg := testSeller("a")
				if test.field == "client_secret" {
					cfg.Application.ClientSecret = source
				} else {
					cfg.RefreshToken = source
				}
				_, err := f.client(t, nil).LWA().SellerToken(t.Context(), cfg)
				requests := 1
				if replaced {
					requests = 2
				}
				if (err == nil) != replaced || f.tokenRequests() != requests {
					t.Errorf("%v after %d requests, want %d", err, f.tokenRequests(), requests)
				}
			})
		}
	}
}

func TestASecretWhosePlaceIsDownIsWaitedFor(t *testing.T) {
	t.Parallel()
	cfg := testSeller("a")
	cfg.RefreshToken = &readable{err: secrets.ErrUnavailable}
	_, err := newFake(t).client(t, nil).LWA().SellerToken(t.Context(), cfg)
	var refusal *model.Error
	if !errors.As(err, &refusal) || refusal.Class != model.Unavailable || !refusal.TokenMissing {
		t.Errorf("%v", err)
	}
}

func FuzzClassifyLWA(f *testing.F) {
	f.Add(400, []byte(`{"error":"invalid_client","error_description":"`+canarySecret+` is unknown"}`))
	f.Add(401, []byte(`{"error":"\u0063anary-client-secret"}`))
	f.Add(503, []byte{0xff, '{'})
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		e := classifyLWA("a", "main", &http.Response{StatusCode: status, Header: http.Header{}}, body)
		if e.Class != model.Unauthorized && e.Class != model.Unavailable || strings.Contains(e.Error(), canarySecret) ||
			len(e.Message) > maxMessage+8 || strings.ContainsAny(e.Error(), "\n\x00") {
			t.Fatalf("%+v", e)
		}
	})
}

// TestNoTokenIsWaitedForLong: at a start all accounts want one. A call must not look slow
// because it stood in line, nor its request be cut short; the others come back spread.
func TestNoTokenIsWaitedForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const each = 4 * time.Second
		lwa, _ := virtualLWA(t, func(*http.Request, url.Values) (int, string) {
			time.Sleep(each)
			return 200, goodToken
		})
		var mu sync.Mutex
		given, waits := 0, map[time.Duration]bool{}
		var callers sync.WaitGroup
		for account := range 600 {
			callers.Go(func() {
				began := time.Now()
				_, err := lwa.SellerToken(t.Context(), testSeller(fmt.Sprint("account-", account)))
				took := time.Since(began)
				mu.Lock()
				defer mu.Unlock()
				refusal := new(model.Error)
				switch {
				case took > longestTurn+each:
					t.Errorf("an account waited for %v: %v", took, err)
				case err == nil:
					given++
				case !errors.As(err, &refusal) || !refusal.TokenMissing || !refusal.NotSent || refusal.RetryAfter < longestTurn:
					t.Errorf("%+v", err)
				default:
					waits[refusal.RetryAfter] = true
				}
			})
		}
		callers.Wait()
		if given != 2*tokenRequests || len(waits) < 400 {
			t.Errorf("%d tokens; the others come back at %d times", given, len(waits))
		}
	})
}
