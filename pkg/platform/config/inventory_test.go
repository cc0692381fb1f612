package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestFaultsOfInventory(t *testing.T) {
	t.Parallel()
	const account = "    refresh_token: {env: ACME_EU_REFRESH_TOKEN}"
	for _, test := range []struct{ key, text, says string }{
		{"inventory.defaults.scope", "inventory: {defaults: {scope: marketplace}}", `"marketplace" is not possible: Amazon keeps one quantity`},
		{"inventory.defaults.product_type", "inventory: {defaults: {product_type: luggage}}", `"luggage" is not a product type`},
		{"inventory.defaults.fulfillment_channel", "inventory: {defaults: {fulfillment_channel: own stock}}", `"own stock" is not a fulfillment channel code`},
		{"inventory.defaults.issue_locale", "inventory: {defaults: {issue_locale: german}}", `"german" is not a locale`},
		{"inventory.defaults.fba", "inventory: {defaults: {fba: send}}", `"send": write one of refuse, allow`},
		{"inventory.defaults.unknown", "inventory: {defaults: {unknown: allow}}", `"allow": write one of wait, send`},
		{"inventory.fulfillment_wait", "inventory: {fulfillment_wait: 0s}", "0s: write a duration from 1m0s to 24h0m0s"},
		{"inventory.linger", "inventory: {linger: 0s}", "0s: write a duration from 1s to 1h0m0s"},
		{"inventory.max_messages", "inventory: {max_messages: 30000}", "30000: write a number from 1 to 25000"},
		{"inventory.max_bytes", "inventory: {max_bytes: 20000000}", "write a number from 65536 to 10485760"},
		{"inventory.max_uploads", "inventory: {max_uploads: 0}", "0: write a number from 1 to 100"},
		{"inventory.patch_linger", "inventory: {patch_linger: 1ms}", "1ms: write a duration from 100ms"},
		{"inventory.patch_below", "inventory: {patch_below: 20000}", "20000: write a number from 0 to 10000"},
		{"inventory.patch_most", "inventory: {patch_most: -1}", "-1: write a number from 0 to 10000"},
		{"inventory.apply_delay", "inventory: {apply_delay: 0s}", "0s: write a duration from 1s"},
		{"inventory.show_delay", "inventory: {show_delay: 2h}", "2h0m0s: write a duration from 1s to 1h"},
		{"inventory.max_attempts", "inventory: {max_attempts: 0}", "0: write a number from 1 to 100"},
		{"inventory.look_after", "inventory: {look_after: 1s}", "1s: write a duration from 1m0s"},
		{"inventory.max_pending", "inventory: {max_pending: 10}", "10: write a number from 1000"},
		{"inventory.not_listed_codes", "inventory: {not_listed_codes: NOT_FOUND}", "write a list"},
		{"inventory.not_listed_codes", `inventory: {not_listed_codes: ["13013", ""]}`, "a code is empty"},
		{"inventory.transient_codes", `inventory: {transient_codes: [""]}`, "a code is empty"},
		{"feeds.stuck_after", "feeds: {stuck_after: 1s}", "1s: write a duration from 1m0s"},
		{"feeds.patience", "feeds: {patience: 1m}", "1m0s: write a duration from 10m0s"},
	} {
		checkFault(t, Example+test.text+"\n", strings.Count(Example, "\n")+1, test.key, test.says)
	}
	text := strings.Replace(Example, account, account+"\n    inventory: {scope: marketplace}", 1)
	line := strings.Count(text[:strings.Index(text, "inventory: {scope")], "\n") + 1
	checkFault(t, text, line, "accounts[0].inventory.scope", `Remove the key, and have producers send one number for each SKU`)
}

// checkFault wants a text's only fault.
func checkFault(t *testing.T, text string, line int, key, says string) {
	t.Helper()
	_, err := Parse("f", []byte(text))
	var faults *Faults
	want := fmt.Sprintf("f:%d: %s: ", line, key)
	switch {
	case !errors.As(err, &faults):
		t.Errorf("%s: got %v", key, err)
	case len(faults.Found) != 1 || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), says):
		t.Errorf("%s says\n%v\nwant %s…%s", key, err, want, says)
	}
}

// TestTheSellersScopeIsWithoutEffect and says so; without it nothing is said.
func TestTheSellersScopeIsWithoutEffect(t *testing.T) {
	t.Parallel()
	const account = "    refresh_token: {env: ACME_EU_REFRESH_TOKEN}"
	text := strings.Replace(Example, account, account+"\n    inventory: {scope: seller}", 1) + "inventory: {defaults: {scope: seller}}\n"
	cfg, err := Parse("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	lines := cfg.WithoutEffect()
	if earlier, err := Parse("f", []byte(Example+"inventory: {read_back_share: 0.1, read_back_after: 10m}\n")); err != nil ||
		len(earlier.WithoutEffect()) != 1 || !strings.Contains(earlier.WithoutEffect()[0], "read_back_share") {
		t.Errorf("%v, %q", err, earlier.WithoutEffect())
	}
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "inventory.defaults.scope: without effect") ||
		!strings.HasPrefix(lines[1], "f: accounts[0].inventory.scope: without effect") {
		t.Errorf("%q", lines)
	}
	if cfg, err = Parse("f", []byte(Example)); err != nil || len(cfg.WithoutEffect()) > 0 {
		t.Errorf("%v, %q", err, cfg.WithoutEffect())
	}
}

func TestAnAccountsListingsStandBeforeTheDefaults(t *testing.T) {
	t.Parallel()
	on, off := true, false
	defaults := Listings{ProductType: "PRODUCT", Channel: "DEFAULT", IssueLocale: "en_GB", FBA: FBARefuse, Unknown: UnknownWait, Reserve: &on}
	if got := (Listings{}).Or(defaults); got != defaults {
		t.Errorf("without its own: %+v", got)
	}
	own := Listings{ProductType: "LUGGAGE", Channel: "X", IssueLocale: "de_DE", FBA: FBAAllow, Unknown: UnknownSend, Reserve: &off}
	if got := own.Or(defaults); got != own {
		t.Errorf("with its own: %+v", got)
	}
}
