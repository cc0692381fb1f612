package pipeline

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/runtime/blame"
	"github.com/sellerstream/sellerstream/pkg/runtime/breaker"
	"github.com/sellerstream/sellerstream/pkg/runtime/executor"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/spapi"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/feeds"
	"github.com/sellerstream/sellerstream/processors/inventory"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	uploadHost, reportHost = "upload.example", "report.example"
	germany                = "A1PA6795UKMFR9"
)

// lane is both roles of a feed's lane, with the executor and the SP-API client that a
// run has, on a clock of the test's.
type lane struct {
	t         *testing.T
	now       time.Time
	exec      *executor.Executor
	inventory *machinetest.Runtime[*inventory.Machine]
	feeds     *machinetest.Runtime[*feeds.Machine]
	carried   []any // records that one role wrote for the other
	messages  int   // of the feed that was uploaded
	reached   map[string]int
	outcomes  map[string]int
	alerts    []*schemas.Alert
	ended     int // how many of them
}

func (l *lane) Now() time.Time                     { return l.now }
func (l *lane) Real(d time.Duration) time.Duration { return d }
func (l *lane) CloseIdleConnections()              {}

// RoundTrip is Amazon, whose documents are at two hosts.
func (l *lane) RoundTrip(req *http.Request) (*http.Response, error) {
	l.reached[req.URL.Host]++
	status := http.StatusOK
	answer := func(text string) (*http.Response, error) {
		return &http.Response{
			StatusCode: status, Body: io.NopCloser(strings.NewReader(text)), Request: req,
			Header: http.Header{"Content-Type": {"application/json"}, "X-Amzn-Requestid": {"1"}},
		}, nil
	}
	switch path := req.URL.Path; {
	case req.URL.Host == uploadHost:
		var feed struct{ Messages []any }
		if err := json.NewDecoder(req.Body).Decode(&feed); err != nil {
			return nil, err
		}
		l.messages = len(feed.Messages)
		return answer("")
	case req.URL.Host == reportHost:
		return answer(fmt.Sprintf(`{"header":{"sellerId":"A1","version":"2.0","feedId":"77"},"issues":[],"summary":{"errors":0,"warnings":0,"messagesProcessed":%d,"messagesAccepted":%d,"messagesInvalid":0}}`, l.messages, l.messages))
	case path == "/auth/o2/token":
		return answer(`{"access_token":"a","expires_in":3600}`)
	case strings.HasSuffix(path, "/documents"):
		status = http.StatusCreated
		return answer(`{"feedDocumentId":"d1","url":"https://` + uploadHost + `/d1"}`)
	case strings.HasSuffix(path, "/documents/d2"):
		return answer(`{"feedDocumentId":"d2","url":"https://` + reportHost + `/d2"}`)
	case strings.HasSuffix(path, "/feeds") && req.Method == http.MethodPost:
		status = http.StatusAccepted
		return answer(`{"feedId":"77"}`)
	case strings.HasSuffix(path, "/feeds/77"):
		return answer(fmt.Sprintf(`{"feedId":"77","feedType":%q,"marketplaceIds":[%q],"createdTime":%q,"processingStatus":"DONE","resultFeedDocumentId":"d2"}`,
			model.JSONListingsFeed, germany, l.now.Format(time.RFC3339)))
	}
	l.t.Errorf("unexpected: %s %s", req.Method, req.URL)
	return answer(`{}`)
}

// start is a run with these document hosts: of the runs before it the state is left.
func (l *lane) start(hosts ...string) {
	client, err := spapi.New(spapi.Config{Base: l, Once: l, Clock: l, DocumentHosts: hosts})
	if err != nil {
		l.t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	l.exec = executor.New(func(id string) (*spapi.Seller, error) {
		return client.Seller(spapi.SellerConfig{
			Account: id, Region: model.Europe, RefreshToken: secrets.Literal(secrets.New("r")),
			Application: spapi.Application{Name: "main", ClientID: "c", ClientSecret: secrets.Literal(secrets.New("s"))},
		})
	}, breaker.New(l, log), new(blame.Tally), l, log)
	for _, restart := range []func(){l.inventory.Restart, l.feeds.Restart} {
		restart()
	}
}

func newLane(t *testing.T) *lane {
	directory, err := account.NewDirectory([]account.Account{{ID: "a", SellerID: "A1", Region: model.Europe, Marketplaces: []string{germany}}})
	if err != nil {
		t.Fatal(err)
	}
	accounts := func() *account.Directory { return directory }
	l := &lane{t: t, now: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), reached: map[string]int{}, outcomes: map[string]int{}}
	unchecked := func(machine.Call) {}
	l.inventory = machinetest.New(t, machinetest.Config[*inventory.Machine]{
		Processor: inventory.Processor, Operations: inventory.Operations(), Now: l.now, Committed: l.committed, Check: unchecked,
		Build: func() *inventory.Machine { return inventory.New(inventory.Config{Accounts: accounts, PatchBelow: -1}) },
	})
	l.feeds = machinetest.New(t, machinetest.Config[*feeds.Machine]{
		Processor: feeds.Processor, Operations: feeds.Operations(), Now: l.now, Committed: l.committed, Check: unchecked,
		Build: func() *feeds.Machine { return feeds.New(feeds.Config{Accounts: accounts}) },
	})
	return l
}

