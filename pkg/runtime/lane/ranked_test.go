package lane

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/test/property"
)

// drawnTurn draws a turn, of few values so that many are equal.
func drawnTurn(t *rapid.T, now time.Time) Turn {
	second := func(name string, from, to int) time.Time {
		return now.Add(time.Duration(rapid.IntRange(from, to).Draw(t, name)) * time.Second)
	}
	return Turn{Due: second("due", -5, 5), By: second("by", -10, 10), Class: uint8(rapid.IntRange(0, 3).Draw(t, "class"))}
}

// TestRankedIsInOrder holds First, Earliest, Due and Len to a look at all items.
func TestRankedIsInOrder(t *testing.T) {
	t.Parallel()
	property.Check(t, func(t *rapid.T) {
		var r Ranked
		now, items, turns := start, map[string]*Item{}, map[string]Turn{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			key := fmt.Sprint(rapid.IntRange(0, 20).Draw(t, "key"))
			if items[key] == nil {
				items[key] = &Item{Key: key}
			}
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0:
				r.Remove(items[key])
				delete(turns, key)
			case 1:
				now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "pass")) * time.Millisecond)
			default:
				turns[key] = drawnTurn(t, now)
				r.Add(items[key], turns[key])
			}
			if r.Len() != len(turns) {
				t.Fatalf("%d are queued, want %d", r.Len(), len(turns))
			}
			for class := range uint8(5) {
				upTo := 0
				for _, turn := range turns {
					if turn.Class <= class {
						upTo++
					}
				}
				if got := r.UpTo(class); got != upTo {
					t.Fatalf("%d are of class %d or before, want %d", got, class, upTo)
				}
			}
			want := map[bool]string{}
			for _, byClass := range []bool{true, false} {
				for key, turn := range turns {
					if !turn.Due.After(now) && (want[byClass] == "" || sooner(turns, key, want[byClass], byClass)) {
						want[byClass] = key
					}
				}
			}
			if first := keyOf(r.First(now)); first != want[true] {
				t.Fatalf("first is %q, want %q", first, want[true])
			}
			if earliest := keyOf(r.Earliest(now)); earliest != want[false] {
				t.Fatalf("earliest is %q, want %q", earliest, want[false])
			}
			if due := r.Due(); due.IsZero() != (len(turns) == 0) || want[true] != "" && due.After(now) || want[true] == "" && !due.IsZero() && !due.After(now) {
				t.Fatalf("due at %v, now is %v", due, now)
			}
		}
	})
}

func keyOf(item *Item) string {
	if item == nil {
		return ""
	}
	return item.Key
}

func sooner(turns map[string]Turn, a, b string, byClass bool) bool {
	first, second := turns[a], turns[b]
	if !byClass && !first.By.Equal(second.By) {
		return first.By.Before(second.By)
	}
	if first.Class != second.Class {
		return first.Class < second.Class
	}
	if !first.By.Equal(second.By) {
		return first.By.Before(second.By)
	}
	return a < b
}

// TestNoneStarves: whatever comes, an item waits for at most n draws for each one that
// had an earlier By, and for its own. Without a share, classes alone decide.
func TestNoneStarves(t *testing.T) {
	t.Parallel()
	property.Check(t, func(t *rapid.T) {
		share := rapid.IntRange(2, 12).Draw(t, "share")
		s := newLanes(quota.Limit{Rate: 1, Burst: 2}).Share(share)
		now, came := start, 0
		turns, items, waits := map[string]Turn{}, map[string]*Item{}, map[string]int{}
		more := func() {
			key := fmt.Sprintf("%04d", came)
			came++
			turns[key], items[key] = drawnTurn(t, now), &Item{Key: key}
			turn := turns[key]
			turn.Due = now
			s.AddTurn("a", items[key], turn)
		}
		for range rapid.IntRange(1, 30).Draw(t, "items") {
			more()
		}
		for range 60 {
			for range rapid.IntRange(0, 2).Draw(t, "more") {
				more()
			}
			tx := machine.Tx{Now: now}
			s.Draw(&tx, func(item *Item) {
				for key := range items {
					waits[key]++
					if limit := (countEarlier(turns, key) + 1) * share; waits[key] > limit {
						t.Fatalf("%s waits for draw %d, at most %d are promised", key, waits[key], limit)
					}
				}
				delete(items, item.Key)
				finish(s, "a", item, machine.Done{}, now)
			})
			now = machine.Latest(s.Wake(), now.Add(time.Millisecond))
		}
	})
}

// countEarlier is how many items ever had an earlier turn than one, of all classes.
func countEarlier(turns map[string]Turn, key string) (n int) {
	for other := range turns {
		if other != key && sooner(turns, other, key, false) {
			n++
		}
	}
	return n
}

// TestASharedDrawGoesToTheEarliest in the steps that Share says.
func TestASharedDrawGoesToTheEarliest(t *testing.T) {
	t.Parallel()
	for share, want := range map[int][]string{0: {"2", "3", "4", "5", "0", "1"}, 3: {"2", "3", "0", "4", "5", "1"}} {
		s := newLanes(quota.Limit{Rate: 1, Burst: 10}).Share(share)
		for i := range 6 {
			turn := Turn{Due: start, By: start.Add(time.Duration(i) * time.Second)}
			if i < 2 {
				turn.Class = 2
			}
			s.AddTurn("a", &Item{Key: fmt.Sprint(i)}, turn)
		}
		if got := draw(s, start); !slices.Equal(got, want) {
			t.Errorf("with a share of %d: drew %v, want %v", share, got, want)
		}
	}
}

// TestTimesFarAway are due as far away as a number of nanoseconds reaches.
func TestTimesFarAway(t *testing.T) {
	t.Parallel()
	var q Queue
	past, future := &Item{Key: "past"}, &Item{Key: "future"}
	q.Add(future, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC))
	q.Add(past, time.Time{})
	if got := q.Pop(start); got != past {
		t.Errorf("drew %v", got)
	}
	if got := q.Pop(start.AddDate(200, 0, 0)); got != nil || q.Due().Before(start.AddDate(200, 0, 0)) {
		t.Errorf("drew %v, due at %v", got, q.Due())
	}
}
