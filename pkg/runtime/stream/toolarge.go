package stream

import (
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/runtime/blame"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// A tick that writes more than a topic takes fails each time, because of one item:
// an input record, or the answer to a call. That item is found and set aside, and
// the unit goes on (containment rules 1 and 2). The unit is careful for a while
// after such a failure: a tick takes one item, Draw has ticks of its own, and each
// record is a batch of its own. The item of the tick that fails then is the one. When
// the unit meets it again, after the restart from the committed state, an input record
// becomes a dead letter that the machine does not see, and an answer a refusal, which
// costs that call alone.

const (
	// carefulFor is how long a unit looks for the item. An answer comes again when
	// its call was made again, which can take minutes.
	carefulFor = 10 * time.Minute
	// refusedFor is how long the answers to a call are refused: what made them too
	// large may change.
	refusedFor = time.Hour
	// ordinaryBytes is the size of record that every topic must take. A topic that
	// refuses one so small is itself at fault, and the unit stops.
	ordinaryBytes = 64 << 10
	// maxOdd is how many items are remembered. One that was forgotten is found anew.
	maxOdd = 1000
)

// tooLargeError is a record that its topic does not take because of its size.
type tooLargeError struct {
	topic string
	key   string // as it may be shown
	bytes int    // of the value
	err   error
}

func (e *tooLargeError) Error() string {
	return fmt.Sprintf("a record of %d bytes with key %s is more than topic %s takes: %v", e.bytes, e.key, e.topic, e.err)
}

// odd is what a unit knows of items that make a record too large.
type odd struct {
	until time.Time          // the unit is careful until then
	item  string             // what the tick takes while the unit is careful; "" for nothing
	found map[string]oddItem // the items that were found
}

type oddItem struct {
	why   string    // the words for a person
	until time.Time // of a call: its answers are refused until then
}

func (o *odd) careful() bool { return time.Now().Before(o.until) }

// oneItem gives the machine one result, one record, or leave to draw, and reports
// whether it was a record. A session begins with a draw: then the machine writes what
// it makes of the state as it is.
func (s *session) oneItem(tx *machine.Tx, draw bool) (record bool) {
	s.u.odd.item = ""
	switch {
	case draw && !s.drawn:
	case len(s.results) > 0:
		res := s.results[0]
		s.results = s.results[1:]
		s.u.odd.item = callItem(&res.Call)
		s.machine.Result(tx, s.u.odd.answer(&res))
		s.due = true
		return false
	case !draw:
		return false
	default:
		if s.records(tx, 1) {
			s.due = true
			return true
		}
	}
	s.tellChanges(tx)
	s.draw(tx)
	return false
}

// refused takes the failure of a tick, and returns how the session ends because of it.
func (o *odd) refused(large *tooLargeError, remedies *Remedies) error {
	switch {
	case !o.careful():
		o.until = time.Now().Add(carefulFor)
		return fmt.Errorf("%w; the unit begins again and looks for the item that made it", large)
	case o.item == "" || large.bytes <= ordinaryBytes:
		return remedies.writeRefused(large.topic, large.key, large.bytes, large.err)
	}
	if len(o.found) >= maxOdd || o.found == nil {
		o.found = make(map[string]oddItem)
	}
	o.found[o.item] = oddItem{until: time.Now().Add(refusedFor), why: fmt.Sprintf(
		"it makes a record of %d bytes with key %s, which is more than topic %s takes: %s",
		large.bytes, large.key, large.topic, remedies.TooLarge)}
	o.until = time.Time{}
	return fmt.Errorf("%w; the item that made it is set aside", large)
}

// record notes that the tick takes an input record, and returns why it must not; ""
// for a good one.
func (o *odd) record(r *machine.Record) (why string) {
	o.item = r.ID
	return o.found[r.ID].why
}

// callItem names the item that the answer to a call is.
func callItem(call *machine.Call) string { return "call " + call.Operation + " " + call.Key }

// answer returns an answer, or the refusal that stands for it.
func (o *odd) answer(res *machine.Result) *machine.Result {
	if len(o.found) == 0 {
		return res
	}
	found, ok := o.found[callItem(&res.Call)]
	if !ok || !time.Now().Before(found.until) {
		return res
	}
	refused := *res
	refused.Outcome, refused.Blame, refused.Shared = machine.Reject{Err: errors.New("the answer was not used: " + found.why)}, blame.Item, nil
	return &refused
}

// tooLarge reports whether a record was refused because of its size. A batch that is
// too large is reported for each record in it.
func tooLarge(err error) bool {
	return errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, kerr.RecordListTooLarge)
}

func newTooLargeError(rec *kgo.Record, err error) error {
	return &tooLargeError{topic: rec.Topic, key: schemas.Brief(string(rec.Key)), bytes: len(rec.Value), err: err}
}
