package spapi

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// cleaver is an SP-API that is not HTTP's friend: it does with each connection
// what the test says, and counts connections and requests.
type cleaver struct {
	listener net.Listener
	url      string
	done     sync.WaitGroup
	accepted atomic.Int32
	bytes    atomic.Int64 // that came
	requests atomic.Int32 // that came whole
}

// newCleaver gives a connection to handle whenever a request has come whole. It ends
// the connection unless handle reports that it is to be kept.
func newCleaver(t *testing.T, handle func(net.Conn) (keep bool)) *cleaver {
	t.Helper()
	c := new(cleaver)
	var err error
	if c.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	c.url = "http://" + c.listener.Addr().String()
	c.done.Go(func() {
		for {
			conn, err := c.listener.Accept()
			if err != nil {
				return
			}
			c.accepted.Add(1)
			c.done.Go(func() {
				defer conn.Close()
				counted := bufio.NewReader(&counter{Conn: conn, total: &c.bytes})
				for keep := true; keep; {
					request, err := http.ReadRequest(counted)
					if err != nil {
						return
					}
					if _, err := io.Copy(io.Discard, request.Body); err != nil {
						return
					}
					c.requests.Add(1)
					keep = handle(conn)
				}
			})
		}
	})
	t.Cleanup(c.wait)
	return c
}

// wait ends it, when all that came to it has been read.
func (c *cleaver) wait() {
	_ = c.listener.Close()
	c.done.Wait()
}

type counter struct {
	net.Conn
	total *atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.total.Add(int64(n))
	return n, err
}

// seller calls an SP-API at an address over once.
func (f *fake) sellerOver(t *testing.T, api string, once http.RoundTripper) *Seller {
	t.Helper()
	client, err := New(Config{
		LWAEndpoint: f.URL, Clock: simulatortest.NewClock(), Timeout: 10 * time.Second, Once: once,
		Endpoints: map[model.Region]string{model.Europe: api},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	seller, err := client.Seller(testSeller("acme-eu"))
	if err != nil {
		t.Fatal(err)
	}
	return seller
}

func createFeed(ctx context.Context, s *Seller) error {
	_, _, err := s.CreateFeed(ctx, model.CreateFeedRequest{
		FeedType: model.JSONListingsFeed, MarketplaceIDs: []string{"A1PA6795UKMFR9"}, InputFeedDocumentID: "d",
	})
	return err
}

// accept answers as Amazon does.
func accept(conn net.Conn) (keep bool) {
	fmt.Fprint(conn, "HTTP/1.1 202 Accepted\r\nContent-Length: 14\r\n\r\n{\"feedId\":\"1\"}")
	return true
}

// TestCreateFeedIsSentOnce loses its answer in every way there is, on a connection
// that has carried a good one, where http.Transport would try again.
func TestCreateFeedIsSentOnce(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(net.Conn){
		"closed":             func(net.Conn) {},
		"reset":              func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) },
		"closed in its head": func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 202 Acc") },
		"closed in its body": func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\n{") },
		"no HTTP":            func(c net.Conn) { fmt.Fprint(c, "220 smtp\r\n") },
		"no feed id":         func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}") },
		"no JSON":            func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nOK") },
		"a redirect":         func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 308 X\r\nLocation: /feeds\r\nContent-Length: 0\r\n\r\n") },
		"408":                func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 408 X\r\nContent-Length: 0\r\n\r\n") },
		"500":                func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n") },
		"200":                func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"feedId\":\"1\"}") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answered := false
			c := newCleaver(t, func(conn net.Conn) bool {
				if !answered {
					answered = true
					return accept(conn)
				}
				end(conn)
				return false
			})
			s := newFake(t).sellerOver(t, c.url, nil)
			if err := createFeed(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			err := createFeed(t.Context(), s)
			class := model.Ambiguous
			if name == "no feed id" || name == "no JSON" {
				class = model.Malformed
			}
			if refusal := wantError(t, err, model.CreateFeed, class); refusal.NotSent {
				t.Errorf("%v is said to be unsent", err)
			}
			s.client.Close()
			if c.wait(); c.requests.Load() != 2 || c.accepted.Load() != 1 {
				t.Errorf("%d requests over %d connections", c.requests.Load(), c.accepted.Load())
			}
		})
	}
}