func (l *lane) committed(tx *machine.Tx) {
	for _, out := range tx.Outputs {
		switch v := out.Value.(type) {
		case *schemas.InventoryResult:
			l.outcomes[v.Outcome]++
		case *schemas.Alert:
			if v.Resolves != "" {
				l.ended++
				break
			}
			l.alerts = append(l.alerts, v)
		default:
			l.carried = append(l.carried, v)
		}
	}
}

// follow lets time pass by half minutes, and carries records from role to role.
func (l *lane) follow(d time.Duration) {
	for end := l.now.Add(d); l.now.Before(end); l.now = l.now.Add(30 * time.Second) {
		l.inventory.Now, l.feeds.Now = l.now, l.now
		results, submissions := l.carried, []any(nil)
		l.carried = nil
		if i := slices.IndexFunc(results, func(v any) bool { _, ok := v.(*schemas.FeedSubmission); return ok }); i >= 0 {
			submissions = []any{results[i]}
			results = slices.Delete(results, i, i+1)
		}
		round(l, l.inventory, results)
		round(l, l.feeds, submissions)
	}
}

func round[M machine.Machine](l *lane, r *machinetest.Runtime[M], values []any) {
	for calls := r.Take(values...); len(calls) > 0; {
		var results []machine.Result
		for _, call := range calls {
			res := l.exec.Execute(l.t.Context(), call)
			res.Call = call
			results = append(results, res)
		}
		calls = r.Tick(nil, results...)
	}
}

// A document host that spapi.document_hosts does not have, be it for the upload or for
// the report, costs no update: the lane holds, one alert names host and setting, and
// all goes on when a run has the host in its setting.
func TestADocumentHostThatIsNotAllowed(t *testing.T) {
	t.Parallel()
	l := newLane(t)
	holds := func(host string, outcomes int) {
		t.Helper()
		l.follow(5 * time.Hour)
		if l.reached[host] > 0 || len(l.outcomes) > 0 || outcomes > 0 {
			t.Fatalf("%s: reached %v, outcomes %v", host, l.reached, l.outcomes)
		}
		if len(l.alerts) != 1 || !strings.Contains(l.alerts[0].Message, host) || !strings.Contains(l.alerts[0].Message, "spapi.document_hosts") {
			t.Fatalf("%s: %s", host, said(l.alerts))
		}
		l.alerts = nil
	}
	l.start()
	var updates []any
	for n := range 150 {
		updates = append(updates, &schemas.InventoryUpdate{Account: "a", UpdateID: fmt.Sprint(n), SKU: fmt.Sprint("sku-", n), Quantity: 5, EventTime: l.now})
	}
	l.inventory.Take(updates...)
	holds(uploadHost, 0)
	l.start(uploadHost)
	holds(reportHost, 0)
	if l.messages != 150 || l.reached[uploadHost] != 1 {
		t.Fatalf("%d messages were uploaded in %d documents", l.messages, l.reached[uploadHost])
	}
	l.start(uploadHost, reportHost)
	l.follow(time.Hour)
	if l.outcomes["APPLIED"] != 150 || len(l.outcomes) != 1 || len(l.alerts) > 0 || l.ended != 2 || l.inventory.Machine.Pending() > 0 {
		t.Errorf("outcomes %v, %d alerts ended, alerts %s", l.outcomes, l.ended, said(l.alerts))
	}
}

func said(alerts []*schemas.Alert) string {
	var text strings.Builder
	for _, alert := range alerts {
		fmt.Fprintf(&text, "%s: %s\n", alert.EventType, alert.Message)
	}
	return text.String()
}
