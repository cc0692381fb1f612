package subscriptions

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	german   = "seller-1-de"
	american = "seller-2-us"
	british  = "seller-3-uk"

	ourQueue   = "arn:aws:sqs:eu-west-1:1:" + simulator.DefaultQueue
	otherQueue = "arn:aws:sqs:eu-west-1:1:other"
)

// world is a simulated Amazon, with three sellers in two regions, in this
// process: no connection, so that it runs in virtual time.
type world struct {
	*simulator.Simulator
	t *testing.T
}

func newWorld(t *testing.T, change ...func(*simulator.Config)) *world {
	t.Helper()
	config := simulator.Config{
		Applications: []simulator.Application{{Name: "shop", ClientID: "client", ClientSecrets: []string{"secret"}}},
		Accounts:     simulator.Sellers(3, "shop"),
	}
	for _, f := range change {
		f(&config)
	}
	s, err := simulator.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &world{s, t}
}

// RoundTrip serves a request by the handler that its host names.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	handler := w.LWA()
	for _, region := range []model.Region{model.Europe, model.NorthAmerica} {
		if r.URL.Host == string(region)+".test" {
			handler = w.SPAPI(region)
		}
	}
	return simulatortest.InProcess{Server: handler}.Do(r)
}

// keeper is one of a process of its own: with its own tokens and buckets.
func (w *world) keeper(change func(*Options)) *Keeper {
	w.t.Helper()
	client, err := spapi.New(spapi.Config{
		LWAEndpoint: "http://lwa.test", Base: w,
		Endpoints: map[model.Region]string{model.Europe: "http://eu.test", model.NorthAmerica: "http://na.test"},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(client.Close)
	application := spapi.Application{Name: "shop", ClientID: "client", ClientSecret: secrets.Literal(secrets.New("secret"))}
	var targets []Target
	for _, region := range []model.Region{model.Europe, model.NorthAmerica} {
		caller, err := client.Grantless(application, region)
		if err != nil {
			w.t.Fatal(err)
		}
		target := Target{Application: "shop", Region: region, QueueARN: ourQueue, Caller: caller}
		for _, a := range w.Accounts() {
			if a.Region != region {
				continue
			}
			seller, err := client.Seller(spapi.SellerConfig{
				Account: a.ID, Region: region, Application: application, RefreshToken: secrets.Literal(secrets.New(a.RefreshToken)),
			})
			if err != nil {
				w.t.Fatal(err)
			}
			target.Accounts = append(target.Accounts, Account{ID: a.ID, Caller: seller})
		}
		targets = append(targets, target)
	}
	opts := Options{Targets: func() []Target { return targets }, Logger: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&opts)
	}
	k, err := New(opts)
	if err != nil {
		w.t.Fatal(err)
	}
	return k
}

// complete reports whether each seller has one subscription of each type, to our
// queue, and nothing else.
func (w *world) complete() bool {
	seen := map[[2]string]int{}
	for _, s := range w.Subscriptions() {
		if s.Destination != ourQueue {
			return false
		}
		seen[[2]string{s.Account, s.NotificationType}]++
	}
	for _, n := range seen {
		if n != 1 {
			return false
		}
	}
	return len(seen) == 6
}

// applied counts the calls of an operation that took effect, and all its calls.
func (w *world) applied(operation string) (applied, calls int) {
	for _, c := range w.Ledger.Counts() {
		if c.Operation == operation {
			return c.Applied, c.Calls
		}
	}
	return 0, 0
}

// states counts the rows of a report.
func states(r Report) map[State]int {
	n := map[State]int{}
	for _, d := range r.Destinations {
		n[d.State]++
	}
	for _, s := range r.Subscriptions {
		n[s.State]++
	}
	return n
}

// settle is longer than any pass over this world takes.
const settle = 2 * time.Minute
