package lane

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/schemas"
)

func TestObserveTellsOfTokensAndOfWhoWaits(t *testing.T) {
	t.Parallel()
	s := newLanes(quota.Limit{Rate: 0.01, Burst: 3})
	items := make([]*Item, 0, 6)
	add := func(account string, due time.Time) {
		items = append(items, &Item{Key: fmt.Sprint(account, len(items))})
		s.Add(account, items[len(items)-1], due)
	}
	for range 3 { // two have a token
		add("waits", start)
	}
	add("later", start.Add(time.Hour))
	add("parked", start)
	s.Restore(&schemas.QuotaState{Account: "restored", Operation: "op", Tokens: 0.5, Rate: 0.01, Time: start})
	draw(s, start)
	finish(s, "parked", items[4], machine.Park{}, start)
	stats := &machine.Stats{Now: start, Followed: []string{"later", "waits"}}
	s.Observe(stats)
	if got := stats.Operations["op"]; got != (machine.Quota{Tokens: 0, Waiting: 1}) {
		t.Errorf("got %+v", got)
	}
	if want := map[string]struct{}{"parked": {}}; !reflect.DeepEqual(stats.Parked, want) {
		t.Errorf("parked: %v", stats.Parked)
	}
	if tokens := stats.Accounts["waits"].Tokens["op"]; tokens != 0 || stats.Accounts["parked"] != nil {
		t.Errorf("accounts: %+v", stats.Accounts)
	}
	restored := &machine.Stats{Now: start.Add(50 * time.Second), Followed: []string{"restored"}}
	s.Observe(restored)
	if tokens := restored.Accounts["restored"].Tokens["op"]; tokens < 0.99 || tokens > 1.01 {
		t.Errorf("half a token and 50 s later there are %v", tokens)
	}
	for account, want := range map[string]int{"waits": 3, "later": 1, "parked": 0, "restored": 0, "nobody": 0} {
		if got := s.PendingOf(account); got != want {
			t.Errorf("%s has %d pending, want %d", account, got, want)
		}
	}
}

func TestFirstAreTheEarliestAndThoseInFlight(t *testing.T) {
	t.Parallel()
	s := newLanes(quota.Limit{Rate: 0.01, Burst: 3})
	for i := range 100 {
		s.Add("a", &Item{Key: fmt.Sprint(i)}, start.Add(time.Duration(100-i)*time.Second))
	}
	draw(s, start.Add(2*time.Second)) // 99 and 98
	keys := func(n int) map[string]bool {
		found := map[string]bool{}
		for item := range s.First(n) {
			found[item.Key] = true
		}
		return found
	}
	if first := keys(5); len(first) != 7 || !first["99"] || !first["98"] || !first["97"] {
		t.Errorf("the first are %v", first)
	}
	all := 0
	for range s.All() {
		all++
	}
	if all != 100 {
		t.Errorf("all are %d", all)
	}
}
