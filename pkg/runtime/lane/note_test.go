package lane

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/blame"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/schemas"
)

func TestTheStateSaysWhyALaneWaits(t *testing.T) {
	t.Parallel()
	const key = "lane/a/op"
	note := func(parked bool, reason string, since, until time.Time) *schemas.LaneState {
		state := &schemas.LaneState{Account: "a", Operation: "op", Parked: parked, Reason: reason, Since: since, Until: until}
		if parked {
			state.Blame, state.Told = "account", "own"
		}
		return state
	}
	s := New("op", func(string, string) quota.Limit { return quota.Limit{Rate: 10, Burst: 100} }).In("role", nil)
	item := &Item{Key: "1"}
	now := start
	for _, step := range []struct {
		name    string
		outcome machine.Outcome
		writes  bool
		want    *schemas.LaneState // nil is a deletion
	}{
		{"a success", machine.Done{}, false, nil},
		{"a short wait", machine.Snooze{For: notedFrom - 1, Err: errors.New("busy")}, false, nil},
		{"a 429", machine.Snooze{For: time.Minute, Throttled: true}, false, nil},
		{"a wait of the work's own", machine.Snooze{For: time.Minute, Own: true}, false, nil},
		{"an open breaker", machine.Snooze{For: time.Minute, Err: errors.New("breaker")}, true, note(false, "breaker", now.Add(4*time.Hour), now.Add(4*time.Hour+time.Minute))},
		{"refused", machine.Park{Err: errors.New(strings.Repeat("é", maxReason))}, true, note(true, strings.Repeat("é", maxReason/2)+"…", now.Add(4*time.Hour), now.Add(5*time.Hour+probeBase))},
		{"refused again", machine.Park{}, true, note(true, "not given", now.Add(4*time.Hour), now.Add(6*time.Hour+2*probeBase))},
		{"mended", machine.Reject{}, true, nil},
		{"a success after it", machine.Done{}, false, nil},
	} {
		s.Add("a", item, now)
		if len(draw(s, now)) != 1 {
			t.Fatalf("%s: nothing was drawn", step.name)
		}
		got, written := finish(s, "a", item, step.outcome, now)[key]
		if state, ok := got.(*schemas.LaneState); ok {
			state.Alerts = nil // TestAnAlertEndsWithItsCause looks at them
		}
		want := any(step.want)
		if step.want == nil {
			want = nil
		}
		if written != step.writes || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: wrote %v, %+v, want %v, %+v", step.name, written, got, step.writes, want)
		}
		now = now.Add(time.Hour)
	}
}

func TestANewOwnerDeletesWhatAnEarlierOneNoted(t *testing.T) {
	t.Parallel()
	s := New("op", func(string, string) quota.Limit { return quota.Limit{Rate: 1, Burst: 10} }, "op/also")
	if s.Restore(&schemas.LaneState{Account: "a", Operation: "other"}) {
		t.Error("took another operation's")
	}
	if !s.Restore(&schemas.LaneState{Account: "a", Operation: "op", Parked: true, Since: start}) {
		t.Error("did not take its own")
	}
	s.Known("a")
	item := &Item{Key: "1"}
	s.Add("a", item, start)
	now := start.Add(time.Minute) // a bucket without a checkpoint starts empty
	draw(s, start)
	if len(draw(s, now)) != 1 {
		t.Fatal("the new owner does not try by itself")
	}
	state := finish(s, "a", item, machine.Done{}, now)
	if got, written := state["lane/a/op"]; !written || got != nil {
		t.Errorf("the note is %v, want it deleted", got)
	}
}

func TestAChangedAccountWithoutWorkIsNotSaidToWait(t *testing.T) {
	t.Parallel()
	s := newLanes(quota.Limit{Rate: 1, Burst: 10})
	item := &Item{Key: "1"}
	s.Add("a", item, start)
	draw(s, start)
	finish(s, "a", item, machine.Park{Err: errors.New("refused")}, start)
	tx := machine.Tx{Now: start}
	s.Changed(&tx, "a")
	if _, written := tx.State[NotePrefix+"a/"+s.operations[0]]; !written {
		t.Error("the note stays")
	}
}

