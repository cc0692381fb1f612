package registry_test

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/schemas"
)

// A quantity that a producer writes as long, or as nullable, is read where no
// value is lost, and refused in words where one would be.
func TestQuantitiesOfOtherTypes(t *testing.T) {
	t.Parallel()
	f := newWholeFixture(t)
	number := func(n int64) string { return string(binary.AppendVarint(nil, n)) }
	for name, c := range map[string]struct {
		kind, value string
		want        int32
		fails       string
	}{
		"int":               {`"int"`, number(7), 7, ""},
		"long":              {`"long"`, number(7), 7, ""},
		"largest":           {`"long"`, number(math.MaxInt32), math.MaxInt32, ""},
		"one more":          {`"long"`, number(math.MaxInt32 + 1), 0, "quantity"},
		"lowest but one":    {`"long"`, number(math.MinInt32 - 1), 0, "quantity"},
		"2^32+7":            {`"long"`, number(1<<32 + 7), 0, "quantity"},
		"nullable int":      {`["null","int"]`, "\x02" + number(7), 7, ""},
		"nullable long":     {`["null","long"]`, "\x02" + number(7), 7, ""},
		"long or null":      {`["long","null"]`, "\x00" + number(7), 7, ""},
		"nullable, too big": {`["null","long"]`, "\x02" + number(math.MaxInt32+1), 0, "quantity"},
		"null":              {`["null","long"]`, "\x00", 0, "null"},
		"text":              {`"string"`, "\x027", 0, "cannot be read as"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := f.foreign(t, "sellerstream.inventory-updates-value", `{"type":"record","name":"InventoryUpdate","namespace":"sellerstream","fields":[
				{"name":"updateId","type":"string"},{"name":"account","type":"string"},{"name":"sku","type":"string"},
				{"name":"quantity","type":`+c.kind+`},{"name":"eventTime","type":"long"}]}`)
			got, err := f.Decode(t.Context(), schemas.InventoryUpdates, wire(id, "\x02u\x02a\x02s"+c.value+"\x02"))
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Errorf("got %+v, %v; want an error with %q", got, err, c.fails)
				}
				return
			}
			if u, ok := got.(*schemas.InventoryUpdate); err != nil || !ok || u.Quantity != c.want || u.SKU != "s" || u.EventTime.UnixMilli() != 1 {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}
