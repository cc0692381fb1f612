package sqs

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/property"
)

// identifies are the paths of what says which order a notification is about.
// Nothing else is required.
var identifies = []string{
	"", "/NotificationType", "/Payload", "/Payload/OrderChangeNotification",
	"/Payload/OrderChangeNotification/SellerId", "/Payload/OrderChangeNotification/AmazonOrderId",
}

// oddValues are of every type, and of the types that Amazon documents with values
// that it does not.
func oddValues() []any {
	return []any{
		nil, true, "true", "TRUE", 0, -1, 7, "7", 0.5, 1e300, 99999999999, "", "x", "../../etc", "2022-07-13", "2022-07-13T10:00:00",
		"1850-01-01T00:00:00Z", "99999-01-01", raw(`"\ud800"`), strings.Repeat("9", 5000), map[string]any{}, map[string]any{"a": []any{nil}},
		[]any{}, []any{nil, 1, "x", []any{}, map[string]any{}}, []any{[]any{[]any{}}}, raw(strings.Repeat("[", 50) + strings.Repeat("]", 50)),
	}
}

type raw = json.RawMessage

// document is an example as a tree, with the paths of its optional values.
func document(t testing.TB, name string) (root any, optional []string) {
	t.Helper()
	if err := json.Unmarshal([]byte(body(t, name)), &root); err != nil {
		t.Fatal(err)
	}
	var walk func(path string, node any)
	walk = func(path string, node any) {
		if !slices.Contains(identifies, path) {
			optional = append(optional, path)
		}
		switch node := node.(type) {
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(node)) {
				walk(path+"/"+name, node[name])
			}
		case []any:
			for i, value := range node {
				walk(fmt.Sprintf("%s/%d", path, i), value)
			}
		}
	}
	walk("", root)
	return root, optional
}

// put replaces the value at a path, if that is there still.
func put(root any, path string, value any) {
	names := strings.Split(path, "/")[1:]
	for i, name := range names {
		last := i == len(names)-1
		switch node := root.(type) {
		case map[string]any:
			if root = node[name]; last {
				node[name] = value
			}
		case []any:
			at, err := strconv.Atoi(name)
			if err != nil || at >= len(node) {
				return
			}
			if root = node[at]; last {
				node[at] = value
			}
		default:
			return
		}
	}
}

// decodeOdd decodes what must still be the example's order change.
func decodeOdd(t interface {
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}, root any, how string,
) *schemas.OrderChange {
	text, err := json.Marshal(root)
	if err != nil {
		t.Fatalf("%s: %v", how, err)
	}
	d := &decoder{region: model.NorthAmerica, maxBody: 256 << 10}
	accounts := directory()
	got, wrong := d.decode(string(text), arrival{"m1", sent}, accounts)
	if wrong != nil {
		t.Fatalf("%s: rejected: %s: %s", how, wrong.reason, wrong.message)
	}
	change := got.value.(*schemas.OrderChange)
	if got.account != "acme-na" || change.OrderID != "903-8868176-2219830" || change.NotificationID == "" || change.EventTime.IsZero() {
		t.Errorf("%s: account %q, change %+v", how, got.account, change)
	}
	if _, err := schemas.AppendJSON(nil, change); err != nil {
		t.Errorf("%s: %v", how, err)
	}
	return change
}

// An odd field costs itself: whatever one optional value is, the order change
// comes, and each other field of it is as without the odd one.
func TestAnOddFieldCostsItself(t *testing.T) {
	t.Parallel()
	root, optional := document(t, "order_change.json")
	plain := decodeOdd(t, root, "the example")
	for _, path := range optional {
		for _, value := range oddValues() {
			root, _ := document(t, "order_change.json")
			put(root, path, value)
			how := fmt.Sprintf("%s = %.60v", path, value)
			changed := differing(reflect.ValueOf(*plain), reflect.ValueOf(*decodeOdd(t, root, how)))
			if leaf := !slices.ContainsFunc(optional, func(p string) bool { return strings.HasPrefix(p, path+"/") }); leaf && changed > 1 {
				t.Errorf("%s changes %d fields of the record", how, changed)
			}
		}
	}
}

// differing counts the fields of two records that differ.
func differing(a, b reflect.Value) (n int) {
	for i := range a.NumField() {
		x, y := a.Field(i), b.Field(i)
		if x.Type() == reflect.TypeFor[[]schemas.OrderChangeItem]() && x.Len() == 1 && y.Len() == 1 {
			n += differing(x.Index(0), y.Index(0))
		} else if !reflect.DeepEqual(x.Interface(), y.Interface()) {
			n++
		}
	}
	return n
}

