package boundedhttp

import (
	"context"
	"fmt"

	"golang.org/x/sync/semaphore"
)

// small is what an answer may bring without a share of the budget. Ordinary answers
// are smaller, so that they never wait for large ones.
const small = 256 << 10

// Budget bounds the bytes of large answers that are read at a time, by all who share
// it. It is safe for concurrent use.
type Budget struct {
	room  *semaphore.Weighted
	bytes int64
}

// NewBudget returns a Budget of so many bytes.
func NewBudget(bytes int64) *Budget { return &Budget{semaphore.NewWeighted(bytes), bytes} }

// Enter waits until there is room for so many bytes, or for all where they are more
// than the whole budget. leave gives it back and may be called again.
func (b *Budget) Enter(ctx context.Context, bytes int64) (leave func(), err error) {
	bytes = min(bytes, b.bytes)
	if err := b.room.Acquire(ctx, bytes); err != nil {
		return nil, fmt.Errorf("other large answers are read: %w", err)
	}
	entered := true
	return func() {
		if entered {
			b.room.Release(bytes)
		}
		entered = false
	}, nil
}

// share is what an answer has of a budget.
type share struct {
	budget *Budget
	ctx    context.Context //nolint:containedctx // of the request, as http.Request has it: a body is read under it
	bytes  int64           // that the answer may bring
	read   int64
	leave  func() // nil before there is a share
}

// most returns how many bytes may be read now, at least one. It waits where the answer
// has turned out to be large.
func (s *share) most(wanted int) (int, error) {
	switch {
	case s.budget == nil || s.leave != nil:
		return wanted, nil
	case s.read < small:
		return min(wanted, int(small-s.read)), nil
	}
	leave, err := s.budget.Enter(s.ctx, s.bytes)
	s.leave = leave
	return wanted, err
}

func (s *share) end() {
	if s.leave != nil {
		s.leave()
	}
}
