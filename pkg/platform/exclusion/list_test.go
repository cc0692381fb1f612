package exclusion

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/test/property"
	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"lines":               "ALL\nacme-eu,ONE\n",
		"a sheet's heading":   "\ufeffaccount, sku\r\n,ALL\r\n\r\nacme-eu , ONE \r\n",
		"quotation marks":     `"ALL"` + "\n" + `"acme-eu","ONE"`,
		"JSON":                ` ["ALL", {"account": "acme-eu", "sku": "ONE", "since": "2026-01-01"}] `,
		"JSON, every account": `[{"sku":"ALL"},{"account":"acme-eu","sku":"ONE"}]`,
	} {
		list, err := Parse(strings.NewReader(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, test := range []struct {
			account, sku string
			want         bool
		}{
			{"acme-eu", "ALL", true}, {"acme-us", "ALL", true},
			{"acme-eu", "ONE", true}, {"acme-us", "ONE", false}, {"acme-eu", "one", false}, {"acme-eu", "", false},
		} {
			if got := list.Has(test.account, test.sku); got != test.want {
				t.Errorf("%s: %s of %s is excluded: %v", name, test.sku, test.account, got)
			}
		}
		if list.Len() != 2 {
			t.Errorf("%s: %d entries", name, list.Len())
		}
	}
}

func TestParseOfNothingIsAnEmptyList(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", " \n\n", "[]", "account,sku\n", "SKU"} {
		if list, err := Parse(strings.NewReader(text)); err != nil || list.Len() != 0 {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestParseRefusesTheWholeListAndNamesThePlace(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		"A\n\nacme-eu,B,3\n":            "line 3: 3 columns",
		"A\nacme-eu,\n":                 "line 2: the SKU is empty",
		"A\n" + strings.Repeat("x", 41): "line 2: the SKU has more than the 40 characters",
		"A\nTV 32\"\n":                  "line 2: bare",
		"A\nB\x00":                      "line 2: it holds a control character",
		"A\nB\xff":                      "line 2: it is not UTF-8",
		strings.Repeat("a", 64) + ",A":  "line 1: the account's name",
		`["A", 3]`:                      "element 1: neither a SKU nor",
		`["A", null]`:                   "element 1: the SKU is empty",
		`["A", {"account":"x"}]`:        "element 1: the SKU is empty",
		`["A"`:                          "the JSON array does not end",
		`["A"] "B"`:                     "something stands behind",
	} {
		list, err := Parse(strings.NewReader(text))
		if err == nil || !strings.HasPrefix(err.Error(), says) {
			t.Errorf("%.40q gives %v and the error %v, want %q", text, list, err, says)
		}
	}
}

func TestParseIsBounded(t *testing.T) {
	t.Parallel()
	for most, fits := range map[int64]bool{4: true, 3: false} {
		if _, err := parse(strings.NewReader("A\nB\n"), most); (err == nil) != fits {
			t.Errorf("4 bytes of at most %d: %v", most, err)
		}
	}
	list := newList()
	for i := range maxEntries {
		if err := list.add("", fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if list.add("", "one more") == nil {
		t.Error("a list grows without end")
	}
}

// TestFormsAgree writes the same entries in both forms.
func TestFormsAgree(t *testing.T) {
	t.Parallel()
	property.Check(t, func(t *rapid.T) {
		accounts := rapid.SampledFrom([]string{"", "acme-eu", "acme-us"})
		skus := rapid.StringMatching(`[A-Za-z0-9"',.;/\[\]{}#_-]{1,40}`)
		var lines bytes.Buffer
		out := csv.NewWriter(&lines)
		_ = out.Write([]string{"account", "sku"})
		want := make(map[entry]bool)
		elements := []element{}
		for range rapid.IntRange(0, 20).Draw(t, "entries") {
			e := entry{accounts.Draw(t, "account"), skus.Draw(t, "sku")}
			_ = out.Write([]string{e.account, e.sku})
			elements = append(elements, element{e.account, e.sku})
			want[e] = true
		}
		out.Flush()
		asJSON, _ := json.Marshal(elements)
		for _, text := range []string{lines.String(), string(asJSON)} {
			list, err := Parse(strings.NewReader(text))
			if err != nil || list.Len() != len(want) {
				t.Fatalf("%s: %v", text, err)
			}
			for e := range want {
				if !list.Has(e.account, e.sku) {
					t.Fatalf("%s: %v is not in the list", text, e)
				}
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"A\nacme-eu,B\n", `["A",{"account":"acme-eu","sku":"B"}]`, "account,sku\n\"A\"\"\"", "[", "{}", "\ufeff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := Parse(bytes.NewReader(text))
		if err != nil {
			return
		}
		for e := range list.entries {
			if again := newList(); again.add(e.account, e.sku) != nil || !list.Has(e.account, e.sku) {
				t.Errorf("the list holds %q, which it would not take", e)
			}
		}
	})
}
