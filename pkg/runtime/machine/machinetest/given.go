package machinetest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
)

// NoCalls is embedded by a machine that makes no calls.
type NoCalls struct{}

// Result takes no result.
func (NoCalls) Result(*machine.Tx, *machine.Result) {}

// Draw makes no call.
func (NoCalls) Draw(*machine.Tx) {}

// Pending reports that nothing waits for a call.
func (NoCalls) Pending() int { return 0 }

// Directory returns a directory of accounts, in the form that processors take it.
func Directory(t testing.TB, accounts ...account.Account) func() *account.Directory {
	t.Helper()
	directory, err := account.NewDirectory(accounts)
	if err != nil {
		t.Fatal(err)
	}
	return func() *account.Directory { return directory }
}

// Golden returns the recorded bytes of a record, such as "InventoryUpdate". It is for
// tests in a processor's folder.
func Golden(t testing.TB, record string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../../schemas/testdata/golden", fileOf(record)+".bin"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}
