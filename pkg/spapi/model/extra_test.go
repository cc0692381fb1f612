package model

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestExtraIsBoundedAndStable(t *testing.T) {
	t.Parallel()
	order := Order{Items: []OrderItem{{OrderItemID: "70"}, {OrderItemID: "8"}}, Packages: []OrderPackage{{PackageReferenceID: "P"}}}
	big := `"` + strings.Repeat("x", MaxExtra) + `"`
	over := order.Keep([]string{"b", "a", "b"}, map[string][]byte{
		"orderItems[1].x": []byte(`{ "a": 1 }`), "orderItems[0].x": []byte("2"), "packages[0].y[3].z": []byte(`"` + "\xff" + `"`),
		"orderItems[9].x": []byte("3"), "top": []byte(big),
	})
	want := `{"orderItems[70].x":2,"orderItems[8].x":{"a":1},"orderItems[9].x":3,"packages[P].y[3].z":"�"}`
	if got := ExtraJSON(order.Extra); got != want || !json.Valid([]byte(got)) {
		t.Errorf("%s, want %s", got, want)
	}
	if !slices.Equal(over, []string{"top"}) || !slices.Equal(order.Incomplete, []string{"a", "b", "top"}) {
		t.Errorf("over %v, incomplete %v", over, order.Incomplete)
	}
	if got := (Unknown{Path: "orderItems[8].a[1].b"}).Pattern(); got != "orderItems[].a[].b" {
		t.Error(got)
	}
	order = Order{Items: []OrderItem{{OrderItemID: "7"}, {OrderItemID: "7"}}}
	over = order.Keep(nil, map[string][]byte{
		"aaa": []byte(big), "eve@example.com": []byte(big), "html": []byte(`"&<>"`),
		"orderItems[0].x": []byte("1"), "orderItems[1].x": []byte("2"),
	})
	if got, want := ExtraJSON(order.Extra), `{"html":"&<>","orderItems[1].x":2,"orderItems[7].x":1}`; got != want {
		t.Errorf("behind a large field, of two lines with one id: %s, want %s", got, want)
	}
	if want := []string{"(odd name)", "aaa"}; !slices.Equal(order.Incomplete, want) || len(over) != 2 {
		t.Errorf("incomplete %v, want %v", order.Incomplete, want)
	}
	many := make(map[string][]byte)
	for i := range 1000 {
		many[fmt.Sprintf("orderItems[0].%04d", i)] = []byte(`"` + strings.Repeat("x", 100) + `"`)
	}
	order = Order{Items: order.Items}
	if order.Keep(nil, many); len(ExtraJSON(order.Extra)) > 2*MaxExtra || len(order.Incomplete) > maxIncomplete || len(order.Extra) < 50 {
		t.Errorf("%d kept, %d named", len(order.Extra), len(order.Incomplete))
	}
}
