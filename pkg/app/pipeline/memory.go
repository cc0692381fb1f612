package pipeline

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// quietEvery is how often the process looks whether it is quiet, and quietBytes how
	// much it allocates meanwhile at most where it is.
	quietEvery = 5 * time.Second
	quietBytes = 20 << 20
	// mostGarbage is how much memory beside what is in use a quiet process keeps, and
	// garbageShare which part of a large heap.
	mostGarbage  = 64 << 20
	garbageShare = 4
)

// giveMemoryBack returns memory to the machine whenever the process becomes quiet, until
// ctx ends. After a takeover, or many updates, as much again as is in use would stay
// resident: Go collects garbage when it needs room, and a quiet process needs none.
func giveMemoryBack(ctx context.Context) {
	ticker := time.NewTicker(quietEvery)
	defer ticker.Stop()
	before := readHeap().allocated
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		heap := readHeap()
		if heap.allocated-before < quietBytes && heap.resident > heap.live+max(mostGarbage, heap.live/garbageShare) {
			debug.FreeOSMemory()
		}
		before = heap.allocated
	}
}

// heapUse is how Go's heap is used, in bytes.
type heapUse struct {
	allocated uint64 // since the start
	resident  uint64 // that a collection may return: not the gaps between objects
	live      uint64 // at the end of the last collection
}

func readHeap() heapUse {
	samples := []metrics.Sample{
		{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(samples)
	use := heapUse{allocated: samples[0].Value.Uint64(), live: samples[1].Value.Uint64()}
	for _, s := range samples[2:] {
		use.resident += s.Value.Uint64()
	}
	return use
}
