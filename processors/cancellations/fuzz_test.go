package cancellations

import (
	"testing"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/schemas"
)

func FuzzRestore(f *testing.F) {
	machinetest.FuzzRestore(f, Processor, func(t testing.TB) *Machine { return New(Config{Accounts: machinetest.Sellers(t)}) })
}

// FuzzCancellation takes a cancellation that any producer may have written: it has one
// outcome, one letter, or waits, and what is written because of it fits its topic.
func FuzzCancellation(f *testing.F) {
	f.Add(machinetest.Golden(f, "Cancellation"))
	f.Fuzz(func(t *testing.T, data []byte) {
		value := machinetest.Decoded(t, "Cancellation", data)
		if value == nil {
			return
		}
		r := newRuntime(t, Config{})
		rec := r.Records(value)[0]
		rec.Account = testAccount
		tx := r.Decide([]*machine.Record{rec})
		outcomes := len(tx.DeadLetters) + r.Machine.Held()
		for _, out := range tx.Outputs {
			if _, ok := out.Value.(*schemas.CancellationResult); ok {
				outcomes++
			}
			if size := len(out.Value.(schemas.Value).AppendAvro(nil)); size > schemas.MaxRecordBytes*9/10 {
				t.Errorf("a %T of %d bytes", out.Value, size)
			}
		}
		if outcomes != 1 {
			t.Errorf("%d outcomes of %+v", outcomes, value)
		}
	})
}
