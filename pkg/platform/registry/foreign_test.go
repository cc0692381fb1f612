package registry_test

import (
	"context"
	"encoding/binary"
	"errors"
	"net/http"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	// ofState is the subject of any standard producer to the topic StateOrders.
	ofState = "sellerstream.state.orders-value"

	// A Claim with its fields the other way round.
	olderClaim = `{"type":"record","name":"Claim","namespace":"sellerstream","fields":[
		{"name":"time","type":{"type":"long","logicalType":"timestamp-millis"}},
		{"name":"owner","type":"string"}]}`
	olderClaimBytes = "\x0a\x02a" // time 5, owner "a"

	// A Position before it had an epoch, and one of a later version.
	olderPosition = `{"type":"record","name":"Position","namespace":"sellerstream","fields":[
		{"name":"topic","type":"string"},{"name":"offset","type":"long"}]}`
	newerPosition = `{"type":"record","name":"Position","namespace":"sellerstream","fields":[
		{"name":"topic","type":"string"},{"name":"note","type":["null","string"],"default":null},
		{"name":"offset","type":"long"},{"name":"epoch","type":"int","default":-1}]}`
)

// foreign puts a schema into the registry that this version does not write.
func (f *fixture) foreign(t testing.TB, subject, schema string) int {
	t.Helper()
	id, _, err := f.registry.RegisterSchema(subject, sr.Schema{Schema: schema, Type: sr.TypeAvro})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func wire(id int, body string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(id)), body...)
}

func TestDecodeOtherVersions(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, c := range []struct {
		name, schema, body string
		want               any
	}{
		{"other order", olderClaim, olderClaimBytes, &schemas.Claim{Owner: "a", Time: time.UnixMilli(5).UTC()}},
		{"older", olderPosition, "\x02x\x08", &schemas.Position{Topic: "x", Offset: 4, Epoch: -1}},
		{"newer", newerPosition, "\x02x\x02\x04hi\x08\x0c", &schemas.Position{Topic: "x", Offset: 4, Epoch: 6}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			id := f.foreign(t, ofState, c.schema)
			got, err := f.Decode(t.Context(), schemas.StateOrders, wire(id, c.body))
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

func TestBadBytes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	order, err := f.AppendEncode(nil, schemas.Orders, sampleOrder())
	if err != nil {
		t.Fatal(err)
	}
	broken := strings.ReplaceAll(olderPosition, `"long"`, `"string"`)
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "no schema id"},
		{"short", []byte{0, 0, 0}, "no schema id"},
		{"JSON", []byte(`{"a":1}`), "wire format"},
		{"huge", make([]byte, registry.MaxValueBytes+1), "larger than the limit"},
		{"header only", wire(f.foreign(t, ofState, olderPosition), ""), "does not decode"},
		{"trailing", wire(f.foreign(t, ofState, olderPosition), "\x02x\x08\x00"), "1 bytes too many"},
		{"other topic's record", order, "does not belong on topic"},
		{"not resolvable", wire(f.foreign(t, ofState, broken), "\x02x\x02y"), "cannot be read as"},
		{"unknown id", wire(1<<31-1, ""), "knows no schema"},
		{"impossible id", wire(1<<31, ""), "larger than any"},
		{"impossible id", wire(1<<32-1, ""), "larger than any"},
		{"of another subject", wire(f.foreign(t, "evil", newerPosition), ""), "not under [sellerstream.state.orders-sellerstream.Position sellerstream.state.orders-value]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			value, err := f.Decode(context.Background(), schemas.StateOrders, c.data)
			if value != nil || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, error %v; want an error with %q", value, err, c.want)
			}
			if errors.Is(err, registry.ErrUnavailable) {
				t.Errorf("bad bytes were taken for an unavailable registry: %v", err)
			}
		})
	}
}

// An answer that does not come from a registry that works says nothing about
// the bytes: a value must not become a dead letter for it.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.foreign(t, ofState, olderClaim)
	for _, status := range []int{http.StatusInternalServerError, http.StatusUnauthorized, http.StatusNotFound, http.StatusTooManyRequests} {
		f.down.Store(int64(status))
		if _, err := f.Decode(t.Context(), schemas.StateOrders, wire(id, olderClaimBytes)); !errors.Is(err, registry.ErrUnavailable) {
			t.Errorf("status %d gave: %v", status, err)
		}
	}
	known, err := f.AppendEncode(nil, schemas.Orders, sampleOrder())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Decode(t.Context(), schemas.Orders, known); err != nil {
		t.Errorf("our own schema needs the registry: %v", err)
	}
	f.down.Store(0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	other := f.foreign(t, ofState, olderPosition)
	if _, err := f.Decode(ctx, schemas.StateOrders, wire(other, "\x02x\x08")); !errors.Is(err, registry.ErrUnavailable) {
		t.Errorf("a caller that gave up got: %v", err)
	}
	if _, err := f.Decode(t.Context(), schemas.StateOrders, wire(id, olderClaimBytes)); err != nil {
		t.Errorf("after the registry came back: %v", err)
	}
}

// answers is a transport that plays a registry without a network.
type answers func(*http.Request) (int, string)

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body := a(r)
	return &http.Response{
		StatusCode: status, Header: http.Header{}, Request: r,
		Body: readCloser{strings.NewReader(body)},
	}, nil
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

