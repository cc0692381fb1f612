package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
)

func TestCarriersFind(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte(config.Example+"shipments: {carriers: {Haus: DPD Local, Rad: Other, Bote: BOTE}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		code int
		says []string
	}{
		{[]string{"DHL Paket"}, 0, []string{"Sellerstream sends DHL-Paket: exactly one code is spelled so", "CODE", "DHL-Paket          -           -"}},
		{[]string{"dhl"}, 0, []string{"Sellerstream sends DHL: ", "AU, IN, SG", "DHL Express", "DHL Home Delivery"}},
		{[]string{"Evri"}, 0, []string{"it is one of Amazon's codes", "Evri       -          reported", "Hermes UK  -          -\n"}},
		{[]string{"Geodis"}, 0, []string{`Sellerstream sends Other with the name "Geodis": no code is that name, or several are`, "  \"Geodis\": GEODIS\n", "geodis "}},
		{[]string{"Velo Kurier"}, 0, []string{`Other with the name "Velo Kurier"`, `No code of Amazon's list resembles "Velo Kurier"`}},
		{[]string{"Velo\x1b[2J"}, 0, []string{`Velo`}},
		{[]string{"haus", "--config", file}, 0, []string{"Sellerstream sends DPD Local: shipments.carriers says so.\n"}},
		{[]string{"bote", "--config", file}, 0, []string{"Sellerstream sends BOTE: shipments.carriers says so, but the code is on no list"}},
		{[]string{"Rad", "--config", file}, 0, []string{`Sellerstream sends Other with the name "Rad": shipments.carriers says so.`}},
		{[]string{"--", "--"}, exitUsage, []string{"neither letters nor digits"}},
		{nil, exitUsage, []string{"accepts 1 arg"}},
		{[]string{"x", "--config", file + "x"}, exitFailed, []string{"sellerstream config example"}},
		{[]string{"--help"}, 0, []string{"shipments.carriers", "REPORTED"}},
	} {
		code, stdout, stderr := execute(append([]string{"carriers", "find"}, test.args...)...)
		for _, says := range test.says {
			if code != test.code || !strings.Contains(stdout+stderr, says) {
				t.Errorf("%q: exit %d, want %d and %q\n%s%s", test.args, code, test.code, says, stdout, stderr)
			}
		}
		if strings.Contains(stdout, "\x1b") {
			t.Errorf("%q steers the terminal: %q", test.args, stdout)
		}
	}
	code, stdout, _ := execute("carriers", "find", "--json", "post-nl")
	var found foundCarriers
	if err := json.Unmarshal([]byte(stdout), &found); err != nil || code != 0 {
		t.Fatal(err, code)
	}
	if s := found.Sends; s.Code != "Other" || s.Name != "post-nl" || s.Origin != "unknown" || !s.Listed || len(found.Codes) < 2 ||
		found.Codes[0].Code != "Post NL" || found.Codes[1].Code != "PostNL" || strings.Contains(stdout, "null") {
		t.Errorf("%s", stdout)
	}
	if _, stdout, _ = execute("carriers", "find", "--json", "dhl"); json.Unmarshal([]byte(stdout), &found) != nil || !slices.Equal(found.Codes[0].Countries, []string{"AU", "IN", "SG"}) {
		t.Errorf("%s", stdout)
	}
}
