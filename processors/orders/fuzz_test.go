package orders

import (
	"testing"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
)

func FuzzRestore(f *testing.F) {
	machinetest.FuzzRestore(f, Processor, newMachine)
}
