// Package property checks a property with fixed seeds and with random ones. A
// property that random cases alone guard may hold by luck: a mistake that one
// case in two hundred shows is seen in one run of two. The cases of fixed seeds
// are the same in every run and on every machine, so a mistake that they show
// fails the build that makes it; random ones look further with each run.
//
// Where a random case fails, rapid writes it to testdata/rapid of the package.
// Commit that file: rapid runs it first from then on (CONTRIBUTING.md).
package property

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/test/long"
)

const (
	// FixedSeeds is how many fixed seeds Check uses, and partSeeds how many in `make test`.
	FixedSeeds, partSeeds = 300, 60
	// words bounds what one case draws. One that draws more is not valid.
	words = 1 << 13
)

// Check checks prop with the seeds 1 to FixedSeeds (`make test`: a fifth of them), and
// then as rapid.Check does. Each fixed seed is a subtest, so that
// `TEST_LONG=1 go test -run TestName/seed_217` runs that case alone and shows what it drew.
func Check(t *testing.T, prop func(*rapid.T)) {
	t.Helper()
	CheckSeeds(t, Seeds(long.Pick(t, partSeeds, FixedSeeds)), prop)
}

// CheckSeeds is Check with the given fixed seeds, for a property whose cases are
// slow, or which one known seed must show.
func CheckSeeds(t *testing.T, seeds []uint64, prop func(*rapid.T)) {
	t.Helper()
	fixed(t, prop, seeds)
	rapid.Check(t, prop)
}

// Seeds returns the seeds 1 to n.
func Seeds(n int) []uint64 {
	seeds := make([]uint64, n)
	for i := range seeds {
		seeds[i] = uint64(i + 1)
	}
	return seeds
}

// fixed fails when one of the seeds shows a mistake, and when fewer than half of
// them give a valid case: then they protect nothing.
func fixed(t *testing.T, prop func(*rapid.T), seeds []uint64) {
	t.Helper()
	check := rapid.MakeFuzz(prop)
	valid := 0
	for _, seed := range seeds {
		skipped := false
		if !t.Run(fmt.Sprintf("seed_%d", seed), func(t *testing.T) {
			defer func() { skipped = t.Skipped() }()
			check(t, draws(seed))
		}) {
			t.FailNow() // one case to look at
		}
		if !skipped {
			valid++
		}
	}
	if valid*2 < len(seeds) {
		t.Fatalf("%d of %d fixed seeds give a valid case: loosen what the property assumes, or what it draws", valid, len(seeds))
	}
}

// draws returns what a case of the seed draws. It is the same on every machine
// and in every version of Go: ChaCha8 is part of math/rand/v2's promise.
func draws(seed uint64) []byte {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	bytes := make([]byte, 8*words)
	_, _ = rand.NewChaCha8(key).Read(bytes) // never fails
	return bytes
}