// Any number of odd values together cost themselves, too.
func TestOddFieldsTogether(t *testing.T) {
	t.Parallel()
	property.Check(t, func(rt *rapid.T) {
		root, optional := document(t, "order_change.json")
		for i := range rapid.IntRange(1, len(optional)).Draw(rt, "values") {
			path := rapid.SampledFrom(optional).Draw(rt, fmt.Sprint("path ", i))
			put(root, path, rapid.SampledFrom(oddValues()).Draw(rt, fmt.Sprint("value ", i)))
		}
		decodeOdd(rt, root, "odd values together")
	})
}

// A value that says the same in another type is read, and what cannot be read is
// left out; both are counted, by field and without its index.
func TestOddValuesAreReadOrCounted(t *testing.T) {
	t.Parallel()
	text := body(t, "order_change.json")
	for old, with := range map[string]string{
		`"IsBuyerRequestedCancel": true`:                           `"IsBuyerRequestedCancel": "true"`,
		`"Quantity": 10`:                                           `"Quantity": "10"`,
		`"PurchaseDate": "2022-07-13T19:42:04.284Z"`:               `"PurchaseDate": "2022-07-13"`,
		`"OrderStatus": "Unshipped"`:                               `"OrderStatus": {"Value": "Unshipped"}`,
		`"NumberOfItemsUnshipped": 10`:                             `"NumberOfItemsUnshipped": 10.5`,
		`"LatestShipDate": "2022-12-07T19:42:04.284Z"`:             `"LatestShipDate": "soon"`,
		`"NotificationId": "d0e9e693-c3ad-4373-979f-ed4ec98dd746"`: `"NotificationId": ["a"]`,
	} {
		if !strings.Contains(text, old) {
			t.Fatalf("the example has no %s", old)
		}
		text = strings.Replace(text, old, with, 1)
	}
	d := &decoder{region: model.NorthAmerica, maxBody: 256 << 10}
	got, wrong := d.decode(text, arrival{"m1", sent}, directory())
	if wrong != nil {
		t.Fatal(wrong)
	}
	change := got.value.(*schemas.OrderChange)
	item := change.Items[0]
	if item.Quantity != 10 || item.IsBuyerRequestedCancel == nil || !*item.IsBuyerRequestedCancel || !change.PurchaseDate.Equal(at("2022-07-13T00:00:00Z")) {
		t.Errorf("what says the same in another type was not read: %+v", change)
	}
	if change.OrderStatus != "" || change.ItemsUnshipped != nil || !change.LatestShipDate.IsZero() || change.NotificationID != "sqs-m1" {
		t.Errorf("what cannot be read was not left out: %+v", change)
	}
	counted := make(map[string]int)
	for _, o := range d.odd {
		counted[o.field]++
	}
	const summary = "/Payload/OrderChangeNotification/Summary"
	want := map[string]int{
		summary + "/OrderItems/*/IsBuyerRequestedCancel": 1, summary + "/OrderItems/*/Quantity": 1, summary + "/PurchaseDate": 1,
		summary + "/OrderStatus": 1, summary + "/NumberOfItemsUnshipped": 1, summary + "/LatestShipDate": 1, "/NotificationMetadata/NotificationId": 2,
	}
	if !maps.Equal(counted, want) {
		t.Errorf("counted %v, want %v", counted, want)
	}
}

// What one odd body held must not show in the next record, nor be counted again.
func TestOddValuesAreForgotten(t *testing.T) {
	t.Parallel()
	d := &decoder{region: model.NorthAmerica, maxBody: 256 << 10}
	oddBody := strings.Replace(body(t, "order_change.json"), `"Quantity": 10`, `"Quantity": "ten"`, 1)
	if _, wrong := d.decode(oddBody, arrival{"m1", sent}, directory()); wrong != nil || len(d.odd) != 1 {
		t.Fatalf("%v, %d odd values", wrong, len(d.odd))
	}
	if got, wrong := d.decode(body(t, "order_change.json"), arrival{"m2", sent}, directory()); wrong != nil || len(d.odd) != 0 || got.value.(*schemas.OrderChange).Items[0].Quantity != 10 {
		t.Errorf("%v, %d odd values, %+v", wrong, len(d.odd), got.value)
	}
}

// A million items are a bounded record.
func TestItemsOfAnOrderChangeAreBounded(t *testing.T) {
	t.Parallel()
	order := body(t, "order_change.json")
	from, to := strings.Index(order, `"OrderItems": [`), strings.LastIndex(order, "]")
	for name, item := range map[string]string{"empty": `{},`, "odd": `0,`, "one number": `{"Quantity":1},`} {
		text := order[:from] + `"OrderItems": [` + strings.TrimSuffix(strings.Repeat(item, 200<<10/len(item)), ",") + order[to:]
		got, wrong := decodeOne(t, model.NorthAmerica, text)
		if wrong != nil {
			t.Errorf("%s: %s", name, wrong.message)
		} else if n := len(got.value.(*schemas.OrderChange).Items); n > maxItems {
			t.Errorf("%s: %d items", name, n)
		}
	}
}
