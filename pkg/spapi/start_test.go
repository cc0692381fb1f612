package spapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// startWithin is short, since some tests wait until it is over; tests that need
// a call to start in time give it a minute.
const startWithin = 300 * time.Millisecond

// amazonAt is an SP-API over one of the protocols. answer runs before it answers.
type amazonAt struct {
	*httptest.Server
	carriedOut atomic.Int32 // requests that came whole
	from       sync.Map     // addresses of connections
}

func newAmazonAt(t *testing.T, protocol string, answer func()) *amazonAt {
	t.Helper()
	a := new(amazonAt)
	a.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n, err := r.Body.Read(make([]byte, 1<<10)); n == 0 && r.Method != http.MethodDelete {
			t.Logf("%s %s came without its body: %v", r.Method, r.URL.Path, err)
			return
		}
		a.carriedOut.Add(1)
		a.from.Store(r.RemoteAddr, nil)
		if answer != nil {
			answer()
		}
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusAccepted)
		}
		fmt.Fprint(w, `{"feedId":"1","sku":"sku","status":"ACCEPTED","submissionId":"1"}`)
	}))
	switch protocol {
	case "HTTP/1.1":
		a.Start()
	case "HTTPS":
		a.StartTLS()
	default:
		a.EnableHTTP2 = true
		a.StartTLS()
	}
	t.Cleanup(a.Close)
	return a
}

// sellerAt calls the server, which it trusts; signed, with AWS credentials.
func (f *fake) sellerAt(t *testing.T, a *amazonAt, protocol string, signed bool) *Seller {
	t.Helper()
	base := NewTransport()
	if a.TLS != nil {
		base.TLSClientConfig = a.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
		base.TLSClientConfig.NextProtos = nil
	}
	base.ForceAttemptHTTP2 = protocol == "HTTP/2"
	client, err := New(Config{
		LWAEndpoint: f.URL, Clock: simulatortest.NewClock(), Timeout: 10 * time.Second, Base: &toLWA{f.URL, base}, Once: NewOnceTransport(base),
		Endpoints: map[model.Region]string{model.Europe: a.URL},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	cfg := testSeller("acme-eu")
	if signed {
		cfg.Credentials = credentials.NewStaticCredentialsProvider("id", "secret", "")
	}
	seller, err := client.Seller(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return seller
}

// toLWA lets the requests to LWA by a transport of their own.
type toLWA struct {
	lwa  string
	next http.RoundTripper
}

func (l *toLWA) RoundTrip(req *http.Request) (*http.Response, error) {
	if "http://"+req.URL.Host == l.lwa {
		return http.DefaultTransport.RoundTrip(req)
	}
	return l.next.RoundTrip(req)
}

// eachWriter runs test for operations that write, one for each shape of request: over a
// connection that is its own meanwhile, with and without a body, and over a shared one. It does so over
// all protocols, and with and without signatures.
func eachWriter(t *testing.T, test func(t *testing.T, operation, protocol string, signed bool, write func(context.Context, *Seller) error)) {
	t.Helper()
	for operation, write := range map[string]func(context.Context, *Seller) error{
		model.CreateFeed: createFeed,
		model.CancelFeed: func(ctx context.Context, s *Seller) error {
			_, _, err := s.CancelFeed(ctx, model.CancelFeedRequest{FeedID: "1"})
			return err
		},
		model.PatchListingsItem: func(ctx context.Context, s *Seller) error {
			_, _, err := s.PatchQuantity(ctx, model.PatchQuantityRequest{
				SellerID: "S", SKU: "sku", MarketplaceID: "A1PA6795UKMFR9", ProductType: "PRODUCT", FulfillmentChannelCode: "DEFAULT", Quantity: 1,
			})
			return err
		},
	} {
		for _, protocol := range []string{"HTTP/1.1", "HTTPS", "HTTP/2"} {
			for _, signed := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s over %s, signed %v", operation, protocol, signed), func(t *testing.T) {
					t.Parallel()
					test(t, operation, protocol, signed, write)
				})
			}
		}
	}
}

// TestNothingIsSentAfterTheTimeToStart lets that time pass at the last moment
// before the request is written: when its connection is there.
func TestNothingIsSentAfterTheTimeToStart(t *testing.T) {
	t.Parallel()
	eachWriter(t, func(t *testing.T, operation, protocol string, signed bool, write func(context.Context, *Seller) error) {
		amazon := newAmazonAt(t, protocol, nil)
		seller := newFake(t).sellerAt(t, amazon, protocol, signed)
		if err := write(StartBy(t.Context(), time.Now().Add(time.Minute)), seller); err != nil {
			t.Fatalf("in time: %v", err)
		}
		by := time.Now().Add(startWithin)
		ctx := httptrace.WithClientTrace(StartBy(t.Context(), by), &httptrace.ClientTrace{
			GotConn: func(httptrace.GotConnInfo) { time.Sleep(time.Until(by)) },
		})
		err := write(ctx, seller)
		if refusal := wantError(t, err, operation, model.Unavailable); !refusal.NotSent || !errors.Is(err, ErrLate) {
			t.Errorf("too late: %v, not sent %v; want ErrLate and NotSent", err, refusal.NotSent)
		}
		if n := amazon.carriedOut.Load(); n != 1 {
			t.Errorf("%d requests came whole, want only the one in time", n)
		}
	})
}

// TestALateAnswerIsAnAnswer makes Amazon answer when the time to start is over. That
// time is longer after each call that a busy machine has not started in it.
func TestALateAnswerIsAnAnswer(t *testing.T) {
	t.Parallel()
	eachWriter(t, func(t *testing.T, _, protocol string, signed bool, write func(context.Context, *Seller) error) {
		var by time.Time
		amazon := newAmazonAt(t, protocol, func() { time.Sleep(time.Until(by)) })
		seller := newFake(t).sellerAt(t, amazon, protocol, signed)
		if err := write(t.Context(), seller); err != nil { // which brings the token
			t.Fatal(err)
		}
		for within := startWithin; ; within *= 3 {
			by = time.Now().Add(within)
			err := write(StartBy(t.Context(), by), seller)
			if errors.Is(err, ErrLate) && amazon.carriedOut.Load() == 1 && within < time.Minute {
				continue
			}
			if err != nil || time.Now().Before(by) {
				t.Errorf("%v, %s after the time to start", err, time.Since(by))
			}
			return
		}
	})
}

// TestReadsMayStartAtAnyTime: StartBy is for what writes.
func TestReadsMayStartAtAnyTime(t *testing.T) {
	t.Parallel()
	amazon := newAmazonAt(t, "HTTP/1.1", nil)
	seller := newFake(t).sellerAt(t, amazon, "HTTP/1.1", false)
	_, _, err := seller.GetFeed(StartBy(t.Context(), time.Now().Add(-time.Second)), model.GetFeedRequest{FeedID: "1"})
	if errors.Is(err, ErrLate) {
		t.Error(err)
	}
}
