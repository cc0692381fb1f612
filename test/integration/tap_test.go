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

	mu         sync.Mutex
	events     map[string][]event // by id, every time it was sent
	unanswered map[string]bool    // ids of batches whose sender was gone before it could be answered
	grown      chan struct{}      // closed at the next batch
	applied    func(batch []string, total int)
	total      int
}

// event is an entry of PutEvents.
type event struct {
	detailType string
	detail     []byte
	resources  []string
	arrived    time.Time
}

func startTap(t *testing.T, endpoint string) *tap {
	t.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	tp := &tap{events: make(map[string][]event), unanswered: make(map[string]bool), grown: make(chan struct{})}
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
			tp.record(r.Context(), t, body, arrived)
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
func (tp *tap) record(sender context.Context, t *testing.T, body []byte, arrived time.Time) {
	t.Helper()
	var sent struct {
		Entries []struct {
			DetailType, Detail string
			Resources          []string
		}
	}
	if err := json.Unmarshal(body, &sent); err != nil {
		t.Errorf("PutEvents with %s: %v", body, err)
		return
	}
	tp.mu.Lock()
	defer tp.mu.Unlock()
	var batch []string
	for _, entry := range sent.Entries {
		var d struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal([]byte(entry.Detail), &d); err != nil || d.ID == "" {
			t.Errorf("detail %s has no id: %v", entry.Detail, err)
		}
		tp.events[d.ID] = append(tp.events[d.ID], event{entry.DetailType, []byte(entry.Detail), entry.Resources, arrived})
		batch = append(batch, d.ID)
	}
	tp.total += len(batch)
	close(tp.grown)
	tp.grown = make(chan struct{})
	if sender.Err() != nil {
		for _, id := range batch {
			tp.unanswered[id] = true
		}
	}
	if tp.applied != nil {
		tp.applied(batch, tp.total)
	}
}

// whenApplied has f called, until it says that it is done, after a batch was
// applied and before its answer: with the batch's ids and the number of entries
// so far. f must not wait for another batch.
func (tp *tap) whenApplied(f func(batch []string, total int) (done bool)) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	tp.applied = func(batch []string, total int) {
		if f(batch, total) {
			tp.applied = nil
		}
	}
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
			tp.mu.Lock()
			there := countEvents(tp.events)
			tp.mu.Unlock()
			t.Fatalf("%s did not reach EventBridge: %v; there are %v", what, context.Cause(ctx), there)
		}
	}
}

// seen is what was sent, by id, and the ids whose sender may not know that they
// were taken. It is for after the pipeline's end.
func (tp *tap) seen() (sent map[string][]event, unanswered map[string]bool) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	return tp.events, tp.unanswered
}
