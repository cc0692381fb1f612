package main

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/fakekafka"
)

// watched is a Kafka and a schema registry that note what would change them.
type watched struct {
	file string // the configuration

	mu     sync.Mutex
	writes []string
	asked  int // requests to the registry
	on     bool
}

// readRequests are those of Kafka's that change nothing.
func readRequests() []kmsg.Key {
	return []kmsg.Key{
		kmsg.ApiVersions, kmsg.Metadata, kmsg.Fetch, kmsg.ListOffsets, kmsg.OffsetForLeaderEpoch, kmsg.OffsetFetch, kmsg.FindCoordinator,
		kmsg.DescribeConfigs, kmsg.DescribeGroups, kmsg.ListGroups, kmsg.DescribeCluster, kmsg.DescribeTransactions, kmsg.ListTransactions,
		kmsg.DescribeTopicPartitions, kmsg.ConsumerGroupDescribe, kmsg.GetTelemetrySubscriptions,
	}
}

func newWatched(t *testing.T) *watched {
	t.Helper()
	w := &watched{}
	cluster := fakekafka.New(t, kfake.NumBrokers(1))
	cluster.Control(func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		metadata, _ := req.(*kmsg.MetadataRequest)
		if !slices.Contains(readRequests(), kmsg.Key(req.Key())) || metadata != nil && metadata.AllowAutoTopicCreation {
			w.note(kmsg.NameForKey(req.Key()))
		}
		return nil, nil, false
	})
	subjects := srfake.New()
	t.Cleanup(subjects.Close)
	behind, err := url.Parse(subjects.URL())
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(behind)
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		looks := r.Method == http.MethodGet || r.Method == http.MethodPost && (strings.HasPrefix(r.URL.Path, "/compatibility/") || !strings.HasSuffix(r.URL.Path, "/versions"))
		w.mu.Lock()
		w.asked++
		w.mu.Unlock()
		if !looks {
			w.note(r.Method + " " + r.URL.Path)
		}
		proxy.ServeHTTP(rw, r)
	}))
	t.Cleanup(front.Close)
	w.file = configWith(t, cluster.ListenAddrs()[0], front.URL, "")
	return w
}

func (w *watched) note(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.on {
		w.writes = append(w.writes, what)
	}
}

// watching begins, and returns a function that ends it and lists what was written.
func (w *watched) watching() func() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.on, w.writes, w.asked = true, nil, 0
	return func() []string {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.on = false
		return w.writes
	}
}

// readingCommands are those that say that they only look. doctor, which asks AWS and
// Amazon besides, has its own tests.
func readingCommands() [][]string {
	return [][]string{
		{"accounts"}, {"accounts", "acme-eu"}, {"switches"}, {"topics", "plan"}, {"topics", "acls"},
		{"deadletters", "list"}, {"deadletters", "show", "record"}, {"deadletters", "retry", "record", "--dry-run"},
		{"replay", "--topic", "orders", "--dry-run"}, {"replay", "--topic", "order-changes", "--type", "X", "--dry-run"},
		{"replay", "--topic", "order-changes", "--reset", "--from", "1h", "--dry-run"},
		{"backfill", "--account", "acme-eu"},
		{"tail", "dead-letters"}, {"tail", "orders", "--since", "1h"}, {"alerts"}, {"lag"},
	}
}

// maxAsked is how many requests a command may have for the registry: those about the
// schemas that it reads or writes, of the 71 that there are. The command topics asks for
// the compatibility of those that others write, too.
const maxAsked = 9

// What only looks writes nothing, neither to Kafka nor to the registry, whether or not
// there is anything under its prefix. No command asks for schemas that it does not need.
func TestReadingCommandsWriteNothing(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	putLetters(t, w.file)
	writeState(t, w.file, schemas.StateOrders, map[string]any{
		"order/acme-eu/202-1": &schemas.OrderState{Account: "acme-eu", OrderID: "202-1", Pending: true, PendingSince: time.Now()},
	})
	mistyped := w.file + ".mistyped"
	text, err := os.ReadFile(w.file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(mistyped, append([]byte("prefix: sellerstraem.\n"), text...), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{w.file, mistyped} {
		for _, args := range readingCommands() {
			wrote := w.watching()
			said, _ := executeIn(t, nil, append(args, "--config", file)...)
			if writes := wrote(); len(writes) > 0 {
				t.Errorf("%v wrote %q", args, writes)
			}
			w.askedLittle(t, args)
			needsTopic := slices.Contains([]string{"deadletters", "switches", "tail", "alerts", "lag"}, args[0])
			if file == mistyped && needsTopic && !(strings.Contains(said, "there is no topic sellerstraem.") && strings.Contains(said, `"sellerstream."`)) {
				t.Errorf("%v does not name the right prefix:\n%s", args, said)
			}
		}
	}
	// The watch sees what is written.
	for _, args := range [][]string{
		{"pause", "--account", "acme-eu"}, {"accounts", "retry", "acme-eu"}, {"deadletters", "retry", "record"}, {"topics", "apply", "--yes"},
		{"replay", "--topic", "order-changes", "--yes"}, {"replay", "--topic", "order-changes", "--reset", "--from", "1h", "--yes"},
	} {
		wrote := w.watching()
		file := map[bool]string{true: w.file, false: mistyped}[args[0] != "topics"]
		if said, _ := executeIn(t, nil, append(args, "--config", file)...); len(wrote()) == 0 {
			t.Errorf("%v seems to write nothing:\n%s", args, said)
		}
		w.askedLittle(t, args)
	}
}

func (w *watched) askedLittle(t *testing.T, args []string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.asked > maxAsked {
		t.Errorf("%v asked the registry %d times", args, w.asked)
	}
}
