package lane

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/blame"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// NotePrefix begins the state keys of why lanes wait: lane/<account>/<operation>.
const NotePrefix = "lane/"

const (
	// notedFrom is the shortest wait that the state reports: a shorter one would be
	// over before anybody has read it.
	notedFrom = 10 * time.Second
	// toldAfter is how long a lane waits before an alert reports it (containment
	// rule 5): what is over within minutes should wake no person.
	toldAfter = 5 * time.Minute
	// sharedSpan is the span of time in which the processes' alerts of one shared cause
	// count as one. Two causes of one process are at least as far apart
	// (pkg/runtime/blame), so that people hear of both.
	sharedSpan = 10 * time.Minute
	// maxReason bounds what it says, in bytes.
	maxReason = 500
)

// Types of alerts.
const (
	// accountParked: Amazon refuses an account, or all its calls of an operation.
	// accountRecovered resolves it.
	accountParked    = "AccountParked"
	accountRecovered = "AccountRecovered"
	// sharedFailure: the calls of several accounts fail alike, or the host is down.
	// One alert reports all of them.
	sharedFailure = "SharedFailure"
	// settingBlocks: our configuration does not allow what Amazon asks for.
	settingBlocks = "SettingBlocks"
)

// AlertTypes are the types of the alerts that lanes write, in every role that has lanes.
func AlertTypes() []string {
	return []string{accountParked, accountRecovered, sharedFailure, settingBlocks}
}

// noted takes from the committed state why a lane waits. It makes nothing wait:
// somebody may have mended the account meanwhile, so the new owner finds out anew.
func (s *Lanes) noted(state *schemas.LaneState) bool {
	if state.Operation != s.operations[0] {
		return false
	}
	l := s.of(state.Account)
	l.noted, l.told = state.Since, toldFrom(state)
	if state.Blame == "" && state.Parked { // by a version that told at once
		l.told.own = true
	}
	return true
}

// told is what alerts have reported: the account's own fault, or a shared one.
type told struct {
	own, shared bool
	open        []schemas.OpenAlert // without those that a version before has raised
}

const toldOwn, toldShared = "own", "shared"

func toldFrom(state *schemas.LaneState) told {
	return told{own: strings.Contains(state.Told, toldOwn), shared: strings.Contains(state.Told, toldShared), open: state.Alerts}
}

func (t told) String() string {
	var words []string
	if t.own {
		words = append(words, toldOwn)
	}
	if t.shared {
		words = append(words, toldShared)
	}
	return strings.Join(words, ",")
}

// Alerts are the types of the alerts that the lane of a committed entry has raised. One
// lane of one account raises the alert of a cause that accounts share.
func Alerts(state *schemas.LaneState) []string {
	told, types := toldFrom(state), []string{}
	if told.own {
		types = append(types, accountParked)
	}
	switch {
	case told.shared && state.Blame == string(blame.Ourselves):
		types = append(types, settingBlocks)
	case told.shared:
		types = append(types, sharedFailure)
	}
	return types
}

func (t told) of(party blame.Party) bool {
	return party.Shared() && t.shared || !party.Shared() && t.own
}

func (t *told) add(party blame.Party, alert *schemas.Alert) {
	t.shared = t.shared || party.Shared()
	t.own = t.own || !party.Shared()
	t.open = append(t.open, schemas.OpenAlert{EventID: alert.EventID, EventType: alert.EventType, Subject: alert.Subject})
}

// note writes down, for people, why the lane waits, and reports it when it has
// waited for minutes.
func (s *Lanes) note(tx *machine.Tx, l *lane, res *machine.Result, err error, until time.Time) {
	if l.noted.IsZero() {
		l.noted = tx.Now
	}
	state := &schemas.LaneState{
		Account: l.account, Operation: s.operations[0], Parked: l.parked, Reason: reasonOf(err), Since: l.noted, Until: until,
		Blame: string(blameOf(l, res)),
	}
	if alert := s.alert(tx, l, res, state); alert != nil {
		if shared := res.Shared; shared != nil && blame.Party(state.Blame).Shared() {
			about := []string{shared.Cause, shared.Host, shared.Application}
			if shared.Told > 0 { // else the id is the one that 0.1.0 gives it
				about = append(about, strconv.Itoa(shared.Told))
			}
			tx.AlertShared(alert, sharedSpan, about...)
		} else {
			tx.Alert(alert)
		}
		l.told.add(blame.Party(state.Blame), alert)
	}
	s.putNote(tx, l, state)
}

func (s *Lanes) putNote(tx *machine.Tx, l *lane, state *schemas.LaneState) {
	state.Told, state.Alerts = l.told.String(), l.told.open
	tx.Put(noteKey(l.account, state.Operation), state)
}

// blameOf is whose fault it is that the lane waits.
func blameOf(l *lane, res *machine.Result) blame.Party {
	if res.Blame == blame.Nobody && l.parked {
		return blame.Account
	}
	return res.Blame
}

