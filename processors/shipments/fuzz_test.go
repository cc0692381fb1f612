package shipments

import (
	"testing"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/schemas"
)

func FuzzRestore(f *testing.F) {
	machinetest.FuzzRestore(f, Processor, func(t testing.TB) *Machine { return New(Config{Accounts: machinetest.Sellers(t)}) })
}

// FuzzShipment takes a shipment that any producer may have written: it has one
// outcome, one letter, or waits, and what is written because of it fits its topic.
func FuzzShipment(f *testing.F) {
	f.Add(machinetest.Golden(f, "Shipment"))
	f.Fuzz(func(t *testing.T, data []byte) {
		value := machinetest.Decoded(t, "Shipment", data)
		if value == nil {
			return
		}
		r := newRuntime(t, Config{})
		rec := r.Records(value)[0]
		rec.Account = testAccount
		tx := r.Decide([]*machine.Record{rec})
		outcomes := len(tx.DeadLetters) + r.Machine.Pending()
		for _, out := range tx.Outputs {
			if _, ok := out.Value.(*schemas.ShipmentConfirmation); ok {
				outcomes++
			}
			if size := len(out.Value.(schemas.Value).AppendAvro(nil)); size > schemas.MaxRecordBytes*9/10 {
				t.Errorf("a %T of %d bytes", out.Value, size)
			}
		}
		if outcomes > 1 || outcomes == 0 && len(tx.State) == 0 {
			t.Errorf("%d outcomes and %d entries of %+v", outcomes, len(tx.State), value)
		}
	})
}