// An unknown id is asked for once a minute, and found when it appears.
func TestNegativeCache(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked, exists := 0, false
		cfg := config(t, "http://registry", true)
		cfg.Client = append(cfg.Client, sr.HTTPClient(&http.Client{Transport: answers(func(r *http.Request) (int, string) {
			if r.Method == http.MethodPost {
				return http.StatusOK, `{"id":1}`
			}
			if !strings.HasPrefix(r.URL.Path, "/schemas") {
				return http.StatusNotFound, ""
			}
			asked++
			if !exists {
				return http.StatusNotFound, `{"error_code":40403,"message":"Schema not found"}`
			}
			return http.StatusOK, `{"schema":"{\"type\":\"record\",\"name\":\"Position\",\"namespace\":\"sellerstream\",\"fields\":[{\"name\":\"topic\",\"type\":\"string\"},{\"name\":\"offset\",\"type\":\"long\"}]}"}`
		})}))
		codec, err := registry.New(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		decode := func() error {
			_, err := codec.Decode(t.Context(), schemas.StateOrders, wire(77, "\x02x\x08"))
			return err
		}
		for range 10 {
			if err := decode(); err == nil || errors.Is(err, registry.ErrUnavailable) {
				t.Fatalf("an id that does not exist gave: %v", err)
			}
		}
		if asked != 1 {
			t.Errorf("10 values of an unknown id asked %d times", asked)
		}
		exists = true
		time.Sleep(time.Minute)
		if err := decode(); err != nil || asked != 2 {
			t.Errorf("after a minute: %v, asked %d times", err, asked)
		}
	})
}

func TestDecodeJSON(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ours, err := f.AppendEncode(nil, schemas.StateOrders, &schemas.Claim{Owner: "a<b", Time: time.UnixMilli(1500)})
	if err != nil {
		t.Fatal(err)
	}
	foreign := `{"type":"record","name":"Stock","fields":[{"name":"sku","type":"string"},{"name":"left","type":["null","long"]},
		{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
		{"name":"raw","type":"bytes"},{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}}]}`
	for _, c := range []struct {
		data []byte
		want string
	}{
		{ours, `{"owner":"a<b","time":"1970-01-01T00:00:01.500Z"}`},
		{wire(f.foreign(t, "p", newerPosition), "\x02x\x02\x04hi\x08\x0c"), `{"epoch":6,"note":"hi","offset":4,"topic":"x"}`},
		{
			wire(f.foreign(t, "s", foreign), "\x02x\x00\x04\x05\x0a\x04hi\x00"),
			`{"at":"1970-01-01T00:00:00.000Z","left":null,"price":"12.9","raw":"aGk=","sku":"x"}`,
		},
	} {
		got, err := f.DecodeJSON(t.Context(), c.data)
		if err != nil || string(got) != c.want {
			t.Errorf("got %s, %v; want %s", got, err, c.want)
		}
	}
}

// A decoder without a table of its own reads our values as well as a codec does.
func TestDecoder(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	data := mustEncode(t, f, schemas.Orders, sampleOrder())
	want, err := f.DecodeJSON(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := registry.NewDecoder(config(t, f.url, false).Client...)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decoder.DecodeJSON(t.Context(), data); err != nil || string(got) != string(want) {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
	if _, err := decoder.AppendEncode(nil, schemas.Orders, sampleOrder()); err == nil {
		t.Error("a decoder encoded")
	}
}

// A few bytes that claim much must not make the decoder reserve it.
func TestHostileCounts(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	order, err := f.AppendEncode(nil, schemas.Orders, sampleOrder())
	if err != nil {
		t.Fatal(err)
	}
	skipped := `{"type":"record","name":"Position","namespace":"sellerstream","fields":[
		{"name":"pad","type":{"type":"array","items":"null"}},{"name":"topic","type":"string"},{"name":"offset","type":"long"}]}`
	huge := "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01" // 2^63-1 as a varint
	for topic, data := range map[string][]byte{
		schemas.Orders:      append(order[:5:5], huge...),
		schemas.StateOrders: wire(f.foreign(t, ofState, skipped), huge+"\x00\x02x\x08"),
		schemas.DeadLetters: append(append([]byte(nil), mustEncode(t, f, schemas.DeadLetters, &schemas.DeadLetter{})[:5]...), strings.Repeat("\x00", 12)+huge...),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := f.Decode(t.Context(), topic, data)
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: a count of 2^63-1 was decoded", topic)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
			t.Errorf("%s: %d bytes were allocated for %d", topic, grown, len(data))
		}
	}
}

func mustEncode(t testing.TB, f *fixture, topic string, value any) []byte {
	t.Helper()
	data, err := f.AppendEncode(nil, topic, value)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Whatever the bytes, Decode returns a value that encodes again or an error
// that is not the registry's.
func FuzzDecode(f *testing.F) {
	fix := newFixture(f)
	topics := []string{schemas.Orders, schemas.OrderChanges, schemas.DeadLetters, schemas.StateOrders, schemas.FeedResults}
	f.Add(0, mustEncode(f, fix, schemas.Orders, sampleOrder()))
	f.Add(2, mustEncode(f, fix, schemas.DeadLetters, &schemas.DeadLetter{Value: []byte("x")}))
	f.Add(3, wire(fix.foreign(f, ofState, newerPosition), "\x02x\x02\x04hi\x08\x0c"))
	f.Fuzz(func(t *testing.T, which int, data []byte) {
		topic := topics[uint(which)%uint(len(topics))]
		value, err := fix.Decode(context.Background(), topic, data)
		if err != nil {
			if errors.Is(err, registry.ErrUnavailable) {
				t.Fatalf("bytes made the registry unavailable: %v", err)
			}
			return
		}
		if _, err := fix.AppendEncode(nil, topic, value); err != nil {
			t.Fatalf("decoded %+v does not encode: %v", value, err)
		}
	})
}
