package chance

import (
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/google/uuid"
)

// Seed seeds all randomness of a simulator: the same seed, the same marketplace.
type Seed uint64

// Stream is a sequence of random numbers for one purpose.
type Stream uint64

// The streams.
const (
	Orders Stream = iota + 1
	Scenario
	Faults
	Feeds
	Updates
)

// Stream begins a stream. It is not safe for use by several goroutines.
func (s Seed) Stream(stream Stream) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(s), uint64(stream)))
}

// IDs makes UUIDs. It may be used from any goroutine.
type IDs struct {
	mu     sync.Mutex
	source *rand.ChaCha8
}

// IDs begins a sequence of ids.
func (s Seed) IDs() *IDs {
	var seed [32]byte
	for i := range 8 {
		seed[i] = byte(s >> (8 * i))
	}
	return &IDs{source: rand.NewChaCha8(seed)}
}

// New is the next id.
func (i *IDs) New() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	id, err := uuid.NewRandomFromReader(i.source)
	if err != nil {
		panic(err) // ChaCha8's Read never fails
	}
	return id.String()
}

// Happens reports whether something that happens in a share of all cases happens
// now. It draws no number for a share of 0.
func Happens(random *rand.Rand, share float64) bool { return share > 0 && random.Float64() < share }

// CheckShares refuses what is no share.
func CheckShares(shares ...float64) error {
	for _, share := range shares {
		if share < 0 || share > 1 {
			return fmt.Errorf("a share is between 0 and 1, not %v", share)
		}
	}
	return nil
}
