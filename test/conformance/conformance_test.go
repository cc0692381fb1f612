package conformance_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/test/conformance"
)

// answered is a round tripper that always gives the same answer.
type answered struct {
	status int
	header http.Header
	body   string
}

func (a answered) RoundTrip(*http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	w.WriteString(a.body)
	return w.Result(), nil
}

const minimal = `{"order":{"orderId":"1","createdTime":"2026-01-01T00:00:00Z","lastUpdatedTime":"2026-01-01T00:00:00Z",` +
	`"salesChannel":{"channelName":"AMAZON"},"orderItems":[]}}`

// The checks themselves are checked: each of these has one thing wrong.
func TestTransportReports(t *testing.T) {
	t.Parallel()
	m := conformance.LoadModel(t, ordersModel)
	tests := []struct {
		name, method, path string
		status             int
		rate               string
		body               string
		fine               bool
	}{
		{name: "nothing wrong", path: simulatortest.OrdersPath + "/1?includedData=BUYER,TAX", status: 200, rate: "0.5", body: minimal, fine: true},
		{name: "missing property", path: simulatortest.OrdersPath + "/1", status: 200, body: strings.Replace(minimal, `"orderItems":[]`, `"programs":[]`, 1)},
		{name: "misspelt property", path: simulatortest.OrdersPath + "/1", status: 200, body: strings.Replace(minimal, `"orderItems":[]`, `"orderItems":[],"program":[]`, 1)},
		{name: "wrong type", path: simulatortest.OrdersPath + "/1", status: 200, body: strings.Replace(minimal, `"orderId":"1"`, `"orderId":1`, 1)},
		{name: "wrong date", path: simulatortest.OrdersPath + "/1", status: 200, body: strings.Replace(minimal, `2026-01-01T`, `01.01.2026 `, 1)},
		{name: "undocumented status", path: simulatortest.OrdersPath + "/1", status: 418, body: minimal},
		{name: "error without a code", path: simulatortest.OrdersPath + "/1", status: 404, body: `{"errors":[{"message":"gone"}]}`},
		{name: "rate on a 429", path: simulatortest.OrdersPath + "/1", status: 429, rate: "0.5", body: `{"errors":[{"code":"QuotaExceeded","message":"slow"}]}`},
		{name: "unknown value", path: simulatortest.OrdersPath + "/1?includedData=NONSENSE", status: 200, body: minimal},
		{name: "unknown parameter", path: simulatortest.OrdersPath + "/1?nonsense=1", status: 200, body: minimal},
		{name: "unknown path", path: "/orders/v9/orders", status: 200, body: minimal},
		{name: "wrong method", method: http.MethodPost, path: simulatortest.OrdersPath + "/1", status: 200, body: minimal},
	}
	for _, test := range tests {
		header := http.Header{"X-Amzn-Requestid": {"1"}, "Content-Type": {"application/json"}}
		if test.rate != "" {
			header.Set("x-amzn-RateLimit-Limit", test.rate)
		}
		var reported []error
		transport := &conformance.Transport{
			Base: answered{test.status, header, test.body}, Model: m,
			Report: func(err error) { reported = append(reported, err) },
		}
		method := test.method
		if method == "" {
			method = http.MethodGet
		}
		r := httptest.NewRequestWithContext(t.Context(), method, "http://localhost"+test.path, nil)
		answer, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if test.fine != (len(reported) == 0) {
			t.Errorf("%s: reported %v", test.name, reported)
		}
	}
}

func TestSchemaFindsFaults(t *testing.T) {
	t.Parallel()
	schema := conformance.LoadSchema(t, "FeedProcessingFinishedNotification.json")
	for _, document := range []string{`{}`, `[]`, `{"nonsense":1}`, `not JSON`} {
		if schema.Check([]byte(document)) == nil {
			t.Errorf("%s conforms", document)
		}
	}
	order := conformance.LoadSchema(t, "OrderChangeNotification.json")
	if err := order.Check(bytes.TrimSpace([]byte(`{"NotificationVersion":"1.0"}`))); err == nil {
		t.Error("a notification without its payload conforms")
	}
}
