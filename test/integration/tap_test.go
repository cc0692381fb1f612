package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"
)

// tap stands between the pipeline and EventBridge and writes down what was
// applied, byte by byte, before the pipeline hears of it.
type tap struct {
	url string

	mu      sync.Mutex
	events  map[string][]event // by id, every time it was sent
	last    []string           // ids of the newest batch
	grown   chan struct{}      // closed at the next batch
	applied func(total int)    // called after a batch was applied and before its answer; nil for none
	total   int
}

// event is an entry of PutEvents.
type event struct {
	detailType string
	detail     []byte
	arrived    time.Time
}

func startTap(t *testing.T, endpoint string) *tap {
	t.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	tp := &tap{events: make(map[string][]event), grown: make(chan struct{})}
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			w.WriteHeader(http.StatusBadGateway) // the pipeline was killed while it asked
		},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived := time.Now()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the pipeline was killed while it asked
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		// A batch that has arrived is applied even if whoever sent it dies.
		answer := httptest.NewRecorder()
		proxy.ServeHTTP(answer, r.WithContext(context.WithoutCancel(r.Context())))
		if r.Header.Get("X-Amz-Target") == "AWSEvents.PutEvents" && answer.Code == http.StatusOK {
			tp.record(t, body, arrived)
		}
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	}))
	t.Cleanup(func() {
		server.Close()
		transport.CloseIdleConnections()
	})
	tp.url = server.URL
	return tp
}

// record writes a batch down. moto applies every entry of a batch that it takes.
func (tp *tap) record(t *testing.T, body []byte, arrived time.Time) {
	t.Helper()
	var batch struct {
		Entries []struct{ DetailType, Detail string }
	}
	if err := json.Unmarshal(body, &batch); err != nil {
		t.Errorf("PutEvents with %s: %v", body, err)
		return
	}
	tp.mu.Lock()
	defer tp.mu.Unlock()
	tp.last = nil
	for _, entry := range batch.Entries {
		var d struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal([]byte(entry.Detail), &d); err != nil || d.ID == "" {
			t.Errorf("detail %s has no id: %v", entry.Detail, err)
		}
		tp.events[d.ID] = append(tp.events[d.ID], event{entry.DetailType, []byte(entry.Detail), arrived})
		tp.last = append(tp.last, d.ID)
		tp.total++
	}
	close(tp.grown)
	tp.grown = make(chan struct{})
	if tp.applied != nil {
		tp.applied(tp.total)
	}
}

// whenApplied has f called after every batch, before its answer, with the
// number of entries so far. f must not block on the pipeline's next call.
func (tp *tap) whenApplied(f func(total int)) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	tp.applied = f
}

// await waits until the events are what the caller waits for.
func (tp *tap) await(ctx context.Context, t *testing.T, what string, done func(events map[string][]event) bool) {
	t.Helper()
	for {
		tp.mu.Lock()
		enough, grown := done(tp.events), tp.grown
		tp.mu.Unlock()
		if enough {
			return
		}
		select {
		case <-grown:
		case <-ctx.Done():
			t.Fatalf("%s did not reach EventBridge: %v", what, context.Cause(ctx))
		}
	}
}

// sent is everything that was sent, by id.
func (tp *tap) sent() map[string][]event {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	sent := make(map[string][]event, len(tp.events))
	for id, times := range tp.events {
		sent[id] = append([]event(nil), times...)
	}
	return sent
}
