package doctor

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/config"
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
