package lane

import (
	"container/heap"
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/runtime/share"
	"github.com/sellerstream/sellerstream/schemas"
)

// Lanes is all of a unit's lanes for one operation. It is used by one goroutine.
type Lanes struct {
	operations []string // the operation and, if it has any, its other throttles
	role       string   // whose they are; "" raises no alerts
	doctor     func(account string) string
	limit      func(account, operation string) quota.Limit
	sharing    *share.Unit // of applications' limits; nil for none
	groups     []*group    // of this unit
	heard      int64       // version of the board that was heard last
	byAccount  map[string]*lane
	byWake     laneHeap // lanes that have something to do, now or later
	pending    int
	every      int // see Share
}

// New makes an empty set of lanes for operation. limit is each account's;
// it is asked once for each account, and after Changed. also names further
// buckets that each call takes a token of, such as model.CreateListingsFeed: all
// or none are taken.
func New(operation string, limit func(account, operation string) quota.Limit, also ...string) *Lanes {
	return &Lanes{
		operations: append([]string{operation}, also...), limit: limit, byAccount: make(map[string]*lane),
	}
}

// In sets which role's lanes they are, and returns them. Alerts then report why they
// wait, once until a call succeeds: see note.go. doctor names the command that finds
// what is wrong with an account, or with all of them for ""; nil for none.
func (s *Lanes) In(role string, doctor func(account string) string) *Lanes {
	s.role, s.doctor = role, doctor
	return s
}

// Share lets every n-th draw of an account go to the item with the earliest Turn.By,
// whatever its class, and returns the lanes. So none starves: an item waits for at most
// n draws for each one that has an earlier By, and for its own.
func (s *Lanes) Share(n int) *Lanes {
	s.every = n
	return s
}

// Restore takes an entry of the committed state that lanes have written, a
// bucket's checkpoint, why a lane waits or what it told other units, and reports whether it is one of these
// lanes'.
func (s *Lanes) Restore(state any) bool {
	switch state := state.(type) {
	case *schemas.QuotaState:
		return s.checkpoint(state)
	case *schemas.LaneState:
		return s.noted(state)
	case *schemas.ShareState:
		return s.remember(state)
	}
	return false
}

func (s *Lanes) checkpoint(checkpoint *schemas.QuotaState) bool {
	i := slices.Index(s.operations, checkpoint.Operation)
	if i < 0 {
		return false
	}
	l := s.of(checkpoint.Account)
	l.known = true
	if l.from == nil {
		l.from = make([]*schemas.QuotaState, len(s.operations))
	}
	l.from[i] = checkpoint
	return true
}

// Known says that account has a past: a bucket without a checkpoint starts
// empty. Call it while restoring.
func (s *Lanes) Known(account string) { s.of(account).known = true }

// Add queues item for a call at due or later, or moves it there. An item in
// flight must be finished first.
func (s *Lanes) Add(account string, item *Item, due time.Time) {
	s.AddTurn(account, item, Turn{Due: due, By: due})
}

// AddLow is Add for work that is drawn only when none of the account that was
// added with Add is due, such as what is processed again.
func (s *Lanes) AddLow(account string, item *Item, due time.Time) {
	s.AddTurn(account, item, Turn{Due: due, By: due, Class: 1})
}

// AddTurn is Add for work that has its turn by more than the time at which it is due.
func (s *Lanes) AddTurn(account string, item *Item, turn Turn) {
	l := s.of(account)
	if item.Queued() {
		s.count(l, -item.count())
	}
	if item.held != 0 {
		held := moment(item.held)
		turn.Due, turn.By = machine.Latest(turn.Due, held), machine.Latest(turn.By, held)
	}
	l.queue.Add(item, turn)
	s.count(l, item.count())
	s.schedule(l, turn.Due)
}

// Remove takes item out, if it is queued here: it wants no call any more.
func (s *Lanes) Remove(account string, item *Item) {
	if item.Queued() {
		l := s.of(account)
		s.count(l, -item.count())
		l.queue.Remove(item)
	}
}

// Along takes out up to n items of account that fit a call which is under way, in the order
// in which they would be drawn: such a call asks for several. They are idle then, and cost
// no token. Twice as many are looked at; those that do not fit stay.
func (s *Lanes) Along(account string, now time.Time, n int, fits func(*Item) bool) []*Item {
	l := s.of(account)
	var taken, others []*Item
	for len(taken) < n && len(others) < n {
		item := l.queue.First(now)
		if item == nil {
			break
		}
		l.queue.Remove(item)
		if fits(item) {
			s.count(l, -item.count())
			taken = append(taken, item)
		} else {
			others = append(others, item)
		}
	}
	for _, item := range others {
		l.queue.Add(item, Turn{Due: now, Class: item.class, By: moment(item.by), Uncounted: item.uncounted})
	}
	return taken
}

// Draw hands every item whose call may start now to start, in order; what start adds
// has its turn at once. It puts
// the checkpoints of the tokens that they cost into tx, and asks for the tick
// in which the next item may go.
func (s *Lanes) Draw(tx *machine.Tx, start func(*Item)) {
	for len(s.byWake) > 0 && !s.byWake[0].wake.After(tx.Now) {
		l := heap.Pop(&s.byWake).(*lane)
		l.open(s.operations, s.limit)
		if s.join(l); l.group != nil {
			l.group.await(l)
			continue
		}
		for item := l.draw(tx, s.every); item != nil; item = l.draw(tx, s.every) {
			start(item)
		}
		if next := l.next(tx.Now); !next.IsZero() {
			s.schedule(l, next)
		}
	}
	s.exchange(tx)
	s.drawTurns(tx, start)
	if wake := s.Wake(); !wake.IsZero() {
		tx.WakeAt(wake)
	}
}

