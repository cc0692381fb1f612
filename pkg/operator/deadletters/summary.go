package deadletters

import (
	"cmp"
	"container/heap"
	"context"
	"slices"
	"time"
)

// Count is how many letters a role set aside for one reason.
type Count struct {
	Reason  string    `json:"reason"`
	Role    string    `json:"role"`
	Letters int       `json:"letters"`
	Oldest  time.Time `json:"oldest"`
	Newest  time.Time `json:"newest"`
}

// Summary is what `list` shows.
type Summary struct {
	Total  int
	Counts []Count   // most first
	Newest []*Letter // newest first, without their values
}

// Summarize counts the letters that match, and keeps the newest of them.
func (l *Letters) Summarize(ctx context.Context, f Filter, newest int) (Summary, error) {
	var s Summary
	counts := make(map[[2]string]*Count)
	kept := &oldestFirst{}
	err := l.Each(ctx, f, func(letter *Letter) error {
		s.Total++
		c := counts[[2]string{letter.Reason, letter.Role}]
		if c == nil {
			c = &Count{Reason: letter.Reason, Role: letter.Role, Oldest: letter.Written}
			counts[[2]string{letter.Reason, letter.Role}] = c
		}
		c.Letters++
		if letter.Written.Before(c.Oldest) {
			c.Oldest = letter.Written
		}
		if letter.Written.After(c.Newest) {
			c.Newest = letter.Written
		}
		if newest == 0 || len(*kept) == newest && !older((*kept)[0], letter) {
			return nil
		}
		letter.Value = nil
		heap.Push(kept, letter)
		if len(*kept) > newest {
			heap.Pop(kept)
		}
		return nil
	})
	for _, c := range counts {
		s.Counts = append(s.Counts, *c)
	}
	slices.SortFunc(s.Counts, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Letters, a.Letters), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Role, b.Role))
	})
	for len(*kept) > 0 {
		s.Newest = append(s.Newest, heap.Pop(kept).(*Letter))
	}
	slices.Reverse(s.Newest)
	return s, err
}

// older orders letters by time, and those of one time by where they stand.
func older(a, b *Letter) bool {
	return cmp.Or(a.Written.Compare(b.Written), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset)) < 0
}

// oldestFirst is a heap of letters.
type oldestFirst []*Letter

func (h oldestFirst) Len() int           { return len(h) }
func (h oldestFirst) Less(i, j int) bool { return older(h[i], h[j]) }
func (h oldestFirst) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *oldestFirst) Push(x any)        { *h = append(*h, x.(*Letter)) }
func (h *oldestFirst) Pop() any {
	last := len(*h) - 1
	letter := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return letter
}
