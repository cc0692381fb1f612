package share

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/sellerstream/sellerstream/schemas"
)

// Board holds what the units of all processes have told last, for those of this one. It
// may be used from any goroutine.
type Board struct {
	version atomic.Int64
	mu      sync.Mutex
	last    map[boardKey]News
}

type boardKey struct {
	unit             int32
	operation, group string
}

// News is what a unit has told.
type News struct {
	Unit    int32
	Told    *schemas.ShareState // must not be changed
	Heard   time.Time           // on the pipeline's clock
	version int64
}

// Put notes what a unit has told. The records of a unit must come in order.
func (b *Board) Put(unit int32, told *schemas.ShareState, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.last == nil {
		b.last = make(map[boardKey]News)
	}
	b.last[boardKey{unit, told.Operation, told.Group}] = News{unit, told, now, b.version.Add(1)}
}

// Since returns what units have told about an operation since a version, 0 for all, and
// the version of now.
func (b *Board) Since(version int64, operation string) ([]News, int64) {
	if b.version.Load() == version {
		return nil, version
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var news []News
	for key, n := range b.last {
		if key.operation == operation && n.version > version {
			news = append(news, n)
		}
	}
	return news, b.version.Load()
}
