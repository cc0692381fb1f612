package kcat_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kcat"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// decoder quotes what it is given; "bad" is undecodable, "down" needs the registry.
type decoder struct{}

func (decoder) DecodeJSON(_ context.Context, data []byte) ([]byte, error) {
	switch string(data) {
	case "bad":
		return nil, errors.New("no good")
	case "down":
		return nil, fmt.Errorf("asked: %w", registry.ErrUnavailable)
	}
	return fmt.Appendf(nil, "%q", data), nil
}

func frame(values ...string) string {
	var b []byte
	for _, v := range values {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...)
	}
	return string(b)
}

func TestDecode(t *testing.T) {
	t.Parallel()
	const null = "\xff\xff\xff\xff"
	for _, c := range []struct {
		name, in, out, err string
	}{
		{"nothing", "", "", ""},
		{"values", frame("a", "", "b\nc") + null + frame("d"), "\"a\"\n\"\"\n\"b\\nc\"\nnull\n\"d\"\n", ""},
		{"undecodable", frame("a", "bad", "b"), "\"a\"\n{\"error\":\"no good\",\"value\":\"YmFk\"}\n\"b\"\n", "1 of 3"},
		{"registry down", frame("a", "down", "b"), "\"a\"\n", "value 2 of the input: asked: " + registry.ErrUnavailable.Error()},
		{"cut in the length", frame("a") + "\x00\x00", "\"a\"\n", "value 2 of the input: the input ends within a length"},
		{"cut in the value", frame("a") + frame("abc")[:6], "\"a\"\n", "ends within a value of 3 bytes"},
		{"text", "{\"a\":1}\n", "", "out of range"},
		{"negative", "\xff\xff\xff\xfe", "", "out of range"},
		{"too long", "\x7f\xff\xff\xff", "", "out of range"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			err := kcat.Decode(t.Context(), strings.NewReader(c.in), &out, decoder{})
			if out.String() != c.out {
				t.Errorf("wrote %q, want %q", out.String(), c.out)
			}
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("error %v, want %q", err, c.err)
			}
		})
	}
}

