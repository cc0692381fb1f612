package lane

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// NotePrefix begins the state keys of why lanes wait: lane/<account>/<operation>.
const NotePrefix = "lane/"

const (
	// notedFrom is how long a wait is that the state tells of; a shorter one would
	// be over before anybody has read it.
	notedFrom = 10 * time.Second
	// maxReason bounds what it says, in bytes.
	maxReason = 500

	accountParked = "AccountParked" // a type of alert
)

// noted takes what the committed state says of why a lane waits. It makes nothing
// wait: the new owner finds out anew, since whoever has mended the account may
// have done so meanwhile.
func (s *Lanes) noted(state *schemas.LaneState) bool {
	if state.Operation != s.operations[0] {
		return false
	}
	l := s.of(state.Account)
	l.noted, l.told = state.Since, state.Parked
	return true
}

// note writes down, for people, why the lane waits, and tells of a park.
func (s *Lanes) note(tx *machine.Tx, l *lane, err error, until time.Time) {
	if l.noted.IsZero() {
		l.noted = tx.Now
	}
	reason := "not given"
	if err != nil {
		reason = shortened(err.Error())
	}
	state := &schemas.LaneState{
		Account: l.account, Operation: s.operations[0], Parked: l.parked, Reason: reason, Since: l.noted, Until: until,
	}
	tx.Put(noteKey(l.account, state.Operation), state)
	if l.parked && !l.told && s.role != "" {
		tx.Emit(machine.Output{Topic: schemas.Alerts, Account: l.account, Value: s.parked(tx, state)})
	}
	l.told = l.parked
}

// parked is the alert of an account whose credentials Amazon refuses.
func (s *Lanes) parked(tx *machine.Tx, state *schemas.LaneState) *schemas.Alert {
	id := sha256.Sum256([]byte(strings.Join([]string{state.Account, accountParked, state.Operation, tx.Now.UTC().Format(time.RFC3339)}, "\x00")))
	return &schemas.Alert{
		EventID: hex.EncodeToString(id[:16]), EventType: accountParked, Account: state.Account, Role: s.role, Severity: "CRITICAL",
		Subject: state.Operation, Since: tx.Now, Time: tx.Now,
		Message: fmt.Sprintf("Amazon refuses %s to account %s: %s. Its work waits, and one call tries every %s whether that is mended. "+
			"`sellerstream doctor --account %s` says what is wrong", state.Operation, state.Account, state.Reason, ProbeAfter, state.Account),
	}
}

// denote deletes what note wrote.
func (s *Lanes) denote(tx *machine.Tx, l *lane) {
	if !l.noted.IsZero() {
		l.noted, l.told = time.Time{}, false
		tx.Delete(noteKey(l.account, s.operations[0]))
	}
}

func noteKey(account, operation string) string { return NotePrefix + account + "/" + operation }

func shortened(text string) string {
	if len(text) <= maxReason {
		return text
	}
	return strings.ToValidUTF8(text[:maxReason], "") + "…"
}
