package registry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
	"go.uber.org/goleak"

	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a codec and the registry it talks to, whose requests are counted
// and can be made to fail.
type fixture struct {
	*registry.Codec
	registry *srfake.Registry
	requests atomic.Int64
	asked    chan struct{} // closed at the first request
	down     atomic.Int64  // status to answer with; 0 is up
	url      string
}

// newFixture registers what most tests need: srfake takes a second for all under the race
// detector.
func newFixture(t testing.TB) *fixture {
	t.Helper()
	f := startRegistry(t)
	f.Codec = newCodec(t, f.url, true, schemas.Orders, schemas.OrderChanges, schemas.DeadLetters, schemas.StateOrders, schemas.FeedResults)
	return f
}

// newWholeFixture registers all.
func newWholeFixture(t testing.TB) *fixture {
	t.Helper()
	f := startRegistry(t)
	f.Codec = newCodec(t, f.url, true)
	return f
}

func startRegistry(t testing.TB) *fixture {
	f := &fixture{registry: srfake.NewRegistry(), asked: make(chan struct{})}
	f.registry.Intercept(func(w http.ResponseWriter, _ *http.Request) bool {
		if f.requests.Add(1) == 1 {
			close(f.asked)
		}
		if status := f.down.Load(); status != 0 {
			http.Error(w, "down", int(status))
			return true
		}
		return false
	})
	server := httptest.NewServer(f.registry.Handler())
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

func config(t testing.TB, url string, register bool) registry.Config {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return registry.Config{
		Client:   []sr.ClientOpt{sr.URLs(url), sr.HTTPClient(&http.Client{Transport: transport, Timeout: 5 * time.Second})},
		Prefix:   schemas.DefaultPrefix,
		Register: register,
		Logger:   slog.New(slog.DiscardHandler),
	}
}

func newCodec(t testing.TB, url string, register bool, topics ...string) *registry.Codec {
	t.Helper()
	cfg := config(t, url, register)
	cfg.Topics = topics
	codec, err := registry.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return codec
}

// Every record comes back on every topic that it belongs to. (That values of
// every shape do is tested in package schemas.)
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	f := newWholeFixture(t)
	for _, topic := range schemas.Topics() {
		for _, name := range topic.Records {
			record, _ := schemas.Of(name)
			text, err := os.ReadFile("../../../schemas/testdata/golden/" + record.File() + ".json")
			if err != nil {
				t.Fatal(err)
			}
			want := record.New()
			if err := json.Unmarshal(text, want); err != nil {
				t.Fatal(err)
			}
			data, err := f.AppendEncode([]byte("before"), topic.Name, want)
			if err != nil {
				t.Fatal(err)
			}
			got, err := f.Decode(t.Context(), topic.Name, bytes.TrimPrefix(data, []byte("before")))
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s on %s: got %+v, %v\nwant %+v", name, topic.Name, got, err, want)
			}
			f.checkReuse(t, topic.Name, got)
		}
	}
}

// checkReuse decodes an empty value into a full one: nothing of that is left. A value of
// another type is left alone.
func (f *fixture) checkReuse(t *testing.T, topic string, full any) {
	t.Helper()
	empty := reflect.New(reflect.TypeOf(full).Elem()).Interface()
	data, err := f.AppendEncode(nil, topic, empty)
	if err != nil {
		t.Fatal(err)
	}
	want, err := f.Decode(t.Context(), topic, data)
	if err != nil {
		t.Fatal(err)
	}
	other := &struct{ n int }{1}
	got, err := f.DecodeInto(t.Context(), topic, data, other)
	if err != nil || !reflect.DeepEqual(got, want) || other.n != 1 {
		t.Errorf("%T on %s beside another type: got %+v, %v\nwant %+v", full, topic, got, err, want)
	}
	got, err = f.DecodeInto(t.Context(), topic, data, full)
	if err != nil || got != full || !reflect.DeepEqual(got, want) {
		t.Errorf("%T on %s again: got %+v, %v\nwant %+v", full, topic, got, err, want)
	}
}

func TestEncodeRefusesForeignValues(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, value := range []any{&schemas.Order{}, schemas.OrderChange{}, (*schemas.OrderChange)(nil), nil, "text"} {
		out, err := f.AppendEncode([]byte("x"), schemas.OrderChanges, value)
		if err == nil {
			t.Errorf("%T was encoded for %s", value, schemas.OrderChanges)
		}
		if string(out) != "x" {
			t.Errorf("%T: dst was changed to %q", value, out)
		}
	}
}

