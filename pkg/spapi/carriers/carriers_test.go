package carriers

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// TestTheListIsWellFormed: what a person writes into it by hand is found out here.
func TestTheListIsWellFormed(t *testing.T) {
	t.Parallel()
	all := List()
	if len(all) < 400 {
		t.Fatalf("%d carriers", len(all))
	}
	seen, reported, named, countries := map[string]bool{}, 0, 0, map[string]int{}
	for i, c := range all {
		if i > 0 && cmp.Or(cmp.Compare(strings.ToLower(all[i-1].Code), strings.ToLower(c.Code)), cmp.Compare(all[i-1].Code, c.Code)) >= 0 {
			t.Errorf("%s stands behind %s", c.Code, all[i-1].Code)
		}
		if seen[c.Code] || Key(c.Code) == "" {
			t.Errorf("%q is on the list twice, or is no code", c.Code)
		}
		seen[c.Code] = true
		for _, cell := range slices.Concat([]string{c.Code}, c.Countries, c.names) {
			if cell != strings.TrimSpace(cell) || cell == "" {
				t.Errorf("%s: %q has spaces around it, or nothing", c.Code, cell)
			}
		}
		for _, country := range c.Countries {
			if countries[country]++; strings.Trim(country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" || len(country) != 2 {
				t.Errorf("%s: %q is no country", c.Code, country)
			}
		}
		if !slices.IsSorted(c.Countries) {
			t.Errorf("%s: countries %v", c.Code, c.Countries)
		}
		if c.Reported {
			reported++
		}
		named += len(c.names)
	}
	if !seen[model.CarrierOther] || reported == 0 || reported > 20 || named == 0 || countries["SG"] < 30 || countries["AU"] < 10 || countries["IN"] < 20 {
		t.Errorf("%d are reported, %d other names, countries %v", reported, named, countries)
	}
	head, _, _ := strings.Cut(list, "\ncode\t")
	for _, said := range []string{"As of 20", "amzn-base.xsd"} {
		if !strings.Contains(head, said) {
			t.Errorf("the list's head does not say %q", said)
		}
	}
}

func TestAListThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"\tDE", "DHL\tDE\tcertain", "DHL\t\t\t\tx", ""} {
		if all, err := parse("# head\nUPS\n" + line + "\n"); err == nil {
			t.Errorf("%q was taken: %+v", line, all)
		}
	}
}
