package stream

import (
	"fmt"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
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

// Keys from outside take no more than so much memory, whatever they are.
func TestKeysThatAreRememberedAreBounded(t *testing.T) {
	t.Parallel()
	o := newOwners(0, testPartitions)
	for _, length := range []int{1, 20, 200, 256, 257, 100_000} {
		for n := range 20_000 / (1 + length/1000) {
			key := fmt.Appendf(make([]byte, 0, length), "%0*d", length, n)
			o.account(key)
			if _, again := o.account(key); again != (o.partitionOf(key) == 0) {
				t.Fatalf("key %d of %d bytes is remembered wrongly", n, length)
			}
			held := 0
			if n%1000 == 0 {
				for key := range o.known {
					held += len(key)
				}
			}
			if held > maxOwnerBytes {
				t.Fatalf("%d bytes of keys are remembered", held)
			}
		}
	}
}
