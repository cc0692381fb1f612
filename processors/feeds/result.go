package feeds

import (
	"fmt"
	"time"

	"github.com/sellerstream/sellerstream/pkg/lane"
	"github.com/sellerstream/sellerstream/pkg/machine"
	"github.com/sellerstream/sellerstream/pkg/quota"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// operation is one of the two calls: its lanes, and when each account last got
// an answer to it. Not in the state: it tells a feed that is forbidden from an
// account that is.
type operation struct {
	name    string
	lanes   *lane.Lanes
	answers map[string]time.Time
}

func newOperation(name string, limits quota.Overrides) operation {
	return operation{name: name, lanes: lane.New(name, limits.Of).In(Processor), answers: make(map[string]time.Time)}
}

// of is the operation that a feed wants.
func (m *Machine) of(f *feed) *operation {
	if f.Phase == report {
		return &m.reports
	}
	return &m.status
}

// Result takes the outcome of a call.
func (m *Machine) Result(tx *machine.Tx, res *machine.Result) {
	f := m.feeds[res.Call.Key]
	if f == nil || !f.InFlight() {
		return // a call of the machine before this one; its feed still wants it
	}
	op, ended := m.of(f), *res
	park, parks := res.Outcome.(machine.Park)
	own := parks && !f.forbidden.IsZero() && op.answers[f.Account].After(f.forbidden)
	if own { // the account is well: it need not wait for this feed
		ended.Outcome = machine.Retry(park)
	}
	op.lanes.Finish(tx, f.Account, &f.Item, &ended)
	switch outcome := res.Outcome.(type) {
	case machine.Done:
		op.answers[f.Account] = tx.Now
		m.done(tx, f, outcome.Response)
	case machine.Reject:
		m.refused(tx, f, outcome.Err)
	case machine.Retry:
		m.failed(tx, f, outcome.Err)
	case machine.Ambiguous: // a read can simply be repeated
		m.failed(tx, f, outcome.Err)
	case machine.Park:
		if own {
			m.refused(tx, f, outcome.Err)
			break
		}
		// Behind all of the account that arrives before its next probe, which is
		// then another's.
		f.forbidden = tx.Now
		f.NotBefore = tx.Now.Add(lane.ProbeAfter + lane.Backoff(f.Key, 1, retryBase, retryLimit))
	case machine.Snooze:
		// The lane waits, not the feed.
	}
	m.save(tx, f)
}

func (m *Machine) done(tx *machine.Tx, f *feed, response any) {
	switch answer := response.(type) {
	case *model.Feed:
		if f.Phase == running && answer.FeedID == f.FeedID {
			m.answered(tx, f, answer)
			return
		}
	case *model.FeedReport:
		if f.Phase == report {
			m.read(tx, f, answer)
			return
		}
	}
	m.failed(tx, f, fmt.Errorf("the answer is a %T, or that of another feed", response))
}

// failed takes a failure that may pass.
func (m *Machine) failed(tx *machine.Tx, f *feed, err error) {
	if f.Phase == report {
		m.notRead(tx, f, err, unreadableAfter)
		return
	}
	f.delay(tx.Now, retryBase, retryLimit)
}

// refused takes Amazon's definite no.
func (m *Machine) refused(tx *machine.Tx, f *feed, err error) {
	if f.Phase == report {
		m.notRead(tx, f, err, refusedAfter)
		return
	}
	m.notShown(tx, f, err)
}
