package config

import (
	"strings"
	"testing"
)

func TestFaultsOfShipments(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ key, text, says string }{
		{"shipments.carriers", "shipments: {carriers: DHL}", `write "name: value" lines`},
		{"shipments.carriers.--", "shipments: {carriers: {--: DHL}}", `"--" names no carrier`},
		{"shipments.carriers.dhl paket", "shipments: {carriers: {DHL-Paket: DHL, dhl paket: DHL}}", `it is the same name as "DHL-Paket"`},
		{"shipments.carriers.Velo", "shipments: {carriers: {Velo: }}", `"" is no carrier code`},
		{"shipments.carriers.Velo", `shipments: {carriers: {Velo: " DHL"}}`, `" DHL" is no carrier code`},
		{"shipments.carriers.Velo", "shipments: {carriers: {Velo: other}}", `"other": Amazon writes it Other`},
		{"shipments.wait_for_order", "shipments: {wait_for_order: 0s}", "0s: write a duration from 1s to 24h0m0s"},
		{"shipments.risk_margin", "shipments: {risk_margin: 1s}", "1s: write a duration from 1m0s"},
		{"shipments.missing_lead", "shipments: {missing_lead: 169h}", "169h0m0s: write a duration from 0s to 168h"},
		{"shipments.buyer_cancel", "shipments: {buyer_cancel: drop}", `"drop": write one of hold, ship, warn`},
		{"shipments.verify_after", "shipments: {verify_after: 14m59s}", "14m59s: write a duration from 15m0s"},
		{"shipments.patience", "shipments: {patience: 59m}", "59m0s: write a duration from 1h0m0s"},
		{"shipments.apply_delay", "shipments: {apply_delay: 2h}", "2h0m0s: write a duration from 1s to 1h"},
		{"shipments.max_pending", "shipments: {max_pending: 1}", "1: write a number from 1000"},
	} {
		checkFault(t, Example+test.text+"\n", strings.Count(Example, "\n")+1, test.key, test.says)
	}
}

func TestCarriersAreTaken(t *testing.T) {
	t.Parallel()
	cfg, err := Parse("f", []byte(Example+"shipments: {carriers: {Velo Kurier: Other, Haus: NEW_CODE, Dr. Post: La Poste}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	got := cfg.Shipments.Carriers
	if len(got) != 3 || got["Velo Kurier"] != "Other" || got["Haus"] != "NEW_CODE" || got["Dr. Post"] != "La Poste" {
		t.Errorf("%v", got)
	}
}