// A value is shown when it comes, not when the input ends.
func TestDecodeFollows(t *testing.T) {
	t.Parallel()
	in, feed := io.Pipe()
	shown, out := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- kcat.Decode(context.Background(), in, out, decoder{}) }()
	line := make([]byte, 4)
	for range 3 {
		if _, err := io.WriteString(feed, frame("a")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(shown, line); err != nil || string(line) != "\"a\"\n" {
			t.Fatalf("%q, %v", line, err)
		}
	}
	feed.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestDecodeOne(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := kcat.DecodeOne(t.Context(), strings.NewReader("x"), &out, decoder{}); err != nil || out.String() != "\"x\"\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
	if err := kcat.DecodeOne(t.Context(), strings.NewReader("bad"), &out, decoder{}); err == nil {
		t.Error("a bad value gave no error")
	}
}

// encoder writes the value's Avro after the topic's name.
type encoder struct{}

func (encoder) AppendEncode(dst []byte, topic string, value any) ([]byte, error) {
	return value.(schemas.Value).AppendAvro(append(dst, topic+"|"...)), nil
}

func encoding(record, delimiter string) kcat.Encoding {
	r, _ := schemas.Of(record)
	return kcat.Encoding{Topic: "t", Record: r, Delimiter: delimiter}
}

const update = `{"updateId":"u","account":"acme-eu","sku":"s","quantity":3,"eventTime":"2026-11-23T13:00:00Z"}`

func TestEncode(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile("../../../../schemas/testdata/golden/inventory_update.json")
	if err != nil {
		t.Fatal(err)
	}
	golden, err := os.ReadFile("../../../../schemas/testdata/golden/inventory_update.bin")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	in := string(whole) + "\n  \n" + update
	if err := kcat.Encode(strings.NewReader(in), &out, encoder{}, encoding("InventoryUpdate", "<D>")); err != nil {
		t.Fatal(err)
	}
	parts := strings.SplitAfter(out.String(), "<D>")
	if len(parts) != 3 || parts[0] != "acme-eu:t|"+string(golden)+"<D>" || !strings.HasPrefix(parts[1], "acme-eu:t|\x02u") {
		t.Errorf("wrote %q", parts)
	}
	out.Reset()
	if err := kcat.Encode(bytes.NewReader(whole), &out, encoder{}, encoding("InventoryUpdate", "")); err != nil || out.String() != "t|"+string(golden) {
		t.Errorf("one value: %q, %v", out.String(), err)
	}
}

func TestEncodeDefaults(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	for in, want := range map[string]schemas.Value{
		`{"topic":"x","offset":1}`: &schemas.Position{Topic: "x", Offset: 1, Epoch: -1},
		// A default of a time is a number in the schema.
		`{"updateId":"u","account":"acme-eu","sku":"s","quantity":3}`: &schemas.InventoryUpdate{UpdateID: "u", Account: "acme-eu", SKU: "s", Quantity: 3, EventTime: time.UnixMilli(0)},
	} {
		out.Reset()
		record := encoding(reflect.TypeOf(want).Elem().Name(), "")
		if err := kcat.Encode(strings.NewReader(in), &out, encoder{}, record); err != nil || out.String() != "t|"+string(want.AppendAvro(nil)) {
			t.Errorf("%s: wrote %q, %v", in, out.String(), err)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	order := `{"eventId":"e","eventType":"OrderChanged","account":"a","orderId":"o","salesChannel":"AMAZON","status":"PENDING","createdTime":"2026-11-23T13:00:00Z","lastUpdatedTime":"2026-11-23T13:00:00Z","items":[%s]}`
	for _, c := range []struct {
		record, delimiter, in, want string
	}{
		{"InventoryUpdate", "<D>", `{`, "line 1: not JSON"},
		{"InventoryUpdate", "<D>", `[]`, "not a JSON object"},
		{"InventoryUpdate", "<D>", update + update, "one record a line"},
		{"InventoryUpdate", "<D>", update + "\n{}", "line 2: InventoryUpdate.updateId is missing"},
		{"InventoryUpdate", "<D>", strings.Replace(update, "sku", "SKU", 1), "InventoryUpdate.sku is missing"},
		{"InventoryUpdate", "<D>", strings.Replace(update, `"sku"`, `"quantum":1,"sku"`, 1), "quantum"},
		{"InventoryUpdate", "<D>", strings.Replace(update, "3", "3.5", 1), "quantity"},
		{"InventoryUpdate", "<D>", strings.Replace(update, "3", "3000000000", 1), "quantity"},
		{"InventoryUpdate", "<D>", strings.Replace(update, "3", "null", 1), "quantity is null"},
		{"InventoryUpdate", "<D>", strings.Replace(update, "2026-11", "2026-13", 1), "2026-13"},
		{"InventoryUpdate", "<D>", strings.Replace(update, "acme-eu", "", 1), "no key"},
		{"InventoryUpdate", "<D>", strings.Replace(update, "acme-eu", "a:b", 1), "contains"},
		{"InventoryUpdate", "acme", update, "choose another"},
		{"InventoryUpdate", "", update + "\n" + update, "more than one record"},
		{"Position", "<D>", `{"topic":"x","offset":1}`, "no key"},
		{"Order", "<D>", fmt.Sprintf(order, `{}`), "Order.items[0].orderItemId is missing"},
		{"Order", "<D>", fmt.Sprintf(order, `{"orderItemId":"i","quantityOrdered":1,"total":{"amount":"1"}}`), "Order.items[0].total.currency is missing"},
	} {
		var out bytes.Buffer
		err := kcat.Encode(strings.NewReader(c.in), &out, encoder{}, encoding(c.record, c.delimiter))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\ngave %v; want %q", c.in, err, c.want)
		}
	}
}

// Whatever the bytes, Decode ends, and what it writes are lines.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(frame("a", "bad")))
	f.Add([]byte("\xff\xff\xff\xff\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var out bytes.Buffer
		_ = kcat.Decode(context.Background(), bytes.NewReader(in), &out, decoder{})
		if out.Len() > 0 && !bytes.HasSuffix(out.Bytes(), []byte("\n")) {
			t.Errorf("%q became %q", in, out.Bytes())
		}
	})
}

// Whatever the text, Encode gives a value that says the same or an error.
func FuzzEncode(f *testing.F) {
	f.Add(update)
	f.Add(`{"updateId":null}`)
	f.Fuzz(func(t *testing.T, in string) {
		var out bytes.Buffer
		err := kcat.Encode(strings.NewReader(in), &out, encoder{}, encoding("InventoryUpdate", "<D>"))
		if err == nil && out.Len() > 0 && !bytes.HasSuffix(out.Bytes(), []byte("<D>")) {
			t.Errorf("%q became %q", in, out.Bytes())
		}
	})
}