func TestSubjects(t *testing.T) {
	t.Parallel()
	f := newWholeFixture(t)
	for _, subject := range []string{
		"sellerstream.orders-value",
		"sellerstream.dead-letters-value",
		"sellerstream.feed-results-sellerstream.FeedIssues",
		"sellerstream.state.orders-sellerstream.OrderState",
		"sellerstream.state.shipments-sellerstream.Claim",
	} {
		if !f.registry.SubjectExists(subject) {
			t.Errorf("subject %s was not registered", subject)
		}
	}
}

func TestWithoutRegistering(t *testing.T) {
	t.Parallel()
	f := startRegistry(t)
	_, err := registry.New(t.Context(), config(t, f.url, false))
	if err == nil || !strings.Contains(err.Error(), "--no-register") {
		t.Fatalf("an empty registry gave: %v", err)
	}
	writer := newCodec(t, f.url, true)
	reader := newCodec(t, f.url, false)
	claim := &schemas.Claim{Owner: "a", Time: time.UnixMilli(5).UTC()}
	data, err := writer.AppendEncode(nil, schemas.StateOrders, claim)
	if err != nil {
		t.Fatal(err)
	}
	got, err := reader.Decode(t.Context(), schemas.StateOrders, data)
	if err != nil || !reflect.DeepEqual(got, claim) {
		t.Fatalf("got %+v, %v", got, err)
	}
}

// While the registry is down New waits; it starts as soon as it can.
func TestNewWaits(t *testing.T) {
	t.Parallel()
	f := startRegistry(t)
	f.down.Store(http.StatusServiceUnavailable)
	made := make(chan error, 1)
	go func() {
		_, err := registry.New(t.Context(), config(t, f.url, true))
		made <- err
	}()
	<-f.asked
	f.down.Store(0)
	if err := <-made; err != nil {
		t.Fatal(err)
	}
}

func TestNewGivesUp(t *testing.T) {
	t.Parallel()
	f := startRegistry(t)
	f.down.Store(http.StatusServiceUnavailable)
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-f.asked
		cancel(stop)
	}()
	if _, err := registry.New(ctx, config(t, f.url, true)); !errors.Is(err, registry.ErrUnavailable) {
		t.Errorf("a registry that is down gave: %v", err)
	}
	f.down.Store(http.StatusUnauthorized)
	_, err := registry.New(t.Context(), config(t, f.url, true))
	if err == nil || !strings.Contains(err.Error(), "credentials") {
		t.Errorf("a registry that refuses us gave: %v", err)
	}
}

// Encoding is on the path of every record: it must not allocate.
func TestEncodeAllocates(t *testing.T) {
	f := newFixture(t)
	value := sampleOrder()
	dst := make([]byte, 0, 4096)
	allocations := testing.AllocsPerRun(100, func() {
		if _, err := f.AppendEncode(dst, schemas.Orders, value); err != nil {
			t.Fatal(err)
		}
	})
	if allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
}

func sampleOrder() *schemas.Order {
	item := schemas.OrderItem{
		OrderItemID: "68828574383266", SellerSKU: "CBA_OTF_1", ASIN: "B00551Q3CS", Title: "Luggage",
		QuantityOrdered: 2, UnitPrice: &schemas.Money{Amount: "12.90", Currency: "EUR"},
	}
	return &schemas.Order{
		EventID: strings.Repeat("ab", 32), EventType: "OrderChanged", Account: "acme-eu", OrderID: "202-1234567-8901234",
		SalesChannel: "AMAZON", Status: "UNSHIPPED", Responsibility: "OURS", Origin: "NOTIFICATION",
		CreatedTime: time.UnixMilli(1), LastUpdatedTime: time.UnixMilli(2), Items: []schemas.OrderItem{item, item},
	}
}

func BenchmarkEncode(b *testing.B) {
	f := newFixture(b)
	value := sampleOrder()
	dst := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.AppendEncode(dst, schemas.Orders, value); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	f := newFixture(b)
	data, err := f.AppendEncode(nil, schemas.Orders, sampleOrder())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Decode(b.Context(), schemas.Orders, data); err != nil {
			b.Fatal(err)
		}
	}
}

func TestConcurrentDecode(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.foreign(t, "sellerstream.state.orders-sellerstream.Claim", olderClaim)
	before := f.requests.Load()
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if _, err := f.Decode(context.Background(), schemas.StateOrders, wire(id, olderClaimBytes)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if asked := f.requests.Load() - before; asked != 2 { // for the schema, and whether it is of the topic's subject
		t.Errorf("50 readers of one new schema asked the registry %d times", asked)
	}
}
