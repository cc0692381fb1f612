package spapi

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

func putSomething(repeat model.Repeat) model.Operation {
	return model.Operation{Name: "putSomething", Section: "things", Method: "PUT", Path: "/things/v1/{sellerId}/{thing}", Success: http.StatusCreated, Writes: true, Repeat: repeat}
}

// TestDo sends what was asked for, with the seller's token, and gives the body back.
func TestDo(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.api = func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("x-amz-access-token") != canaryAccess {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		w.Header().Set("x-amzn-RateLimit-Limit", "2.5")
		w.WriteHeader(http.StatusCreated)
		var body strings.Builder
		_, _ = fmt.Fprintf(&body, "%s %s", r.Method, r.RequestURI)
		fmt.Fprintf(w, "%q", body.String())
	}
	body, meta, err := f.seller(t, nil).Do(t.Context(), Request{
		Operation: putSomething(model.RepeatSame), Parameters: []string{"A1", "../a b/ü"},
		Query: url.Values{"marketplaceIds": {"X,Y"}}, Body: map[string]int{"n": 1},
	})
	if err != nil || meta.RateLimit != 2.5 || string(body) != `"PUT /things/v1/A1/..%2Fa%20b%2F%C3%BC?marketplaceIds=X%2CY"` {
		t.Errorf("%s, %+v, %v", body, meta, err)
	}
}

// TestDoTellsADoubt: a writing call without an answer may have happened, unless it can
// be repeated freely.
func TestDoTellsADoubt(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.api = func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	seller := f.seller(t, nil)
	for repeat, want := range map[model.Repeat]model.Class{
		model.RepeatAfterLook: model.Ambiguous, model.RepeatSame: model.Ambiguous, model.RepeatFreely: model.Unavailable,
	} {
		_, _, err := seller.Do(t.Context(), Request{Operation: putSomething(repeat), Parameters: []string{"A1", "x"}})
		var refusal *model.Error
		if !errors.As(err, &refusal) || refusal.Class != want || refusal.Operation != "putSomething" || refusal.Account != "acme-eu" {
			t.Errorf("%v: %v, want %v", repeat, err, want)
		}
	}
}

// TestDoRefuses what would be another call than it seems, before anything is sent.
func TestDoRefuses(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	seller := f.seller(t, nil)
	for fault, change := range map[string]func(*Request){
		"has a method of its own":       func(r *Request) { r.Operation.Name = model.CreateFeed },
		"has no name":                   func(r *Request) { r.Operation.Name = "" },
		"method is none of":             func(r *Request) { r.Operation.Method = "get" },
		"does not begin with /":         func(r *Request) { r.Operation.Path = "things/{a}/{b}" },
		"Parameters differ in number":   func(r *Request) { r.Parameters = r.Parameters[:1] },
		"set Writes":                    func(r *Request) { r.Operation.Writes = false },
		"belongs to no parameter":       func(r *Request) { r.Operation.Path = "/things/x{a}/{b}" },
		"is empty":                      func(r *Request) { r.Parameters[1] = "" },
		"a token other than the seller": func(r *Request) { r.Operation.Scope = model.ScopeNotifications },
	} {
		req := Request{Operation: putSomething(model.RepeatSame), Parameters: []string{"A1", "x"}}
		change(&req)
		_, _, err := seller.Do(t.Context(), req)
		var refusal *model.Error
		if !errors.As(err, &refusal) || refusal.Class != model.Invalid || !strings.Contains(err.Error(), fault) {
			t.Errorf("%q: %v", fault, err)
		}
	}
	if f.tokenRequests() != 0 {
		t.Errorf("%d tokens were asked for", f.tokenRequests())
	}
}

// TestDoWantsJSON: a page of a proxy is no answer of Amazon's, and an empty body can be.
func TestDoWantsJSON(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	seller := f.seller(t, nil)
	read := model.Operation{Name: "getThings", Section: "things", Method: "GET", Path: "/things"}
	for text, class := range map[string]model.Class{"<html>": model.Malformed, "{": model.Malformed, "": "", "[1]": ""} {
		f.api = func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }
		body, _, err := seller.Do(t.Context(), Request{Operation: read})
		var refusal *model.Error
		if errors.As(err, &refusal) != (class != "") || class != "" && refusal.Class != class || class == "" && string(body) != text {
			t.Errorf("%q: %q, %v", text, body, err)
		}
	}
}