// alert returns the alert to raise; nil for none. Only the lane that speaks for a shared
// cause raises one for it.
func (s *Lanes) alert(tx *machine.Tx, l *lane, res *machine.Result, state *schemas.LaneState) *schemas.Alert {
	party := blame.Party(state.Blame)
	switch {
	case s.role == "" || l.told.of(party) || tx.Now.Sub(l.noted) < toldAfter,
		res.Shared == nil && (!l.parked || party.Shared()), // nobody has looked at what it shares
		res.Shared != nil && !res.Shared.Speaks:
		return nil
	case res.Shared == nil || !party.Shared():
		return s.parked(state)
	case party == blame.Ourselves:
		return s.blocks(state, res.Shared)
	}
	return s.shared(state, res.Shared)
}

// parked is the alert of an account that Amazon refuses.
func (s *Lanes) parked(state *schemas.LaneState) *schemas.Alert {
	message := fmt.Sprintf("Amazon refuses %s to account %s: %s. Its work waits, and one call tries at least every %s whether that is mended",
		state.Operation, state.Account, state.Reason, ProbeAfter)
	if s.doctor != nil {
		message += ". " + s.doctor(state.Account) + " says what is wrong"
	}
	return fill(s.role, state, &schemas.Alert{
		EventType: accountParked, Subject: state.Operation, Since: state.Since, Message: message,
	})
}

// shared is the alert of a cause that accounts share.
func (s *Lanes) shared(state *schemas.LaneState, shared *blame.Shared) *schemas.Alert {
	where, look := "at "+shared.Host, "Amazon's status page, the endpoints in the configuration and this network"
	if shared.Application != "" {
		where = "of application " + shared.Application + " " + where
		look = "the application's roles and credentials in Seller Central"
		if s.doctor != nil {
			look += " (" + s.doctor("") + ")"
		}
		look += ", then Amazon's status page"
	}
	return fill(s.role, state, &schemas.Alert{
		EventType: sharedFailure, Subject: shared.Cause, Since: shared.Since,
		Message: fmt.Sprintf("%s %s fail alike since %s, all at once: %s. Their work waits, and one call at a time finds out whether it is over. This alert stands for all of them. Look at %s. The last answer: %s",
			counted(shared), where, shared.Since.UTC().Format(time.RFC3339), shared.Cause, look, state.Reason),
		Attributes: attributes(shared),
	})
}

// blocks is the alert of what our configuration, or what it names, does not allow.
func (s *Lanes) blocks(state *schemas.LaneState, shared *blame.Shared) *schemas.Alert {
	return fill(s.role, state, &schemas.Alert{
		EventType: settingBlocks, Subject: shared.Cause, Since: shared.Since,
		Message: fmt.Sprintf("Our configuration, or what it names, does not allow a call that is needed, and %s of %s wait: %s. "+
			"Change the setting or mend what it names. If the value came from Amazon and is wrong, tell Amazon's support", strings.Join(shared.Operations, ", "), counted(shared), state.Reason),
		Attributes: attributes(shared),
	})
}

// fill adds what all alerts have.
func fill(role string, state *schemas.LaneState, alert *schemas.Alert) *schemas.Alert {
	alert.Account, alert.Role, alert.Severity = state.Account, role, "CRITICAL"
	if alert.Attributes == nil {
		alert.Attributes = map[string]string{}
	}
	alert.Attributes["blame"] = state.Blame
	return alert
}

// counted is how many accounts a cause concerns.
func counted(shared *blame.Shared) string {
	if shared.Count == 1 {
		return "1 account"
	}
	return strconv.Itoa(shared.Count) + " accounts"
}

// attributes are a shared cause's; accounts and operations are a few of many.
func attributes(shared *blame.Shared) map[string]string {
	return map[string]string{
		"cause": shared.Cause, "host": shared.Host, "application": shared.Application, "count": strconv.Itoa(shared.Count),
		"accounts": strings.Join(shared.Accounts, ", "), "operations": strings.Join(shared.Operations, ", "),
	}
}

// clearNote deletes what note wrote, and resolves its alerts, for the reason why.
func (s *Lanes) clearNote(tx *machine.Tx, l *lane, why string) {
	if l.noted.IsZero() {
		return
	}
	for _, alert := range l.told.open {
		if alert.EventType == accountParked {
			alert.EventType = accountRecovered
		}
		tx.Resolve(&schemas.Alert{
			EventType: alert.EventType, Account: l.account, Role: s.role, Subject: alert.Subject, Resolves: alert.EventID,
			Message: fmt.Sprintf("%s of account %s, which had waited since %s: %s",
				s.operations[0], l.account, l.noted.UTC().Format(time.RFC3339), why),
		})
	}
	l.noted, l.told = time.Time{}, told{}
	tx.Delete(noteKey(l.account, s.operations[0]))
}

// retryNote is for a lane that tries anew, as something about its account has changed.
// Open alerts stay open until a call has succeeded, and none is raised anew meanwhile.
func (s *Lanes) retryNote(tx *machine.Tx, l *lane) {
	if len(l.told.open) == 0 {
		s.clearNote(tx, l, "")
		return
	}
	s.putNote(tx, l, &schemas.LaneState{
		Account: l.account, Operation: s.operations[0], Since: l.noted, Until: tx.Now,
		Reason: "tried anew, as something about the account has changed",
	})
}

func noteKey(account, operation string) string { return NotePrefix + account + "/" + operation }

func reasonOf(err error) string {
	if err == nil {
		return "not given"
	}
	return schemas.Shorten(err.Error(), maxReason)
}