// A parked account that changes, or is resumed, tries one call at once, and is parked
// until that succeeds.
func TestAChangedAccountStaysParkedUntilACallSucceeds(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]machine.Outcome{
		"refused":                         machine.Park{Err: errors.New("refused")},
		"another role's call was refused": machine.Snooze{For: time.Hour, Unspent: true, Parked: true, Err: errors.New("refused")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newLanes(quota.Limit{Rate: 1, Burst: 10})
			one, two := &Item{Key: "1"}, &Item{Key: "2"}
			s.Add("a", one, start)
			draw(s, start)
			s.Add("a", two, start)
			note := func(state map[string]any) *schemas.LaneState {
				noted, _ := state[NotePrefix+"a/"+s.operations[0]].(*schemas.LaneState)
				return noted
			}
			if noted := note(finish(s, "a", one, refusal, start)); noted == nil || !noted.Parked || noted.Reason != "refused" {
				t.Fatalf("the state says %+v", noted)
			}
			s.Add("a", one, start)
			tx := machine.Tx{Now: start.Add(time.Second)}
			s.Changed(&tx, "a")
			if drawn := draw(s, tx.Now); !slices.Equal(drawn, []string{"1"}) || !s.Parked("a") {
				t.Errorf("drew %v, parked %t", drawn, s.Parked("a"))
			}
			// A pause does not hide why it is parked.
			paused := machine.Snooze{For: time.Hour, Unspent: true, Err: errors.New("paused")}
			if state := finish(s, "a", one, paused, tx.Now); note(state) != nil || !s.Parked("a") {
				t.Errorf("a pause wrote %+v, parked %t", note(state), s.Parked("a"))
			}
			s.Add("a", one, start)
			s.Changed(&machine.Tx{Now: start.Add(time.Minute)}, "a")
			if drawn := draw(s, start.Add(time.Minute)); len(drawn) != 1 {
				t.Errorf("drew %v when it was resumed", drawn)
			}
			finish(s, "a", one, machine.Done{}, start.Add(time.Minute))
			if drawn := draw(s, start.Add(time.Minute)); !slices.Equal(drawn, []string{"2"}) || s.Parked("a") {
				t.Errorf("drew %v, parked %t", drawn, s.Parked("a"))
			}
		})
	}
}

func TestAParkIsToldOfOnce(t *testing.T) {
	t.Parallel()
	plenty := func(string, string) quota.Limit { return quota.Limit{Rate: 10, Burst: 100} }
	doctor := func(account string) string { return "`doctor " + account + "`" }
	s, item, now := New("op", plenty).In("role", doctor), &Item{Key: "1"}, start
	alerts := func(outcome machine.Outcome) (told []*schemas.Alert) {
		now = now.Add(time.Hour)
		s.Add("a", item, now)
		draw(s, now)
		tx := machine.Tx{Now: now}
		s.Finish(&tx, "a", item, &machine.Result{Outcome: outcome})
		for _, out := range tx.Outputs {
			told = append(told, out.Value.(*schemas.Alert))
		}
		return told
	}
	park, open := machine.Park{Err: errors.New("refused")}, machine.Snooze{For: time.Minute}
	ids, parked := map[string]bool{}, ""
	const recovers = 3
	for i, step := range []struct {
		outcome machine.Outcome
		tells   int
	}{{open, 0}, {park, 1}, {park, 0}, {machine.Done{}, 1}, {park, 0}, {park, 1}, {park, 0}} {
		told := alerts(step.outcome)
		if len(told) != step.tells {
			t.Fatalf("step %d: told %d times, want %d", i, len(told), step.tells)
		}
		for _, alert := range told {
			ids[alert.EventID] = true
			if i == recovers { // the park of step 1 ends
				if alert.EventType != "AccountRecovered" || alert.Severity != "RESOLVED" || alert.Resolves != parked || alert.Subject != "op" || alert.Role != "role" {
					t.Errorf("step %d: %+v", i, alert)
				}
				continue
			}
			parked = alert.EventID
			if alert.EventType != "AccountParked" || alert.Account != "a" || alert.Role != "role" || alert.Subject != "op" || !strings.Contains(alert.Message, "refused") || !strings.HasSuffix(alert.Message, ". `doctor a` says what is wrong") {
				t.Errorf("step %d: %+v", i, alert)
			}
		}
	}
	if len(ids) != 3 {
		t.Errorf("two parks and the end of one have the ids %v", ids)
	}
	s = New("op", plenty).In("role", nil) // the next owner
	s.Restore(&schemas.LaneState{Account: "a", Operation: "op", Parked: true, Since: start})
	s.Known("a")
	s.Add("a", item, now)
	draw(s, now)
	if told := alerts(park); len(told) != 0 {
		t.Errorf("told again by the next owner: %+v", told)
	}
}

