package boundedhttp_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/boundedhttp"
)

// A large answer is read when there is room for it and keeps its share until its body
// is closed; small ones never wait, and who waits does so no longer than the request.
func TestLargeAnswersShareABudget(t *testing.T) {
	t.Parallel()
	const large, small = 2 << 20, 200 << 10
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Query().Get("n"))
		_, _ = w.Write(make([]byte, n))
	}))
	defer server.Close()
	transport := boundedhttp.NewTransport(boundedhttp.Connections(), large).Within(boundedhttp.NewBudget(large))
	defer transport.CloseIdleConnections()
	get := func(n int, timeout time.Duration) (io.ReadCloser, error) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		t.Cleanup(cancel)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"?n="+strconv.Itoa(n), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = resp.Body.Close() })
		text, err := io.ReadAll(resp.Body)
		if err == nil && len(text) != n {
			t.Errorf("%d bytes of %d", len(text), n)
		}
		return resp.Body, err
	}
	first, err := get(large, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := get(small, time.Minute); err != nil {
		t.Errorf("a small answer beside a large one: %v", err)
	}
	if _, err := get(large, 2*time.Second); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second large answer: %v", err)
	}
	for range 2 { // closed twice, it gives its room back once
		_ = first.Close()
	}
	second, err := get(large, time.Minute)
	if err != nil {
		t.Errorf("a large answer behind another: %v", err)
	}
	if _, err := get(large, 2*time.Second); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a third large answer: %v", err)
	}
	_ = second.Close()
}
