package lane

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/runtime/share"
	"github.com/sellerstream/sellerstream/schemas"
)

// together is a share.Groups in which all accounts share one limit but "alone".
type together struct{ terms share.Terms }

func (t *together) Of(account, _ string) string {
	if account == "alone" {
		return ""
	}
	return "eu/main"
}

func (t *together) Terms(_, _ string) share.Terms { return t.terms }

// sharers are lanes of accounts with enough work, whose own limits do not bind.
func sharers(groups share.Groups, accounts ...string) (*Lanes, map[string][]*Item) {
	s := newLanes(quota.Limit{Rate: 100, Burst: 1000}).Sharing(&share.Unit{Groups: groups, Board: &share.Board{}})
	items := map[string][]*Item{}
	for _, account := range accounts {
		for i := range 100 {
			item := &Item{Key: fmt.Sprint(account, i)}
			items[account] = append(items[account], item)
			s.Add(account, item, start)
		}
	}
	return s, items
}

// counts are how many keys each account has, by its first letter.
func counts(keys []string) map[byte]int {
	n := map[byte]int{}
	for _, key := range keys {
		n[key[0]]++
	}
	return n
}

func TestAccountsOfAnApplicationTakeTurns(t *testing.T) {
	t.Parallel()
	groups := &together{share.Terms{Limit: quota.Limit{Rate: 12, Burst: 24}, Part: 1, Binds: true}}
	s, _ := sharers(groups, "a", "b", "c")
	if got := draw(s, start); len(got) != 0 {
		t.Fatalf("drew %v, although an earlier owner may have spent the tokens", got)
	}
	wake := s.Wake()
	if wake.Before(start.Add(80*time.Millisecond)) || wake.After(start.Add(90*time.Millisecond)) {
		t.Fatalf("wakes at %v, want the first token", wake)
	}
	if got := counts(draw(s, start.Add(time.Second))); got['a'] != 4 || got['b'] != 4 || got['c'] != 4 {
		t.Fatalf("drew %v in a second, want four calls of each", got)
	}
	groups.terms.Part = 0.25
	s.Draw(&machine.Tx{Now: start.Add(time.Second)}, func(*Item) {}) // asks for the terms again
	if got := draw(s, start.Add(2*time.Second)); len(got) != 3 {
		t.Errorf("drew %v in a second with a quarter of the limit, want 3", got)
	}
	if next := s.Next("a", start.Add(2*time.Second)).Sub(start.Add(2 * time.Second)).Round(time.Second); next != time.Second {
		t.Errorf("a call could go after %v, want the turns of all three at 3 a second", next)
	}
}

func TestAnAccountOfNoApplicationDoesNotWaitForTurns(t *testing.T) {
	t.Parallel()
	s, _ := sharers(&together{share.Terms{Limit: quota.Limit{Rate: 1, Burst: 1}, Part: 1, Binds: true}}, "a", "alone")
	if got := draw(s, start); len(got) != 100 {
		t.Errorf("drew %d, want all of the account with no such limit", len(got))
	}
}

// TestA429OfTheApplicationDrainsNoAccount checks that the accounts' own buckets neither
// lose their tokens nor slow down, and that all accounts of the application wait.
func TestA429OfTheApplicationDrainsNoAccount(t *testing.T) {
	t.Parallel()
	s, items := sharers(&together{share.Terms{Limit: quota.Limit{Rate: 10, Burst: 10}, Part: 1}}, "a", "b")
	if got := draw(s, start); len(got) != 5 {
		t.Fatalf("drew %v", got)
	}
	for _, item := range items["a"][:2] {
		if !item.InFlight() {
			t.Fatal("the first is not in flight")
		}
		refused := machine.Snooze{Throttled: true, Application: true, For: 2 * time.Second}
		for key, entry := range finish(s, "a", item, refused, start) {
			if checkpoint := entry.(*schemas.QuotaState); checkpoint.Rate != 100 || checkpoint.Tokens < 900 {
				t.Errorf("%s: %+v", key, checkpoint)
			}
		}
		s.Add("a", item, start)
	}
	if got := draw(s, start.Add(1900*time.Millisecond)); len(got) != 0 {
		t.Errorf("drew %v within the wait that Amazon asked for", got)
	}
	if got := counts(draw(s, start.Add(2*time.Second))); got['a'] == 0 || got['b'] == 0 {
		t.Errorf("drew %v after it", got)
	}
}

// TestA429OfTheApplicationThatNobodyKnowsDrainsTheAccount: without a share to drain it
// is all that can slow the calls down.
func TestA429OfTheApplicationThatNobodyKnowsDrainsTheAccount(t *testing.T) {
	t.Parallel()
	s := newLanes(quota.Limit{Rate: 1, Burst: 5})
	item := &Item{Key: "1"}
	s.Add("a", item, start)
	draw(s, start)
	committed := finish(s, "a", item, machine.Snooze{Throttled: true, Application: true}, start)
	if checkpoint, _ := committed["quota/a/op"].(*schemas.QuotaState); checkpoint == nil || checkpoint.Tokens != 0 {
		t.Errorf("%+v", committed)
	}
}

func TestACallThatNeverLeftGivesItsTurnBack(t *testing.T) {
	t.Parallel()
	s, items := sharers(&together{share.Terms{Limit: quota.Limit{Rate: 0.001, Burst: 2}, Part: 1}}, "a")
	if got := draw(s, start); !slices.Equal(got, []string{"a0"}) {
		t.Fatalf("drew %v", got)
	}
	finish(s, "a", items["a"][0], machine.Snooze{Unspent: true}, start)
	if got := draw(s, start.Add(time.Second)); !slices.Equal(got, []string{"a1"}) {
		t.Errorf("drew %v, but the first was not made", got)
	}
}

// TestAnAccountThatMovesToAnotherApplication leaves the turns of the first.
func TestAnAccountThatMovesToAnotherApplication(t *testing.T) {
	t.Parallel()
	moved := &moving{}
	s, _ := sharers(moved, "a", "b")
	draw(s, start)
	moved.alone = true
	s.Changed(&machine.Tx{Now: start}, "a")
	if got := counts(draw(s, start)); got['a'] != 100 || got['b'] != 0 {
		t.Errorf("drew %v, want all of the account that shares nothing any more", got)
	}
}

// moving is a share.Groups that the account a is a part of, or not.
type moving struct{ alone bool }

func (m *moving) Of(account, _ string) string {
	if m.alone && account == "a" {
		return ""
	}
	return "eu/main"
}

func (m *moving) Terms(_, _ string) share.Terms {
	return share.Terms{Limit: quota.Limit{Rate: 1, Burst: 1}, Part: 1, Binds: true}
}
