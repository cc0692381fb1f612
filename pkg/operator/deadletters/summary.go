package deadletters

import (
	"cmp"
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
	keepNewest := func() {
		slices.SortFunc(s.Newest, newestFirst)
		s.Newest = s.Newest[:min(len(s.Newest), newest)]
	}
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
		letter.Value = nil
		if s.Newest = append(s.Newest, letter); len(s.Newest) > 2*newest {
			keepNewest()
		}
		return nil
	})
	for _, c := range counts {
		s.Counts = append(s.Counts, *c)
	}
	slices.SortFunc(s.Counts, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Letters, a.Letters), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Role, b.Role))
	})
	keepNewest()
	return s, err
}

// newestFirst orders letters by time, and those of one time by where they stand.
func newestFirst(a, b *Letter) int {
	return cmp.Or(b.Written.Compare(a.Written), cmp.Compare(b.Partition, a.Partition), cmp.Compare(b.Offset, a.Offset))
}