// Where nothing waits any more no call would find out, and an alert would stay for ever: of an
// account that was taken out of the configuration, too.
func TestAnAlertOfAnIdleAccountEndsWithItsChange(t *testing.T) {
	t.Parallel()
	l := newTeller()
	refused := machine.Result{Outcome: machine.Park{Err: errors.New("refused")}}
	raised := slices.Concat(l.end(0, refused), l.end(time.Hour, refused))
	change := machine.Tx{Now: l.now}
	l.Changed(&change, "a")
	if len(raised) != 1 || len(change.Outputs) != 1 {
		t.Fatalf("raised %+v, resolved %+v", raised, change.Outputs)
	}
	if end := change.Outputs[0].Value.(*schemas.Alert); end.EventType != "AccountRecovered" || end.Resolves != raised[0].EventID || !strings.Contains(end.Message, "nothing of it waits any more") {
		t.Errorf("resolved by %+v", end)
	}
}

// TestAnAlertEndsWithItsCause, over a takeover, and not because somebody has changed
// something about the account.
func TestAnAlertEndsWithItsCause(t *testing.T) {
	t.Parallel()
	for name, res := range map[string]machine.Result{
		"AccountRecovered": {Outcome: machine.Park{Err: errors.New("refused")}},
		"SharedFailure":    sharedBy(blame.Host, true),
		"SettingBlocks":    sharedBy(blame.Ourselves, true),
	} {
		before := newTeller()
		raised := slices.Concat(before.end(0, res), before.end(time.Hour, res))
		if len(raised) != 1 {
			t.Fatalf("%s: raised %+v", name, raised)
		}
		before.Add("a", before.item, before.now)
		change := machine.Tx{Now: before.now}
		before.Changed(&change, "a")
		if len(change.Outputs) > 0 {
			t.Errorf("%s: a change resolves it: %+v", name, change.Outputs)
		}
		after := newTeller() // the next owner
		after.Restore(before.state)
		after.now = before.now
		if again := slices.Concat(after.end(0, res), after.end(time.Hour, res)); len(again) > 0 {
			t.Errorf("%s: raised again: %+v", name, again[0])
		}
		ended := after.end(time.Hour, machine.Result{Outcome: machine.Done{}})
		if len(ended) != 1 || ended[0].EventType != name || ended[0].Severity != "RESOLVED" ||
			ended[0].Resolves != raised[0].EventID || ended[0].Subject != raised[0].Subject || ended[0].Message == "" {
			t.Errorf("%s: resolved by %+v, raised %+v", name, ended, raised[0])
		}
		if again := after.end(time.Hour, machine.Result{Outcome: machine.Done{}}); len(again) > 0 {
			t.Errorf("%s: resolved twice: %+v", name, again[0])
		}
	}
}
