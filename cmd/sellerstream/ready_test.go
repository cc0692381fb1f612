package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestReadyIsWhatTheProbeSays(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]int{http.StatusOK: 0, http.StatusServiceUnavailable: exitFailed} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/readyz" {
				t.Errorf("it asked for %s", r.URL.Path)
			}
			w.WriteHeader(status)
			_, _ = w.Write([]byte(`{"role":"feeds"}` + "\n"))
		}))
		t.Cleanup(server.Close)
		var out, failed strings.Builder
		got := runCommandLine([]string{"ready", "--admin", strings.TrimPrefix(server.URL, "http://")}, nil, &out, &failed)
		if got != want || out.String() != `{"role":"feeds"}`+"\n" {
			t.Errorf("for %d it ended with %d and printed %q, %q", status, got, out.String(), failed.String())
		}
	}
}

func TestReadyNamesWhoDoesNotAnswer(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	at := strings.TrimPrefix(server.URL, "http://")
	server.Close()
	var out, failed strings.Builder
	if got := runCommandLine([]string{"ready", "--admin", at}, nil, &out, &failed); got != exitFailed || !strings.Contains(failed.String(), "no pipeline answers at "+at) {
		t.Errorf("it ended with %d and said %q", got, failed.String())
	}
	failed.Reset()
	if got := runCommandLine([]string{"ready", "--admin", "a b"}, nil, &out, &failed); got != exitUsage {
		t.Errorf("for an address that is none it ended with %d and said %q", got, failed.String())
	}
}
