package config

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// The role that a part needs is named in the example as doctor names it.
func TestTheExampleNamesTheRolesOfParts(t *testing.T) {
	t.Parallel()
	text := strings.Join(strings.FieldsFunc(Example, func(r rune) bool { return r == '#' || unicode.IsSpace(r) }), " ")
	roles := 0
	for _, part := range model.IncludedParts() {
		if part.Role == "" {
			continue
		}
		if roles++; !strings.Contains(text, part.Role) {
			t.Errorf("%s: the example does not name %q", part.Name, part.Role)
		}
	}
	if roles == 0 {
		t.Error("no part needs a role")
	}
}

func TestWhatIsAskedForOfAnAccountsOrders(t *testing.T) {
	t.Parallel()
	cfg := Default()
	cfg.Accounts = []Account{{ID: "a", BuyerData: true}, {ID: "b"}}
	for part, want := range map[string][2]bool{"PROCEEDS": {true, true}, "TAX": {false, false}, "BUYER": {true, false}, "RECIPIENT": {true, false}} {
		cfg.Orders.API = Orders2026
		if got := [2]bool{cfg.Asks("a", part), cfg.Asks("b", part)}; got != want {
			t.Errorf("%s: %v, want %v", part, got, want)
		}
		if cfg.Orders.API = OrdersV0; cfg.Asks("a", part) {
			t.Errorf("%s is asked for with Orders v0", part)
		}
	}
}

func TestTheEndOfOrdersV0(t *testing.T) {
	t.Parallel()
	lastDay := time.Date(2027, time.March, 27, 23, 59, 59, 0, time.UTC)
	for _, test := range []struct {
		api  string
		now  time.Time
		says string
	}{
		{Orders2026, lastDay.AddDate(10, 0, 0), ""},
		{OrdersV0, lastDay, ""},
		{OrdersV0, lastDay.Add(time.Second), "Amazon ended Orders v0"},
		{"v1", lastDay, "write one of 2026-01-01, v0"},
		{"", lastDay, "write one of 2026-01-01, v0"},
	} {
		cfg, faults := Default(), &Faults{File: "f"}
		cfg.Orders.API = test.api
		(&validator{cfg: &cfg, faults: faults}).orders(test.now)
		switch err := faults.orNil(); {
		case test.says == "" && err != nil:
			t.Errorf("%q at %v: %v", test.api, test.now, err)
		case test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)):
			t.Errorf("%q at %v: %v, want %q", test.api, test.now, err, test.says)
		}
	}
}

func TestHowOrdersAreSearched(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ orders, says string }{
		{"reconcile: {every: 0s, lookback: 0s}\n  silence: 0", ""},
		{"reconcile: {every: 1m, lookback: 720h}\n  silence: 8", ""},
		{"reconcile: {every: 30s}", "orders.reconcile.every: 30s: write a duration from 1m"},
		{"reconcile: {every: 25h}", "orders.reconcile.every: 25h0m0s: write"},
		{"reconcile: {lookback: -1s}", "orders.reconcile.lookback: -1s: write"},
		{"reconcile: {lookback: 721h}", "orders.reconcile.lookback: 721h0m0s: write"},
		{"silence: 7", "orders.silence: 7: write a number from 8"},
	} {
		_, err := Parse("f", []byte(Example+"orders:\n  "+test.orders+"\n"))
		switch {
		case test.says == "" && err != nil:
			t.Errorf("%s: %v", test.orders, err)
		case test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)):
			t.Errorf("%s: %v, want %q", test.orders, err, test.says)
		}
	}
}

func TestWhichOrdersAnAccountWants(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ orders, says string }{
		{"{fulfilled_by: [MERCHANT], change_types: [OrderStatusChange, DeliveryTipChange], filter_expression: true}", ""},
		{"{fulfilled_by: [AMAZON, MERCHANT]}", ""},
		{"{fulfilled_by: [merchant]}", `accounts[0].orders.fulfilled_by[0]: "merchant": write one of MERCHANT, AMAZON`},
		{"{fulfilled_by: [AMAZON, AMAZON]}", `accounts[0].orders.fulfilled_by[1]: "AMAZON" is given twice`},
		{"{change_types: [OrderStatusChange, StatusChange]}", `accounts[0].orders.change_types[1]: "StatusChange": write one of`},
		{"{change_types: [BuyerRequestedChange]}", "accounts[0].orders.change_types: OrderStatusChange is missing"},
		{"{filter_expression: true}", "accounts[0].orders.filter_expression: it says by whom"},
		{"{fulfilled_by: [AMAZON, MERCHANT], filter_expression: true}", "accounts[0].orders.filter_expression: it says by whom"},
	} {
		text := strings.Replace(Example, "    region: eu ", "    orders: "+test.orders+"\n    region: eu ", 1)
		switch _, err := Parse("f", []byte(text)); {
		case test.says == "" && err != nil:
			t.Errorf("%s: %v", test.orders, err)
		case test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)):
			t.Errorf("%s: %v, want %q", test.orders, err, test.says)
		}
	}
}
