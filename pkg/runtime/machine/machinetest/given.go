package machinetest

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
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

// Sellers returns a directory of two sellers in Europe, "acme-eu" and "other", in the form
// that processors take it.
func Sellers(t testing.TB) func() *account.Directory {
	t.Helper()
	const germany, france = "A1PA6795UKMFR9", "A13V1IB3VIYZZH"
	return Directory(t,
		account.Account{ID: "acme-eu", SellerID: "A1", Region: model.Europe, Marketplaces: []string{germany, france}},
		account.Account{ID: "other", SellerID: "A2", Region: model.Europe, Marketplaces: []string{germany}})
}

// Again returns a record as a replay with effects brings it.
func Again(rec *machine.Record, replay string) *machine.Record {
	copied := *rec
	copied.ID += "/" + replay
	copied.Replay = &machine.Replay{ID: replay, Effects: true}
	return &copied
}

// HeapInUse returns how many bytes of the heap are in use, after a collection.
func HeapInUse() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
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