// Next is when a call of account could start, if nothing were drawn before: now
// or later. It is zero when that depends on the end of a call that is under way.
func (s *Lanes) Next(account string, now time.Time) time.Time {
	l := s.of(account)
	l.open(s.operations, s.limit)
	s.join(l)
	free := l.free(now)
	if l.group != nil && !free.IsZero() {
		free = machine.Latest(free, l.group.turnOf(now))
	}
	return free
}

// Tokens is how many calls of account the bucket of the operation itself allows now.
func (s *Lanes) Tokens(account string, now time.Time) float64 {
	l := s.of(account)
	l.open(s.operations, s.limit)
	return l.buckets[0].Tokens(now)
}

// Probe is when a lane that is parked tries its next call; now for one that is not.
func (s *Lanes) Probe(account string, now time.Time) time.Time {
	if l := s.byAccount[account]; l != nil && l.parked {
		return machine.Latest(now, l.probeAt)
	}
	return now
}

// Wake is, after a Draw, when the next one may have something; zero when time
// alone changes nothing.
func (s *Lanes) Wake() time.Time {
	wake := time.Time{}
	if len(s.byWake) > 0 {
		wake = s.byWake[0].wake
	}
	for _, g := range s.groups {
		wake = machine.Earliest(wake, g.wake)
	}
	return wake
}

// Pending is how many items are queued or in flight, without those of an uncounted turn.
// Those of parked accounts are counted apart.
func (s *Lanes) Pending() int {
	parked := 0
	for _, l := range s.byAccount {
		if l.parked {
			parked += l.pending
		}
	}
	return Apart(s.pending-parked, parked)
}

// Held is how many items are queued or in flight, those of parked accounts too.
func (s *Lanes) Held() int { return s.pending }

// Apart is the number by which intake is paused where some of the work cannot go on,
// such as that of a parked account: it has apartShare times the room of the rest, and
// takes none of it. So an account that stands does not stop the others of its unit
// (containment rule 4), and memory has a bound all the same.
func Apart(going, standing int) int { return max(going, (standing+apartShare-1)/apartShare) }

// apartShare is how many times as many items may stand still as may wait.
const apartShare = 4

// Parked reports whether the account is parked.
func (s *Lanes) Parked(account string) bool {
	l := s.byAccount[account]
	return l != nil && l.parked
}

func (s *Lanes) count(l *lane, n int) {
	s.pending += n
	l.pending += n
}

// Finish ends an item's call: the item is idle again, and the lane notes what the
// result says about the account. A 429 drains the buckets, or the share of the application's
// limit if that has refused the call; a snooze holds the lane, or
// the item alone, and gives the tokens back if the call never left; refused credentials
// park it; an answer lets a parked lane go on.
func (s *Lanes) Finish(tx *machine.Tx, account string, item *Item, res *machine.Result) {
	if !item.inFlight {
		return
	}
	item.inFlight, item.held = false, 0
	if snooze, ok := res.Outcome.(machine.Snooze); ok && snooze.Own {
		item.held = tx.Now.Add(snooze.For).UnixNano()
	}
	l := s.of(account)
	s.count(l, -item.count())
	s.finish(tx, l, item, res)
	if !l.queue.Due().IsZero() {
		s.schedule(l, tx.Now)
	}
}

// Changed says that something about the account has changed, or that it may have. Its
// lane is no longer held, and takes its limits anew. One that is parked tries one call
// now, and stays parked until a call succeeds: nobody knows yet whether it is mended.
func (s *Lanes) Changed(tx *machine.Tx, account string) {
	l := s.byAccount[account]
	if l == nil {
		return
	}
	l.probes, l.probeAt, l.heldUntil = 0, time.Time{}, time.Time{}
	l.leave()
	if l.queue.Len()+len(l.flying) == 0 { // nothing would find out
		l.parked = false
		s.clearNote(tx, l, "nothing of it waits any more")
	}
	if !l.parked {
		s.retryNote(tx, l)
	}
	for i, bucket := range l.buckets {
		put(tx, bucket.SetLimit(s.limit(account, s.operations[i]), tx.Now))
	}
	if !l.queue.Due().IsZero() {
		s.schedule(l, tx.Now)
	}
}

func (s *Lanes) of(account string) *lane {
	l := s.byAccount[account]
	if l == nil {
		l = &lane{account: account}
		s.byAccount[account] = l
	}
	return l
}

// schedule makes Draw look at the lane by t at the latest.
func (s *Lanes) schedule(l *lane, t time.Time) {
	switch {
	case l.inTurn: // it is looked at when its turn comes
	case l.place == 0:
		l.wake = t
		heap.Push(&s.byWake, l)
	case t.Before(l.wake):
		l.wake = t
		heap.Fix(&s.byWake, l.place-1)
	}
}

type laneHeap []*lane

func (h laneHeap) Len() int { return len(h) }

func (h laneHeap) Less(i, j int) bool {
	if c := h[i].wake.Compare(h[j].wake); c != 0 {
		return c < 0
	}
	return h[i].account < h[j].account
}

func (h laneHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i+1, j+1
}

func (h *laneHeap) Push(x any) {
	l := x.(*lane)
	l.place = len(*h) + 1
	*h = append(*h, l)
}

func (h *laneHeap) Pop() any {
	last := len(*h) - 1
	l := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	l.place = 0
	return l
}
