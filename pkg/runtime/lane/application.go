package lane

import (
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/share"
	"github.com/sellerstream/sellerstream/schemas"
)

// lookEvery is how often a group's terms are asked for anew. Accounts of other units
// change them too, and no unit hears about those.
const lookEvery = time.Second

// SharePrefix begins the state keys of what units tell each other about the limits of
// applications: share/<operation>/<group>.
const SharePrefix = "share/"

// coalesce is how long a group's tokens are gathered, so that a high rate does not make
// a transaction of each call.
const coalesce = 50 * time.Millisecond

// group is the lanes of accounts that share the limit of their application.
type group struct {
	name    string
	share   *share.Share
	looked  time.Time // when its terms were asked for last
	counted time.Time // since when its lanes' calls are counted
	turns   []*lane   // that want a token, the next first: a call each, in turn
	wake    time.Time // when the next turn may have its token; zero when no lane wants one
}

// Sharing makes the lanes keep to the limits of applications too, and returns them. nil
// has none.
func (s *Lanes) Sharing(unit *share.Unit) *Lanes {
	s.sharing = unit
	return s
}

// join makes a lane one of the group whose limit its account shares, if there is one.
func (s *Lanes) join(l *lane) {
	if l.joined || s.sharing == nil {
		return
	}
	l.joined = true
	if name := s.sharing.Groups.Of(l.account, s.operations[0]); name != "" {
		l.group = s.group(name)
	}
}

// group finds or makes a group of this unit.
func (s *Lanes) group(name string) *group {
	if at := slices.IndexFunc(s.groups, func(g *group) bool { return g.name == name }); at >= 0 {
		return s.groups[at]
	}
	g := &group{name: name, share: share.New(s.sharing.Number, s.sharing.Groups.Terms(name, s.operations[0]))}
	s.groups = append(s.groups, g)
	return g
}

// shared takes from the committed state what the unit has told the others.
func (s *Lanes) remember(told *schemas.ShareState) bool {
	if told.Operation != s.operations[0] {
		return false
	}
	if s.sharing != nil {
		s.group(told.Group).share.Restore(told)
	}
	return true
}

// exchange hears what other units want and lend, and tells them the same. It costs next to
// nothing while no unit wants more than its part.
func (s *Lanes) exchange(tx *machine.Tx) {
	if s.sharing == nil {
		return
	}
	news, version := s.sharing.Board.Since(s.heard, s.operations[0])
	s.heard = version
	for _, n := range news {
		s.group(n.Told.Group).share.Hear(n, tx.Now)
	}
	for _, g := range s.groups {
		if len(g.turns) == 0 && !g.share.Contended(tx.Now) {
			continue
		}
		if tx.Now.Sub(g.looked) >= lookEvery {
			g.looked = tx.Now
			g.share.Set(s.sharing.Groups.Terms(g.name, s.operations[0]), tx.Now)
		}
		at := g.share.TellAt(tx.Now)
		if at.IsZero() {
			continue
		}
		if !at.After(tx.Now) {
			demand, accounts := s.demand(g, tx.Now)
			if told := g.share.Tell(s.operations[0], g.name, demand, accounts, tx.Now); told != nil {
				tx.Put(SharePrefix+told.Operation+"/"+told.Group, told)
			}
			at = g.share.TellAt(tx.Now)
		}
		if g.share.Contended(tx.Now) || len(g.turns) > 0 {
			tx.WakeAt(machine.Latest(at, tx.Now.Add(coalesce)))
		}
	}
}

// demand is how many calls a group's accounts would make in a second by their own limits,
// and how many of them have calls to make.
func (s *Lanes) demand(g *group, now time.Time) (calls float64, accounts int) {
	seconds := max(now.Sub(g.counted), lookEvery).Seconds()
	g.counted = now
	for _, l := range s.byAccount {
		if l.group != g {
			continue
		}
		n := l.drawn
		l.drawn = 0
		if l.inTurn {
			n += l.queue.Len()
		}
		if n > 0 {
			accounts++
			calls += min(float64(n)/seconds, l.buckets[0].Rate())
		}
	}
	return calls, accounts
}

// leave makes the lane ask anew for its group, since its account has changed.
func (l *lane) leave() {
	if l.inTurn {
		l.group.turns = slices.DeleteFunc(l.group.turns, func(other *lane) bool { return other == l })
	}
	l.group, l.joined, l.inTurn = nil, false, false
}

// await puts a lane behind the others of its group.
func (g *group) await(l *lane) {
	if !l.inTurn {
		l.inTurn = true
		g.turns = append(g.turns, l)
	}
}

// drawTurns starts the calls that the limits of applications allow. The lanes of a group
// take turns, so that no account takes another's part.
func (s *Lanes) drawTurns(tx *machine.Tx, start func(*Item)) {
	for _, g := range s.groups {
		g.wake = time.Time{}
		for len(g.turns) > 0 {
			l := g.turns[0]
			next := l.next(tx.Now)
			ready := !next.IsZero() && !next.After(tx.Now)
			if ready && !g.share.Take(tx.Now) {
				g.wake = machine.Latest(g.next(tx.Now), tx.Now.Add(coalesce))
				break
			}
			g.turns = g.turns[1:]
			l.inTurn = false
			switch {
			case ready:
				l.drawn++
				g.await(l)
				start(l.draw(tx, s.every))
			case !next.IsZero():
				s.schedule(l, next)
			}
		}
	}
}

// next is when the group's next token comes. A unit without a part of the limit asks
// again.
func (g *group) next(now time.Time) time.Time {
	if next := g.share.Next(now); !next.IsZero() {
		return next
	}
	return now.Add(lookEvery)
}

// turnOf is about when a lane's turn would come that begins to wait now.
func (g *group) turnOf(now time.Time) time.Time {
	next := g.next(now)
	if rate := g.share.Rate(); rate > 0 {
		next = next.Add(time.Duration(min(float64(len(g.turns))/rate, time.Hour.Seconds()) * float64(time.Second)))
	}
	return next
}

// settle notes the end of a call in the share of the application's limit. It reports
// whether that has refused the call: the account's own buckets are then not empty.
func (g *group) settle(outcome machine.Outcome, now time.Time) (refused bool) {
	snooze, ok := outcome.(machine.Snooze)
	switch {
	case g == nil || !ok:
		return false
	case snooze.Unspent:
		g.share.Return(now)
		return false
	case snooze.Throttled && snooze.Application:
		g.share.Throttled(snooze.For, now)
		return true
	}
	return false
}
