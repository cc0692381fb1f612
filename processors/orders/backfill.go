package orders

import (
	"cmp"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/buyerdata"
	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// A backfill reads all orders that an account has had since a time, for a new account or
// a new consumer. It shares searchOrders with the search for gaps, which goes first and
// takes half of the rate while a backfill runs. It goes from the newest orders to the
// oldest in parts. A part whose token is lost begins again: an order that was read is
// known, and is not emitted again.

// backfillPrefix begins the state keys of backfills.
const backfillPrefix = "backfill/"

const (
	// A part covers firstPart of time. The next one covers twice as much where it had
	// fewPages at most, and half where it had manyPages.
	firstPart = 24 * time.Hour
	fewPages  = 2
	manyPages = searchPages / 4
	leastPart = time.Minute
	// While a backfill runs, a search for gaps begins every backfillShare calls at most. One
	// that has pages for longer leaves the backfill every third call: of backfillShare
	// draws in which both wait one goes to the backfill, and the next is the search's.
	backfillShare = 2
)

// backfill is an account's, under way, or its last one.
type backfill struct {
	lane.Item
	schemas.BackfillState
	// The pages of this part, how much time the next one covers (0: firstPart), and whether
	// the call that is under way is for a backfill before this one. Not in the state.
	paging model.Paging
	span   time.Duration
	void   bool
}

func (b *backfill) done() bool { return !b.FinishedTime.IsZero() }

// backfillAsked takes an operator's wish. The newest one of an account counts.
func (m *Machine) backfillAsked(tx *machine.Tx, rec *machine.Record, asked *schemas.Backfill) {
	if _, ok := machine.AccountOf(tx, rec, asked.Account, m.cfg.Accounts().ByID); !ok {
		return
	}
	if asked.SinceTime.IsZero() {
		if b := m.reconciler.backfills[backfillPrefix+rec.Account]; b != nil && !b.done() {
			m.endBackfill(tx, b)
		}
		return
	}
	m.beginBackfill(tx, strings.Clone(rec.Account), asked.SinceTime, asked.FulfilledBy)
}

// beginBackfill reads an account's orders since a time, in place of what is read so far.
func (m *Machine) beginBackfill(tx *machine.Tx, account string, since time.Time, fulfilledBy []string) {
	r := &m.reconciler
	if len(fulfilledBy) == 0 {
		fulfilledBy = m.fulfilledBy(account)
	}
	until := tx.Now.Add(-searchAge).Truncate(time.Millisecond)
	if since = since.Truncate(time.Millisecond); !since.Before(until) {
		since = until.Add(-time.Millisecond)
	}
	state := schemas.BackfillState{
		Account: account, SinceTime: since, UntilTime: until, CursorTime: until, BegunTime: tx.Now, FulfilledBy: fulfilledBy,
	}
	b := r.backfills[backfillPrefix+account]
	if b == nil {
		b = r.addBackfill(&state)
	}
	b.BackfillState, b.span, b.paging, b.void = state, 0, model.Paging{}, b.InFlight()
	tx.Put(b.Key, &b.BackfillState)
	m.queueBackfill(b, tx.Now)
}

func (m *Machine) endBackfill(tx *machine.Tx, b *backfill) {
	b.leavePart()
	b.FinishedTime = tx.Now
	m.reconciler.lanes.Remove(b.Account, &b.Item)
	tx.Put(b.Key, &b.BackfillState)
}

func (r *reconciler) addBackfill(state *schemas.BackfillState) *backfill {
	b := &backfill{Item: lane.Item{Key: backfillPrefix + state.Account}, BackfillState: *state}
	r.backfills[b.Key] = b
	return b
}

// filling reports whether a backfill of the account runs.
func (r *reconciler) filling(account string) bool {
	b := r.backfills[backfillPrefix+account]
	return b != nil && !b.done()
}

// queueBackfill makes a backfill that is not in flight wait for its turn, behind the search
// for gaps and what that leaves of the quota.
func (m *Machine) queueBackfill(b *backfill, now time.Time) {
	if _, configured := m.cfg.Accounts().ByID(b.Account); !configured || b.InFlight() || b.done() {
		return
	}
	r := &m.reconciler
	r.lanes.AddLow(b.Account, &b.Item, machine.Latest(b.BegunTime, b.NotBefore, r.pace(b.Account, now)))
}

// drawBackfill starts the call for a backfill's next page.
func (m *Machine) drawBackfill(tx *machine.Tx, b *backfill) {
	if b.PaginationToken != "" && (tx.Now.Sub(b.TokenTime) > tokenAge || b.BuyerData != m.withBuyers(b.Account)) {
		b.leavePart()
	}
	if b.StartTime.IsZero() {
		b.StartTime = b.CursorTime.Add(-cmp.Or(b.span, firstPart))
		if b.StartTime.Before(b.SinceTime) {
			b.StartTime = b.SinceTime
		}
	}
	if b.PaginationToken == "" {
		b.BuyerData = m.withBuyers(b.Account)
	}
	tx.Put(b.Key, &b.BackfillState)
	request := m.searchRequest(b.Account, b.BuyerData, &model.SearchOrdersRequest{
		CreatedAfter: b.StartTime, CreatedBefore: b.CursorTime, FulfilledBy: b.FulfilledBy,
		MaxResultsPerPage: searchPage, PaginationToken: b.PaginationToken, IncludedData: m.cfg.IncludedData,
	})
	tx.Call(machine.Call{Account: b.Account, Operation: model.SearchOrders, Key: b.Key, Request: request})
}

// leavePart breaks a part off, or ends it.
func (b *backfill) leavePart() {
	b.StartTime, b.PaginationToken, b.TokenTime, b.paging = time.Time{}, "", time.Time{}, model.Paging{}
}

// backfilled takes the outcome of a call.
func (m *Machine) backfilled(tx *machine.Tx, b *backfill, res *machine.Result) {
	m.reconciler.lanes.Finish(tx, b.Account, &b.Item, res)
	void := b.void || b.done()
	b.void = false
	switch outcome := res.Outcome.(type) {
	case machine.Done:
		answer := pageOf(outcome.Response)
		switch {
		case void:
		case answer != nil:
			m.backfillPage(tx, b, answer)
		default:
			b.fail(tx.Now)
		}
	case machine.Reject: // the token is forgotten, or the answer too large
		if !void {
			b.fail(tx.Now)
		}
	case machine.Retry, machine.Ambiguous:
		if !void {
			b.wait(tx.Now)
		}
	case machine.Park, machine.Snooze:
		// The lane waits, not the backfill.
	}
	tx.Put(b.Key, &b.BackfillState)
	m.queueBackfill(b, tx.Now)
}

// backfillPage takes a page.
func (m *Machine) backfillPage(tx *machine.Tx, b *backfill, answer *buyerdata.PageAnswer) {
	for i := range answer.Page.Orders {
		b.Read++
		if m.recover(tx, b.Account, shownIn(answer, i), !answer.Page.Incomplete, originBackfill) {
			b.Found++
		}
	}
	token, pages := answer.Page.Next(), b.paging.Pages()+1
	if err := b.paging.Next(token, searchPages); err != nil || len(token) > maxToken {
		b.fail(tx.Now)
		return
	}
	b.Attempts, b.NotBefore = 0, time.Time{}
	if token != "" {
		b.PaginationToken, b.TokenTime = token, tx.Now
		return
	}
	b.CursorTime = b.StartTime
	switch b.span = cmp.Or(b.span, firstPart); {
	case pages <= fewPages:
		b.span *= 2
	case pages >= manyPages:
		b.span = max(b.span/2, leastPart)
	}
	if b.leavePart(); !b.CursorTime.After(b.SinceTime) {
		b.FinishedTime = tx.Now
	}
}

// fail begins the part again, with less time in it.
func (b *backfill) fail(now time.Time) {
	b.leavePart()
	b.span = max(cmp.Or(b.span, firstPart)/2, leastPart)
	b.wait(now)
}

func (b *backfill) wait(now time.Time) {
	b.Attempts++
	b.NotBefore = now.Add(lane.Backoff(b.Key, int(b.Attempts), searchBase, searchLimit))
}
