package doctor

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/exclusion"
)

// TestAccountsAreNamedWhereTheyStand has one account in the configuration and
// one in the folder of accounts.
func TestAccountsAreNamedWhereTheyStand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, more := filepath.Join(dir, "main.yaml"), filepath.Join(dir, "accounts", "more.yaml")
	if err := os.Mkdir(filepath.Dir(more), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		file: config.Example + "\naccounts_dir: accounts\n",
		more: "accounts:\n  - {id: acme-na, seller_id: A3TH9S8BH6GOGX, region: na, marketplaces: [ATVPDKIKX0DER], refresh_token: {env: X}}\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	d := &doctor{Options: Options{File: file, Config: cfg}}
	for i, want := range []string{"accounts[0].region", more + ": accounts[0].region"} {
		if got := d.accountAt(i).key("region"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestExcludedSKUsAreRead(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "skus.csv")
	cfg := config.Config{Accounts: []config.Account{{ID: "acme-eu"}}}
	for _, test := range []struct {
		list string
		want Status
		says string
	}{
		{"A\nacme-eu,B\n", OK, "2 from file " + file},
		{"A\nacme-ue,B\n", Warning, `1 of 2 entries are of accounts such as "acme-ue"`},
		{"A,B,C\n", Failed, "line 1"},
	} {
		if err := os.WriteFile(file, []byte(test.list), 0o600); err != nil {
			t.Fatal(err)
		}
		d := &doctor{Options: Options{Config: cfg, Parts: Parts{Exclusions: func() (exclusion.Loader, error) { return exclusion.File(file), nil }}}}
		if got := d.exclusions(t.Context()); got.Status != test.want || !strings.Contains(got.Found, test.says) {
			t.Errorf("%q: %+v", test.list, got)
		}
	}
	d := &doctor{Options: Options{Parts: Parts{Exclusions: func() (exclusion.Loader, error) { return nil, errors.New("no URL") }}}}
	if got := d.exclusions(t.Context()); got.Status != Failed {
		t.Errorf("a place that is none: %+v", got)
	}
}