// TestACallThatIsCancelledWhileAmazonThinksIsInDoubt is the end of a unit that
// does not wait any longer.
func TestACallThatIsCancelledWhileAmazonThinksIsInDoubt(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	c := newCleaver(t, func(conn net.Conn) bool {
		cancel()
		_, _ = conn.Read(make([]byte, 1)) // until the client is gone
		return false
	})
	err := createFeed(ctx, newFake(t).sellerOver(t, c.url, nil))
	if refusal := wantError(t, err, model.CreateFeed, model.Ambiguous); refusal.NotSent {
		t.Errorf("%+v", refusal)
	}
}

// dialed is a transport whose connections are made by dial.
func dialed(dial func(context.Context) (net.Conn, error)) http.RoundTripper {
	base := NewTransport()
	base.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }
	return NewOnceTransport(base)
}

// nobody is an address where nobody listens, and which nobody else can take: a connection
// begins there.
func nobody(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}}).DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.LocalAddr().String()
}

func TestWhatWasNotSentIsSaidSo(t *testing.T) {
	t.Parallel()
	foreign := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request came") }))
	t.Cleanup(foreign.Close)
	foreign.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	foreign.StartTLS()
	plain := newCleaver(t, func(net.Conn) bool { t.Error("a request came"); return false })
	for name, test := range map[string]struct {
		api  string
		once http.RoundTripper
	}{
		"nobody listens":       {"http://" + nobody(t), nil},
		"no such host":         {"http://amazon.invalid", dialed(func(context.Context) (net.Conn, error) { return nil, &net.DNSError{Err: "no such host"} })},
		"foreign certificate":  {foreign.URL, nil},
		"no TLS":               {strings.Replace(plain.url, "http:", "https:", 1), nil},
		"a dialer's own error": {"https://amazon.invalid", dialed(func(context.Context) (net.Conn, error) { return nil, errors.New("no way") })},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := createFeed(t.Context(), newFake(t).sellerOver(t, test.api, test.once))
			if refusal := wantError(t, err, model.CreateFeed, model.Unavailable); !refusal.NotSent {
				t.Errorf("%v is not said to be unsent", err)
			}
		})
	}
}

// TestConnectionsAreUsedAgain counts the TLS handshakes of calls that must be sent
// once. A server that offers HTTP/2 gets HTTP/1.1, whose connections have one request
// at a time.
func TestConnectionsAreUsedAgain(t *testing.T) {
	t.Parallel()
	const callers, calls = 4, 25
	amazon := newAmazonAt(t, "HTTP/2", nil)
	seller := newFake(t).sellerAt(t, amazon, "HTTP/2", false)
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range calls {
				if err := createFeed(StartBy(t.Context(), time.Now().Add(time.Minute)), seller); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	handshakes := 0
	amazon.from.Range(func(any, any) bool { handshakes++; return true })
	// A connection is made while one that becomes free is waited for.
	if carried := amazon.carriedOut.Load(); carried != callers*calls || handshakes > 2*callers {
		t.Errorf("%d requests over %d connections, want %d over %d at most", carried, handshakes, callers*calls, 2*callers)
	}
}

// TestAConnectionThatIsClosedAtTheLastMoment has Amazon close the warm connection when
// it was chosen and nothing is written to it yet. The request goes out over a new one, or
// is said to be unsent or in doubt; whatever of it came, came once.
func TestAConnectionThatIsClosedAtTheLastMoment(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*net.TCPConn) error{
		"closed": (*net.TCPConn).Close,
		"reset":  func(c *net.TCPConn) error { return errors.Join(c.SetLinger(0), c.Close()) },
	} {
		for wait, seen := range map[time.Duration]string{0: "unseen", 100 * time.Millisecond: "and seen"} {
			t.Run(name+" "+seen, func(t *testing.T) {
				t.Parallel()
				var warm net.Conn
				c := newCleaver(t, func(conn net.Conn) bool {
					warm = conn
					return accept(conn)
				})
				s := newFake(t).sellerOver(t, c.url, nil)
				if err := createFeed(t.Context(), s); err != nil {
					t.Fatal(err)
				}
				err := createFeed(httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) {
					if got.Reused {
						_ = end(warm.(*net.TCPConn))
						time.Sleep(wait)
					}
				}}), s)
				var refusal *model.Error
				doubt := errors.As(err, &refusal) && !refusal.NotSent
				s.client.Close()
				c.wait()
				came := c.requests.Load() - 1
				if came > 1 || came == 0 && err == nil || came == 1 && err != nil && !doubt {
					t.Errorf("%d requests came; %v", came, err)
				}
				if wait > 0 && (came != 1 || err != nil) {
					t.Errorf("%d requests came, and %v: the end was seen before a byte was written", came, err)
				}
			})
		}
	}
}
