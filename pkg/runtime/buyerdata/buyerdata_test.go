package buyerdata

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/runtime/blame"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/property"
)

var testOwner = Owner{Account: "acme-eu", OrderID: "202-1234567-8901234"}

// vectors hold orders' buyer data in the form that every version, and every
// program in another language, has to read. Other is another order of the account,
// KMS an order whose key AWS KMS wrapped.
type vectors struct {
	Keys string `json:"keys"` // a key file
	vector
	Other vector `json:"other"`
	KMS   struct {
		vector
		ARN     string `json:"arn"`
		DataKey []byte `json:"dataKey"` // what KMS decrypts buyerKey.wrapped to
	} `json:"kms"`
}

type vector struct {
	Key    schemas.BuyerKey   `json:"buyerKey"`
	Data   *schemas.BuyerData `json:"buyerData"`
	Fields map[string]string  `json:"fields"` // in plain text
}

func (v vector) owner() Owner { return Owner{v.Key.Account, v.Key.OrderID} }

const vectorsFile = "testdata/vectors.json"

func loadVectors(t testing.TB) vectors {
	t.Helper()
	text, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func keyFile(t testing.TB, text string) *KeyFile {
	t.Helper()
	file, err := ParseKeyFile(text, "make one")
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestVectors(t *testing.T) {
	t.Parallel()
	v := loadVectors(t)
	keys := NewKeys(keyFile(t, v.Keys))
	got, err := keys.Open(t.Context(), v.owner(), v.Data, &v.Key)
	if err != nil || !reflect.DeepEqual(got, v.Fields) {
		t.Errorf("opened %v, %v; want %v", got, err, v.Fields)
	}
	key, err := keys.Unwrap(t.Context(), v.owner(), &v.Key)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := keys.Open(t.Context(), v.Other.owner(), v.Other.Data, &v.Other.Key); err != nil || !reflect.DeepEqual(got, v.Other.Fields) {
		t.Errorf("opened %v, %v; want %v", got, err, v.Other.Fields)
	}
	for name, value := range v.Fields {
		if string(key.Seal(name, value)) != string(v.Data.Fields[name]) {
			t.Errorf("%s is encrypted to other bytes than before: every order would be emitted again", name)
		}
	}
}

func ExampleKeys_Open() {
	var v vectors // the records of an order and of its key, as they come from Kafka
	text, _ := os.ReadFile(vectorsFile)
	_ = json.Unmarshal(text, &v)
	file, err := ParseKeyFile(v.Keys, "")
	if err != nil {
		fmt.Println(err)
		return
	}
	fields, err := NewKeys(file).Open(context.Background(), Owner{Account: "acme-eu", OrderID: "202-1234567-8901234"}, v.Data, &v.Key)
	fmt.Println(fields["recipient.name"], fields["recipient.city"], err)
	// Output: Zoë Müller München <nil>
}

func newDataKey(t testing.TB, owner Owner, fill byte) *DataKey {
	t.Helper()
	key, err := NewDataKey(owner, []byte(strings.Repeat(string(rune(fill)), KeyBytes)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestSealedFields(t *testing.T) {
	t.Parallel()
	key := newDataKey(t, testOwner, 'k')
	property.Check(t, func(t *rapid.T) {
		field, value := rapid.String().Draw(t, "field"), rapid.String().Draw(t, "value")
		bytes := key.Seal(field, value)
		if got, err := key.Open(field, bytes); err != nil || got != value {
			t.Fatalf("%q became %q, %v", value, got, err)
		}
		if string(key.Seal(field, value)) != string(bytes) {
			t.Fatal("the same value gives other bytes")
		}
		if (len(bytes)-1-nonceBytes-tagBytes)%padTo != 0 {
			t.Fatalf("%d bytes give the value's length away", len(bytes))
		}
		at := rapid.IntRange(0, len(bytes)-1).Draw(t, "at")
		bytes[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if got, err := key.Open(field, bytes); err == nil {
			t.Fatalf("changed bytes open as %q", got)
		}
	})
}

// A value opens under its own name, in its own order and with its own key only.
func TestSealedFieldsKeepTheirPlace(t *testing.T) {
	t.Parallel()
	sealed := newDataKey(t, testOwner, 'k').Seal("recipient.name", "Eve")
	for name, wrong := range map[string]struct {
		key   *DataKey
		field string
	}{
		"field":   {newDataKey(t, testOwner, 'k'), "recipient.city"},
		"order":   {newDataKey(t, Owner{testOwner.Account, "other"}, 'k'), "recipient.name"},
		"account": {newDataKey(t, Owner{"other", testOwner.OrderID}, 'k'), "recipient.name"},
		"key":     {newDataKey(t, testOwner, 'l'), "recipient.name"},
	} {
		if got, err := wrong.key.Open(wrong.field, sealed); err == nil || strings.Contains(err.Error(), "Eve") {
			t.Errorf("another %s: %q, %v", name, got, err)
		}
	}
}

func TestRotationAndLoss(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	before, after := GenerateKey(), GenerateKey()
	data, record, err := NewKeys(keyFile(t, before)).New(ctx, testOwner)
	if err != nil {
		t.Fatal(err)
	}
	sealed := data.Seal("a", "value")
	rotated := NewKeys(keyFile(t, "# newest first\n"+after+"\n"+before+"\n"))
	if key, err := rotated.Unwrap(ctx, testOwner, record); err != nil || string(key.Seal("a", "value")) != string(sealed) {
		t.Errorf("after a rotation: %v", err)
	}
	if _, newer, err := rotated.New(ctx, testOwner); err != nil || newer.WrappedBy != fileScheme+strings.Fields(after)[0] {
		t.Errorf("wrapped with %v, %v; want the first key", newer, err)
	}
	other, kms, deleted := *record, *record, *record
	other.OrderID, kms.WrappedBy, deleted.Wrapped = "other", "kms:arn", nil
	for name, lost := range map[string]struct {
		keys   Keys
		record *schemas.BuyerKey
		want   error
	}{
		"removed too early": {NewKeys(keyFile(t, after)), record, ErrLost},
		"of another order":  {rotated, &other, ErrLost},
		"of another kind":   {rotated, &kms, ErrLost},
		"deleted":           {rotated, &deleted, ErrDeleted},
	} {
		if _, err := lost.keys.Unwrap(ctx, testOwner, lost.record); !errors.Is(err, lost.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeyFileFaults(t *testing.T) {
	t.Parallel()
	good := GenerateKey()
	id, key, _ := strings.Cut(good, " ")
	for text, says := range map[string]string{
		"":                              "has no key",
		"# " + good:                     "has no key",
		good + "\n" + key:               "line 2",
		id + " " + key[:20]:             "line 1 of the key file is not 32 bytes",
		"00000000 " + key:               "is not the one that its id names",
		strings.Repeat("x", 1<<17):      "too long",
		good + "\nid " + key + " extra": "line 2",
	} {
		_, err := ParseKeyFile(text, "make one")
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), key) {
			t.Errorf("%.60q: %v, want %q", text, err, says)
		}
	}
}

func FuzzOpen(f *testing.F) {
	v := loadVectors(f)
	for name, sealed := range v.Data.Fields {
		f.Add(name, sealed, v.Key.Wrapped, v.Keys)
	}
	f.Fuzz(func(t *testing.T, field string, sealed, wrapped []byte, keys string) {
		file, err := ParseKeyFile(keys, "")
		if err != nil {
			return
		}
		record := v.Key
		record.Wrapped = wrapped
		got, err := NewKeys(file).Open(t.Context(), v.owner(), &schemas.BuyerData{KeyID: record.KeyID, Fields: map[string][]byte{field: sealed}}, &record)
		if err == nil && (got[field] != v.Fields[field] || string(wrapped) != string(v.Key.Wrapped)) {
			t.Errorf("opened %q as %v", field, got)
		}
	})
}

func order() *model.GetOrderResponse {
	return &model.GetOrderResponse{Order: model.Order{
		OrderID: testOwner.OrderID, Buyer: &model.Buyer{Name: "Eve Canary", Email: "eve@example.com"},
		Recipient: &model.Recipient{
			Address:    &model.CustomerAddress{Name: "Eve Canary", PostalCode: "48110", Extended: &model.AddressExtendedFields{StreetName: "Cross St."}},
			Preference: &model.DeliveryPreference{DropOffLocation: "porch"},
		},
	}}
}

func orderV0() *model.GetOrderV0Response {
	return &model.GetOrderV0Response{Order: model.OrderV0{
		OrderID: testOwner.OrderID, BuyerInfo: &model.BuyerV0{Name: "Eve Canary", Email: "eve@example.com"},
		ShippingAddress: &model.AddressV0{Name: "Eve Canary", PostalCode: "48110", District: "Wayne", AddressType: "Residential"},
	}}
}

// answering is what calls are made by: it answers with response.
func answering(response any) Execute {
	return func(_ context.Context, call machine.Call) machine.Result {
		return machine.Result{Call: call, Outcome: machine.Done{Response: response}, RateLimit: 0.5}
	}
}

func TestSealer(t *testing.T) {
	t.Parallel()
	keys := NewKeys(keyFile(t, GenerateKey()))
	_, known, err := keys.New(t.Context(), testOwner)
	if err != nil {
		t.Fatal(err)
	}
	lost := *known
	lost.WrappedBy = "file:gone"
	for name, c := range map[string]struct {
		response any
		key      *schemas.BuyerKey
		fields   map[string]string
		fresh    bool // whether the order gets a new key
	}{
		"first":  {order(), nil, map[string]string{"buyer.name": "Eve Canary", "buyer.email": "eve@example.com", "recipient.name": "Eve Canary", "recipient.postalCode": "48110", "recipient.streetName": "Cross St.", "recipient.dropOffLocation": "porch"}, true},
		"again":  {orderV0(), known, map[string]string{"buyer.name": "Eve Canary", "buyer.email": "eve@example.com", "recipient.name": "Eve Canary", "recipient.postalCode": "48110", "recipient.districtOrCounty": "Wayne", "recipient.addressType": "RESIDENTIAL"}, false},
		"lost":   {orderV0(), &lost, map[string]string{"buyer.name": "Eve Canary", "buyer.email": "eve@example.com", "recipient.name": "Eve Canary", "recipient.postalCode": "48110", "recipient.districtOrCounty": "Wayne", "recipient.addressType": "RESIDENTIAL"}, true},
		"nobody": {&model.GetOrderResponse{}, nil, nil, false},
	} {
		call := machine.Call{Account: testOwner.Account, Operation: model.GetOrder, Key: name, Request: &Request{Read: &model.GetOrderRequest{}, Order: testOwner, Key: c.key}}
		res := NewSealer(keys, new(blame.Tally), time.Now, slog.New(slog.DiscardHandler)).Guard(answering(c.response))(t.Context(), call)
		answer := res.Outcome.(machine.Done).Response.(*Answer)
		if !reflect.DeepEqual(res.Call, call) || res.RateLimit != 0.5 {
			t.Errorf("%s: the result is of %+v", name, res)
		}
		if left := take(answer.Response); len(left) > 0 {
			t.Errorf("%s: the answer still holds %v", name, left)
		}
		if c.fields == nil {
			if answer.Data != nil || answer.Key != nil {
				t.Errorf("%s: %+v", name, answer)
			}
			continue
		}
		got, err := keys.Open(t.Context(), testOwner, answer.Data, answer.Key)
		if err != nil || !reflect.DeepEqual(got, c.fields) || (answer.Key != c.key) != c.fresh {
			t.Errorf("%s: %v, %v, key %+v", name, got, err, answer.Key)
		}
	}
}

// Whatever goes wrong, no answer comes through with buyer data in it.
func TestSealerHoldsBackWhatItCannotEncrypt(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	call := machine.Call{Account: testOwner.Account, Operation: model.GetOrder, Request: &Request{Read: &model.GetOrderRequest{}, Order: testOwner}}
	for name, keys := range map[string]Keys{"no key": {}, "no KMS": NewKeys(kms{up: new(bool)})} {
		res := NewSealer(keys, new(blame.Tally), time.Now, logger).Guard(answering(order()))(t.Context(), call)
		snooze, ok := res.Outcome.(machine.Snooze)
		if !ok || snooze.For <= 0 || snooze.Err == nil || !reflect.DeepEqual(res.Call, call) {
			t.Errorf("%s: %+v", name, res)
		}
	}
	if text := log.String(); strings.Contains(text, "Canary") || strings.Contains(text, "48110") || !strings.Contains(text, "KMS is down") {
		t.Errorf("the log says %s", text)
	}
}

// An order whose own key cannot be unwrapped must neither hold up the account's
// others nor cost a call to Amazon.
func TestAKeyThatCannotBeUnwrappedHoldsUpItsOrderOnly(t *testing.T) {
	t.Parallel()
	call := machine.Call{Account: testOwner.Account, Operation: model.GetOrder, Request: &Request{
		Read: &model.GetOrderRequest{}, Order: testOwner, Key: &schemas.BuyerKey{Account: testOwner.Account, OrderID: testOwner.OrderID, WrappedBy: "kms:gone", Wrapped: []byte("x")},
	}}
	asked := false
	res := NewSealer(NewKeys(kms{up: new(bool)}), new(blame.Tally), time.Now, slog.New(slog.DiscardHandler)).Guard(func(ctx context.Context, call machine.Call) machine.Result {
		asked = true
		return answering(order())(ctx, call)
	})(t.Context(), call)
	snooze, ok := res.Outcome.(machine.Snooze)
	if !ok || !snooze.Own || !snooze.Unspent || asked {
		t.Errorf("%+v, Amazon asked: %v", res.Outcome, asked)
	}
}
