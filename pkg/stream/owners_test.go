package stream

import (
	"fmt"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/machine"
)

// TestEachAccountIsOneUnits: the one whose partition its records are in.
func TestEachAccountIsOneUnits(t *testing.T) {
	t.Parallel()
	units := make([]func(string) bool, testPartitions)
	for p := range units {
		units[p] = Mine(machine.Unit{Processor: "test", Partition: int32(p), Partitions: testPartitions})
	}
	for n := range 100 {
		account := fmt.Sprint("account-", n)
		for p, mine := range units {
			if want := int32(p) == partitionOf(account); mine(account) != want {
				t.Errorf("%s is unit %d's own: %t, want %t", account, p, !want, want)
			}
		}
	}
}
