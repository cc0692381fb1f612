package registry_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/registry"
	"github.com/sellerstream/sellerstream/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a codec and the registry it talks to, whose requests are counted
// and can be made to fail.
type fixture struct {
	*registry.Codec
	registry *srfake.Registry
	requests atomic.Int64
	down     atomic.Int64 // status to answer with; 0 is up
	url      string
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	f := startRegistry(t)
	f.Codec = newCodec(t, f.url, true)
	return f
}

func startRegistry(t testing.TB) *fixture {
	f := &fixture{registry: srfake.NewRegistry()}
	f.registry.Intercept(func(w http.ResponseWriter, _ *http.Request) bool {
		f.requests.Add(1)
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

func newCodec(t testing.TB, url string, register bool) *registry.Codec {
	t.Helper()
	codec, err := registry.New(t.Context(), config(t, url, register))
	if err != nil {
		t.Fatal(err)
	}
	return codec
}

// draw fills a generated type with values that its schema can carry.
func draw(t *rapid.T, v reflect.Value) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.UnixMilli(rapid.Int64Range(1, 1<<42).Draw(t, "time")).UTC()))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			optional := strings.HasSuffix(string(v.Type().Field(i).Tag.Get("avro")), ",omitzero")
			if !optional || rapid.Bool().Draw(t, "set") {
				draw(t, v.Field(i))
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		draw(t, v.Elem())
	case reflect.Slice:
		// An empty slice of a nullable field is null on the wire.
		n := rapid.IntRange(1, 4).Draw(t, "length")
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			draw(t, v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			element := reflect.New(v.Type().Elem()).Elem()
			draw(t, element)
			v.SetMapIndex(reflect.ValueOf(rapid.String().Draw(t, "key")), element)
		}
	case reflect.String:
		v.SetString(rapid.StringN(1, 20, -1).Draw(t, "string"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Int32:
		v.SetInt(int64(rapid.Int32().Draw(t, "int")))
	case reflect.Int64:
		v.SetInt(rapid.Int64().Draw(t, "long"))
	case reflect.Uint8:
		v.SetUint(uint64(rapid.Byte().Draw(t, "byte")))
	case reflect.Float64:
		v.SetFloat(rapid.Float64().Draw(t, "double"))
	default:
		t.Fatalf("no generator for %s", v.Type())
	}
}

// Every record round-trips on every topic that it belongs to.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, topic := range schemas.Topics() {
		for _, name := range topic.Records {
			t.Run(topic.Name+"/"+name, func(t *testing.T) {
				t.Parallel()
				record, _ := schemas.Of(name)
				rapid.Check(t, func(t *rapid.T) {
					want := record.New()
					draw(t, reflect.ValueOf(want).Elem())
					data, err := f.AppendEncode([]byte("before"), topic.Name, want)
					if err != nil {
						t.Fatal(err)
					}
					got, err := f.Decode(context.Background(), topic.Name, bytes.TrimPrefix(data, []byte("before")))
					if err != nil {
						t.Fatal(err)
					}
					if !reflect.DeepEqual(got, want) {
						t.Fatalf("got %+v\nwant %+v", got, want)
					}
				})
			})
		}
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
	f := newFixture(t)
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
	for f.requests.Load() == 0 {
		time.Sleep(time.Millisecond) // until the first question is asked
	}
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
		for f.requests.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
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
	id := f.foreign(t, "other", olderClaim)
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
	if asked := f.requests.Load() - before; asked != 1 {
		t.Errorf("50 readers of one new schema asked the registry %d times", asked)
	}
}
