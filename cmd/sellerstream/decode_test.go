package main

import (
	"bytes"
	"encoding/binary"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kcat"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/fakekafka"
)

// startRegistry serves a registry that knows our schemas.
func startRegistry(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(srfake.NewRegistry().Handler())
	t.Cleanup(server.Close)
	fakekafka.Codec(t, server.URL, schemas.DefaultPrefix)
	return server.URL
}

// What encode writes, decode shows.
func TestEncodeAndDecode(t *testing.T) {
	t.Parallel()
	url := startRegistry(t)
	const record = `{"updateId":"u","account":"acme-eu","sku":"s","quantity":3,"eventTime":"2026-11-23T13:00:00.000Z","urgent":true,"allowFulfilledByAmazon":false}` + "\n"
	command := func(in string, args ...string) (int, string, string) {
		var out, errs bytes.Buffer
		code := runCommandLine(append(args, "--registry", url), strings.NewReader(in), &out, &errs)
		return code, out.String(), errs.String()
	}
	code, value, says := command(record, "encode", "--topic", "inventory-updates", "--raw")
	if code != 0 {
		t.Fatalf("encode --raw: %d, %s", code, says)
	}
	if code, shown, says := command(value, "decode", "--raw"); code != 0 || shown != record {
		t.Errorf("decode --raw: %d, %s, %s", code, shown, says)
	}
	framed := string(binary.BigEndian.AppendUint32(nil, uint32(len(value)))) + value
	if code, shown, says := command(framed+framed, "decode"); code != 0 || shown != record+record {
		t.Errorf("decode: %d, %s, %s", code, shown, says)
	}
	order, _ := schemas.Of("OrderState") // whose file refers to types of others
	if code, schema, says := command("", "encode", "--topic", "state.orders", "--record", "OrderState", "--schema"); code != 0 || schema != order.Schema() {
		t.Errorf("encode --schema: %d, %s", code, says)
	}
	code, keyed, says := command(record, "encode", "--topic", "inventory-updates")
	if want := "acme-eu:" + value + kcat.DefaultDelimiter; code != 0 || keyed != want {
		t.Errorf("encode: %d, %q, %s; want %q", code, keyed, says, want)
	}
	if code, shown, says := command("\x00\x00\x00\x01x", "decode"); code != exitFailed || !strings.Contains(shown, `"value":"eA=="`) {
		t.Errorf("a value that is none: %d, %s, %s", code, shown, says)
	}
}

func TestDecodeAndEncodeUsage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args []string
		says string
	}{
		{[]string{"encode"}, "--topic"},
		{[]string{"encode", "--topic", "order"}, "orders"},
		{[]string{"encode", "--topic", "feed-results"}, "FeedResult, FeedIssues"},
		{[]string{"encode", "--topic", "orders", "--record", "Shipment"}, "Order"},
		{[]string{"encode", "--topic", "orders", "--delimiter", ""}, "--raw"},
		{[]string{"decode", "--registry-user", "me"}, registryPassword},
		{[]string{"decode", "file"}, "decode"},
	} {
		code, _, stderr := execute(test.args...)
		if code != exitUsage || !strings.Contains(stderr, test.says) {
			t.Errorf("%v: %d, %s; want %d and %q", test.args, code, stderr, exitUsage, test.says)
		}
	}
}
