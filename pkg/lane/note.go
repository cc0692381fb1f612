package lane

import (
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
)

// noted takes what the committed state says of why a lane waits. It makes nothing
// wait: the new owner finds out anew, since whoever has mended the account may
// have done so meanwhile.
func (s *Lanes) noted(state *schemas.LaneState) bool {
	if state.Operation != s.operations[0] {
		return false
	}
	s.of(state.Account).noted = state.Since
	return true
}

// note writes down, for people, why the lane waits.
func (l *lane) note(tx *machine.Tx, operation string, err error, until time.Time) {
	if l.noted.IsZero() {
		l.noted = tx.Now
	}
	reason := "not given"
	if err != nil {
		reason = err.Error()
	}
	tx.Put(noteKey(l.account, operation), &schemas.LaneState{
		Account: l.account, Operation: operation, Parked: l.parked, Reason: shortened(reason), Since: l.noted, Until: until,
	})
}

// denote deletes what note wrote.
func (l *lane) denote(tx *machine.Tx, operation string) {
	if !l.noted.IsZero() {
		l.noted = time.Time{}
		tx.Delete(noteKey(l.account, operation))
	}
}

func noteKey(account, operation string) string { return NotePrefix + account + "/" + operation }

func shortened(text string) string {
	if len(text) <= maxReason {
		return text
	}
	return strings.ToValidUTF8(text[:maxReason], "") + "…"
}
