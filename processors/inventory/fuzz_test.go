package inventory

import (
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/schemas"
)

func FuzzRestore(f *testing.F) {
	machinetest.FuzzRestore(f, Processor, func(t testing.TB) *Machine {
		return New(Config{Accounts: machinetest.Sellers(t), AuditEvery: time.Hour, SeenWithin: time.Hour})
	})
}

// FuzzUpdate takes an update that any producer may have written: it has one
// outcome, one letter, or waits, and what the state keeps of it is bounded.
func FuzzUpdate(f *testing.F) {
	f.Add(machinetest.Golden(f, "InventoryUpdate"))
	f.Fuzz(func(t *testing.T, data []byte) {
		value := machinetest.Decoded(t, "InventoryUpdate", data)
		if value == nil {
			return
		}
		r := newRuntime(t, Config{})
		rec := r.Records(value)[0]
		rec.Account = testAccount
		tx := r.Decide([]*machine.Record{rec})
		outcomes := len(tx.DeadLetters) + r.Machine.Pending()
		for _, out := range tx.Outputs {
			value := machinetest.Value(out.Value)
			if _, ok := value.(*schemas.InventoryResult); ok {
				outcomes++
			}
			bounded(t, value)
		}
		if outcomes != 1 {
			t.Errorf("%d outcomes of %+v", outcomes, value)
		}
		for _, entry := range tx.State {
			bounded(t, machinetest.Value(entry))
		}
	})
}

// bounded wants a record that its topic takes with ease, whatever came in.
func bounded(t *testing.T, value any) {
	t.Helper()
	if v, ok := value.(schemas.Value); ok {
		if size := len(v.AppendAvro(nil)); size > 64<<10 {
			t.Errorf("a %T of %d bytes", value, size)
		}
	}
}
