package lane

import (
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/schemas"
)

// ProbeAfter is the longest that a parked lane waits before it tries one call, to see
// whether somebody has mended the account. The first waits are shorter: Amazon has
// refused all accounts for minutes.
const ProbeAfter = 15 * time.Minute

const (
	// probeBase is the first of those waits; it doubles.
	probeBase = time.Minute
	// sharedBase and sharedProbe are the first and the longest when other accounts
	// are refused too. Among those, blame.Tally lets one call at a time find out.
	sharedBase, sharedProbe = 15 * time.Second, 2 * time.Minute
)

// KeyPrefix begins the state keys of the buckets' checkpoints:
// quota/<account>/<operation>.
const KeyPrefix = "quota/"

// lane is the pending work of one account for one operation.
type lane struct {
	account string
	queue   Ranked
	passed  int             // how many draws since one of the earliest
	buckets []*quota.Bucket // one for each of Lanes.operations; none until they are needed
	from    []*schemas.QuotaState
	known   bool // whether the account has a past, so that its burst may be spent

	pending   int       // items that Lanes.Pending counts
	flying    []*Item   // whose calls are under way
	heldUntil time.Time // no draw before
	parked    bool      // one call at a time, until one succeeds
	probeAt   time.Time // no draw before while parked
	probes    int       // how many calls have found it parked
	noted     time.Time // since when the state says why the lane waits; zero when it does not
	told      told      // what alerts have reported since then

	group  *group // of accounts with one limit; nil for none
	joined bool   // whether the group was asked for
	drawn  int    // calls since the group's demand was told
	inTurn bool   // whether the lane waits for its turn in the group

	wake  time.Time // when the lane wants to be looked at; its place in Lanes' heap
	place int       // 1 + index in that heap; 0 when not in it
}

// draw takes out the next item that may be called now, with a token of every
// bucket, or returns nil. every is of Lanes.Share.
func (l *lane) draw(tx *machine.Tx, every int) *Item {
	if next := l.next(tx.Now); next.IsZero() || next.After(tx.Now) {
		return nil
	}
	for _, bucket := range l.buckets {
		checkpoint, _ := bucket.Take(tx.Now) // there is a token in each, as next said
		put(tx, checkpoint)
	}
	item := l.queue.First(tx.Now)
	if every > 0 {
		earliest := l.queue.Earliest(tx.Now)
		if l.passed++; l.passed >= every {
			item = earliest
		}
		if item == earliest {
			l.passed = 0
		}
	}
	l.queue.Remove(item)
	item.inFlight = true
	l.flying = append(l.flying, item)
	return item
}

// next is when draw may have something, or zero when only an event changes that.
func (l *lane) next(now time.Time) time.Time {
	due, free := l.queue.Due(), l.free(now)
	if due.IsZero() || free.IsZero() {
		return time.Time{}
	}
	return machine.Latest(due, free)
}

// free is when a call may start, now or later: the lane is not held and each
// bucket has a token. It is zero when that depends on an answer.
func (l *lane) free(now time.Time) time.Time {
	free := machine.Latest(now, l.heldUntil)
	if l.parked {
		if len(l.flying) > 0 {
			return time.Time{}
		}
		free = machine.Latest(free, l.probeAt)
	}
	for _, bucket := range l.buckets {
		token := bucket.Next(now)
		if token.IsZero() {
			return token
		}
		free = machine.Latest(free, token)
	}
	return free
}

// open makes the buckets, once: from their checkpoints; full for an account
// without a past; else empty.
func (l *lane) open(operations []string, limit func(account, operation string) quota.Limit) {
	if l.buckets != nil {
		return
	}
	for i, operation := range operations {
		granted := limit(l.account, operation)
		switch {
		case l.from != nil && l.from[i] != nil:
			l.buckets = append(l.buckets, quota.Resume(l.from[i], granted))
		case l.known:
			l.buckets = append(l.buckets, quota.NewEmpty(l.account, operation, granted))
		default:
			l.buckets = append(l.buckets, quota.NewFull(l.account, operation, granted))
		}
	}
	l.from = nil
}

// finish ends an item's call, which had this result.
func (s *Lanes) finish(tx *machine.Tx, l *lane, item *Item, res *machine.Result) {
	if at := slices.Index(l.flying, item); at >= 0 {
		l.flying = slices.Delete(l.flying, at, at+1)
	}
	refused := l.group.settle(res.Outcome, tx.Now)
	switch outcome := res.Outcome.(type) {
	case machine.Done, machine.Reject:
		l.parked, l.probes = false, 0
		s.clearNote(tx, l, "Amazon answers again")
	case machine.Snooze:
		if refused { // all lanes of the group wait
			break
		}
		if outcome.Own {
			if res.Shared != nil { // the lane goes on; while all its items wait so, people are told
				s.note(tx, l, res, outcome.Err, tx.Now.Add(outcome.For))
			}
			break
		}
		if outcome.Parked {
			l.parked, l.probeAt = true, machine.Latest(l.probeAt, tx.Now.Add(outcome.For))
			s.note(tx, l, res, outcome.Err, l.probeAt)
			break
		}
		l.heldUntil = machine.Latest(l.heldUntil, tx.Now.Add(outcome.For))
		if !l.parked && !outcome.Throttled && (outcome.For >= notedFrom || res.Shared != nil) {
			s.note(tx, l, res, outcome.Err, l.heldUntil)
		}
	case machine.Park:
		l.park(tx.Now, res.Shared != nil && res.Blame.Shared())
		s.note(tx, l, res, outcome.Err, l.probeAt)
	}
	for i, bucket := range l.buckets {
		granted := res.RateLimit
		if i > 0 {
			granted = 0 // the header speaks of the operation, not of its other throttles
		}
		if refused {
			put(tx, bucket.Answered(tx.Now))
			continue
		}
		put(tx, settle(bucket, res.Outcome, granted, tx.Now))
	}
}

// park lets one call at a time find out whether the lane may go on, after a wait that
// grows with each that finds it may not.
func (l *lane) park(now time.Time, shared bool) {
	wait, most := probeBase, ProbeAfter
	if shared {
		wait, most = sharedBase, sharedProbe
	}
	for range min(l.probes, 10) {
		wait *= 2
	}
	l.parked = true
	l.probes++
	l.probeAt = now.Add(min(wait, most))
}

// settle notes the end of a call in a bucket whose token it had. A 429 drains each
// bucket, since the answer does not say whose throttle it was.
func settle(bucket *quota.Bucket, outcome machine.Outcome, granted float64, now time.Time) *schemas.QuotaState {
	snooze, _ := outcome.(machine.Snooze)
	if snooze.Unspent {
		return bucket.Return(now)
	}
	checkpoint := bucket.Answered(now)
	if snooze.Throttled {
		return bucket.Throttled(now)
	}
	switch outcome.(type) {
	case machine.Done, machine.Reject:
		if learned := bucket.Learn(granted, now); learned != nil {
			return learned
		}
	}
	return checkpoint
}

// put writes a checkpoint under the key from which it is restored.
func put(tx *machine.Tx, checkpoint *schemas.QuotaState) {
	if checkpoint != nil {
		tx.Put(KeyPrefix+checkpoint.Account+"/"+checkpoint.Operation, checkpoint)
	}
}
