package lane

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/blame"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/schemas"
)

// teller is a lane whose calls end one after another.
type teller struct {
	*Lanes
	item  *Item
	now   time.Time
	state *schemas.LaneState
}

func newTeller() *teller {
	plenty := func(string, string) quota.Limit { return quota.Limit{Rate: 10, Burst: 100} }
	return &teller{Lanes: New("op", plenty).In("role", nil), item: &Item{Key: "1"}, now: start}
}

// end ends a call and returns the types of the alerts that it raises.
func (l *teller) end(after time.Duration, res machine.Result) (told []*schemas.Alert) {
	l.now = l.now.Add(after)
	l.Add("a", l.item, l.now)
	draw(l.Lanes, l.now.Add(time.Hour))
	tx := machine.Tx{Now: l.now}
	l.Finish(&tx, "a", l.item, &res)
	if state, ok := tx.State["lane/a/op"].(*schemas.LaneState); ok {
		l.state = state
	}
	for _, out := range tx.Outputs {
		told = append(told, out.Value.(*schemas.Alert))
	}
	return told
}

func sharedBy(party blame.Party, speaks bool) machine.Result {
	return machine.Result{
		Outcome: machine.Park{Err: errors.New("403")}, Blame: party,
		Shared: &blame.Shared{
			Party: party, Cause: "forbidden (403)", Host: "host", Application: "app", Since: start, Count: 20,
			Accounts: []string{"a", "b"}, Operations: []string{"op"}, Speaks: speaks,
		},
	}
}

// TestOnlyTheSpeakerTellsOfWhatIsShared, once, and over a takeover.
func TestOnlyTheSpeakerTellsOfWhatIsShared(t *testing.T) {
	t.Parallel()
	quiet := newTeller()
	for range 100 {
		if told := quiet.end(time.Minute, sharedBy(blame.Host, false)); len(told) > 0 {
			t.Fatalf("told %+v", told[0])
		}
	}
	speaker := newTeller()
	var all []*schemas.Alert
	for range 100 {
		told := speaker.end(time.Minute, sharedBy(blame.Host, true))
		if len(told) > 0 && speaker.now.Sub(start) < toldAfter {
			t.Errorf("told after %v", speaker.now.Sub(start))
		}
		all = append(all, told...)
		if speaker.now.Sub(start) == 50*time.Minute {
			next := newTeller()
			next.Restore(speaker.state)
			next.now, speaker = speaker.now, next
		}
	}
	if len(all) != 1 || all[0].EventType != sharedFailure || !strings.Contains(all[0].Message, "20 accounts") || all[0].Attributes["blame"] != "host" {
		t.Errorf("told %+v", all)
	}
}

// TestAnAccountThatStaysRefusedIsToldOfByItself, when the others go on.
func TestAnAccountThatStaysRefusedIsToldOfByItself(t *testing.T) {
	t.Parallel()
	for _, speaks := range []bool{true, false} {
		l := newTeller()
		var types []string
		for i := range 40 {
			res := sharedBy(blame.Application, speaks)
			if i >= 20 {
				res = sharedBy(blame.Account, true)
			}
			for _, alert := range l.end(time.Minute, res) {
				types = append(types, alert.EventType)
			}
		}
		want := accountParked
		if speaks {
			want = sharedFailure + " " + accountParked
		}
		if got := strings.Join(types, " "); got != want {
			t.Errorf("speaks %v: told %s, want %s", speaks, got, want)
		}
	}
}

// TestASettingThatBlocksIsToldOfOnce, with its name and the value.
func TestASettingThatBlocksIsToldOfOnce(t *testing.T) {
	t.Parallel()
	l := newTeller()
	var all []*schemas.Alert
	for range 30 {
		all = append(all, l.end(time.Minute, machine.Result{
			Outcome: machine.Snooze{For: time.Minute, Err: errors.New("the document is at https://odd.example, add it to spapi.document_hosts")},
			Blame:   blame.Ourselves, Shared: &blame.Shared{Party: blame.Ourselves, Cause: "spapi.document_hosts", Count: 1, Operations: []string{"op"}, Speaks: true},
		})...)
	}
	if len(all) != 1 || all[0].EventType != settingBlocks || !strings.Contains(all[0].Message, "odd.example") || !strings.Contains(all[0].Message, "spapi.document_hosts") {
		t.Errorf("told %+v", all)
	}
	if l.state == nil || l.state.Blame != string(blame.Ourselves) || !strings.Contains(l.state.Reason, "odd.example") {
		t.Errorf("the state says %+v", l.state)
	}
}

// TestTheProcessesOfOneCauseTellOnce: who drops the ids that it has seen gets one alert
// of what each process finds out for itself, and the next cause is another.
func TestTheProcessesOfOneCauseTellOnce(t *testing.T) {
	t.Parallel()
	// Each begins to fail some seconds later than the one before.
	ids := func(begin time.Duration, res machine.Result) (ids []string) {
		for process := range 4 {
			l := newTeller()
			l.role = []string{"orders", "inventory", "feeds", "shipments"}[process]
			l.now = start.Add(begin + time.Duration(process)*5*time.Second)
			for range 10 {
				for _, alert := range l.end(time.Minute, res) {
					if !slices.Contains(ids, alert.EventID) {
						ids = append(ids, alert.EventID)
					}
				}
			}
		}
		return ids
	}
	other := sharedBy(blame.Host, true)
	other.Shared.Host = "another"
	again := sharedBy(blame.Host, true)
	again.Shared.Told = 1
	blocked := sharedBy(blame.Ourselves, true)
	seen := map[string]string{}
	for name, test := range map[string]struct {
		begin time.Duration
		res   machine.Result
		want  int
	}{
		"one cause":           {0, sharedBy(blame.Host, true), 1},
		"the next":            {sharedSpan, sharedBy(blame.Host, true), 1},
		"one of another host": {0, other, 1},
		"what speaks on":      {0, again, 1},
		"a setting":           {0, blocked, 1},
		"each one's own":      {0, sharedBy(blame.Account, true), 4},
	} {
		got := ids(test.begin, test.res)
		if len(got) != test.want {
			t.Errorf("%s: %d ids, want %d", name, len(got), test.want)
		}
		for _, id := range got {
			if seen[id] != "" {
				t.Errorf("%s has the id of %s", name, seen[id])
			}
			seen[id] = name
		}
	}
}

// TestTheWaitsOfAParkedLaneGrow: 1, 2, 4, 8, 15 minutes, faster when others are
// refused too, and from the beginning after a success.
func TestTheWaitsOfAParkedLaneGrow(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		res  machine.Result
		want []int
	}{
		{machine.Result{Outcome: machine.Park{}}, []int{60, 120, 240, 480, 900, 900}},
		{sharedBy(blame.Host, false), []int{15, 30, 60, 120, 120}},
	} {
		l := newTeller()
		for range 2 {
			for i, seconds := range test.want {
				l.end(time.Hour, test.res)
				if wait := l.Probe("a", l.now).Sub(l.now); wait != time.Duration(seconds)*time.Second {
					t.Errorf("probe %d comes after %v, want %ds", i, wait, seconds)
				}
			}
			l.end(time.Hour, machine.Result{Outcome: machine.Done{}})
		}
	}
}
