package kclient

import (
	"runtime"
	"sync"
	"time"
)

const (
	// largeCost is from what size on a batch is large. Producers' batches are smaller:
	// the gate is for what is odd.
	largeCost = 2 << 20
	// maxLargeCost is how much of the process's memory large batches have together. One
	// is always let in, however large.
	maxLargeCost = 32 << 20
	// gatePause is how often the gate looks for what was let go meanwhile.
	gatePause = 100 * time.Millisecond
	// What waits is let in all the same when nothing was let go for gateIdle, or after
	// gateMost: a partition does not stand still because others hold what they read.
	gateIdle = 10 * time.Second
	gateMost = 30 * time.Second
)

// gate lets large batches into memory, a few at a time.
type gate struct {
	slots chan struct{} // decompressions at a time: more than there are cores gain nothing
	mu    sync.Mutex
	held  int64      // of batches that something still refers to
	left  time.Time  // when something was let go last
	gc    sync.Mutex // one who waits collects for all
}

func newGate() *gate { return &gate{slots: make(chan struct{}, min(4, runtime.GOMAXPROCS(0)))} }

// process is the gate of all clients: memory is the process's, and so is its bound.
//
//nolint:gochecknoglobals // see above; nobody sees it but the clients' meters
var process = newGate()

// run carries out a decompression.
func (g *gate) run(decompress func() ([]byte, error)) ([]byte, error) {
	g.slots <- struct{}{}
	defer func() { <-g.slots }()
	return decompress()
}

// enter reports whether a batch was let in.
func (g *gate) enter(cost int64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held > 0 && g.held+cost > maxLargeCost {
		return false
	}
	g.held += cost
	return true
}

// await waits until a batch is let in. What was read and is no longer referred to
// is known after a garbage collection only.
func (g *gate) await(cost int64) {
	began := time.Now()
	for !g.enter(cost) {
		waited, idle := time.Since(began), time.Since(g.lastLeft())
		if waited > gateMost || min(waited, idle) > gateIdle {
			g.add(cost)
			return
		}
		if g.gc.TryLock() {
			runtime.GC()
			g.gc.Unlock()
		}
		time.Sleep(gatePause)
	}
}

func (g *gate) lastLeft() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.left
}

// add lets in what cannot wait.
func (g *gate) add(cost int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held += cost
}

// hold counts the batch as held until nothing refers to its data.
func (g *gate) hold(data []byte, cost int64) {
	runtime.AddCleanup(&data[0], g.leave, cost)
}

func (g *gate) leave(cost int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held -= cost
	g.left = time.Now()
}
