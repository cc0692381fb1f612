package feeds

import (
	"fmt"

	"github.com/sellerstream/sellerstream/pkg/platform/commands"
	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// operation is one of the two calls.
type operation struct {
	name  string
	lanes *lane.Lanes
}

func newOperation(name string, limits quota.Limits) operation {
	return operation{name: name, lanes: lane.New(name, limits.Of).In(Processor, commands.Doctor)}
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
	op := m.of(f)
	op.lanes.Finish(tx, f.Account, &f.Item, res)
	switch outcome := res.Outcome.(type) {
	case machine.Done:
		m.done(tx, f, outcome.Response)
	case machine.Reject:
		m.refused(tx, f, outcome.Err)
	case machine.Retry:
		m.failed(tx, f, outcome.Err)
	case machine.Ambiguous: // a read can simply be repeated
		m.failed(tx, f, outcome.Err)
	case machine.Park:
		// Behind all of the account that arrives before its next probe, which is
		// then another's.
		f.NotBefore = op.lanes.Probe(f.Account, tx.Now).Add(lane.Backoff(f.Key, 1, retryBase, retryLimit))
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
		m.notRead(tx, f, err)
		return
	}
	if f.exhausted(tx.Now, unansweredShare*m.cfg.Patience) {
		m.giveUp(tx, f, err)
		return
	}
	f.delay(tx.Now, retryBase, retryLimit)
}

// refused takes Amazon's definite no.
func (m *Machine) refused(tx *machine.Tx, f *feed, err error) {
	if f.Phase == report {
		m.notRead(tx, f, err)
		return
	}
	m.notShown(tx, f, err)
}
