package share

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/schemas"
)

const (
	// period is from one announcement of a unit to its next.
	period = time.Second
	// term is how long a loan lasts: for the borrower since it asked, for the lender since
	// it lent, which is later. So no two clocks are compared.
	term = 4 * time.Second
	// fresh is how long an announcement counts. It is longer than a period, so that one
	// that is late does not end the exchange.
	fresh = 3 * time.Second
	// leastLoan is the least part of the limit that is worth a loan.
	leastLoan = 1.0 / 1000
)

// loan is a rate that one unit may use in place of another until a time.
type loan struct {
	rate  float64
	until time.Time
}

// loans are by the other unit. The largest of one unit that has not ended
// counts: the borrower may not have heard of a later one.
type loans map[int32][]loan

func sum(all loans) (rate float64) {
	for _, of := range all {
		rate += largest(of)
	}
	return rate
}

func largest(of []loan) (rate float64) {
	for _, l := range of {
		rate = max(rate, l.rate)
	}
	return rate
}

// exchange is what a unit knows of the others.
type exchange struct {
	sequence int64
	asked    map[int64]time.Time // when the unit told what, by sequence
	told     time.Time           // when it did last
	peers    map[int32]News
	lent     loans
	borrowed loans
	earlier  []schemas.ShareLoan // of an earlier owner
}

// wants reports whether the unit wants more than its part.
func wants(told *schemas.ShareState) bool { return told.Demand > told.Part }

// Restore takes what the unit has told before this owner had it.
func (s *Share) Restore(told *schemas.ShareState) { s.sequence, s.earlier = told.Sequence, told.Loans }

// inherit makes the loans of an earlier owner end a term from now: when they were made by
// this owner's clock is not known.
func (s *Share) inherit(now time.Time) {
	for _, l := range s.earlier {
		if l.Held > 0 {
			add(&s.lent, l.Unit, loan{l.Held, now.Add(term)})
		}
	}
	s.earlier = nil
}

func add(to *loans, unit int32, l loan) {
	if *to == nil {
		*to = make(loans)
	}
	(*to)[unit] = append((*to)[unit], l)
}

// nextEnd is when the next loan ends, now at the latest.
func (s *Share) nextEnd(now time.Time) time.Time {
	for _, all := range []loans{s.lent, s.borrowed} {
		for _, of := range all {
			for _, l := range of {
				if l.until.Before(now) {
					now = l.until
				}
			}
		}
	}
	return later(s.at, now)
}

// forget drops the loans that have ended.
func (s *Share) forget(now time.Time) {
	for _, all := range []loans{s.lent, s.borrowed} {
		for unit, of := range all {
			if of = slices.DeleteFunc(of, func(l loan) bool { return !l.until.After(now) }); len(of) > 0 {
				all[unit] = of
			} else {
				delete(all, unit)
			}
		}
	}
}

// Hear takes what another unit has told. A loan counts from when this unit wrote what the
// loan answers; one that answers an earlier owner counts for nothing.
func (s *Share) Hear(news News, now time.Time) {
	if news.Unit == s.unit {
		return
	}
	s.pass(now)
	if s.peers == nil {
		s.peers = make(map[int32]News)
	}
	s.peers[news.Unit] = news
	for _, l := range news.Told.Loans {
		if asked, ok := s.asked[l.Answers]; ok && l.Unit == s.unit && l.Rate > 0 && asked.Add(term).After(now) {
			add(&s.borrowed, news.Unit, loan{min(l.Rate, s.terms.Limit.Rate), asked.Add(term)})
		}
	}
}

// Contended reports whether another unit wants more than its part.
func (s *Share) Contended(now time.Time) bool {
	for _, p := range s.peers {
		if now.Sub(p.Heard) < fresh && wants(p.Told) {
			return true
		}
	}
	return false
}

// TellAt is when the unit may tell the others something again; zero while the limit
// cannot bind.
func (s *Share) TellAt(now time.Time) time.Time {
	if !s.terms.Binds {
		return time.Time{}
	}
	return later(now, s.told.Add(period))
}

// Tell returns what the others should hear, once TellAt has come: what the unit wants and
// what it lends. demand is how many calls its accounts would make in a second. It returns
// nil while nobody wants more than its part.
func (s *Share) Tell(operation, group string, demand float64, accounts int, now time.Time) *schemas.ShareState {
	s.pass(now)
	told := &schemas.ShareState{
		Operation: operation, Group: group, Sequence: s.sequence + 1, Part: s.part(), Demand: demand, Accounts: int32(accounts),
		Loans: []schemas.ShareLoan{},
	}
	s.told = now
	if !wants(told) && !s.Contended(now) {
		return nil
	}
	s.sequence = told.Sequence
	maps.DeleteFunc(s.asked, func(_ int64, at time.Time) bool { return now.Sub(at) >= term })
	if s.asked == nil {
		s.asked = make(map[int64]time.Time)
	}
	s.asked[told.Sequence] = now
	told.Loans = s.lend(told, now)
	s.tokens = min(s.tokens, s.room())
	return told
}

// lend divides what the unit has more than its fair share among those who have less. What
// it has lent before and is not free again stays where it is.
func (s *Share) lend(told *schemas.ShareState, now time.Time) []schemas.ShareLoan {
	grants := s.grants(told, now)
	units := slices.Sorted(maps.Keys(s.lent))
	for unit := range grants {
		if _, lent := s.lent[unit]; !lent {
			units = append(units, unit)
		}
	}
	slices.Sort(units)
	free := max(0, s.part()-sum(s.lent))
	out := make([]schemas.ShareLoan, 0, len(units))
	for _, unit := range units {
		held, rate := largest(s.lent[unit]), grants[unit]
		if more := rate - held; more > 0 {
			more = min(more, free)
			free -= more
			rate = held + more
		}
		l := schemas.ShareLoan{Unit: unit, Held: max(held, rate)}
		if rate >= leastLoan*s.terms.Limit.Rate {
			l.Rate, l.Answers = rate, s.peers[unit].Told.Sequence
			add(&s.lent, unit, loan{rate, now.Add(term)})
		} else {
			l.Held = held
		}
		if l.Held > 0 {
			out = append(out, l)
		}
	}
	return out
}

// grants are what the unit would lend to whom. All units reckon alike, so that together
// they lend each unit as much as it lacks.
func (s *Share) grants(told *schemas.ShareState, now time.Time) map[int32]float64 {
	all := []*schemas.ShareState{told}
	var units []int32
	for unit, p := range s.peers {
		if now.Sub(p.Heard) < fresh {
			all, units = append(all, p.Told), append(units, unit)
		}
	}
	shares := fair(all)
	spare, lacking := told.Part-shares[0], 0.0
	for i, other := range all[1:] {
		lacking += max(0, shares[i+1]-other.Part)
	}
	if spare <= 0 || lacking <= 0 {
		return nil
	}
	grants := make(map[int32]float64, len(units))
	for i, other := range all[1:] {
		if lacks := shares[i+1] - other.Part; lacks > 0 {
			grants[units[i]] = spare * lacks / lacking
		}
	}
	return grants
}

// fair divides the parts of units together: each account with calls to make gets the same,
// or what its unit wants if that is less. What nobody wants stays with the parts.
func fair(units []*schemas.ShareState) []float64 {
	pool, demand, accounts := 0.0, 0.0, 0
	order := make([]int, len(units))
	for i, u := range units {
		order[i] = i
		pool += u.Part
		demand += u.Demand
		accounts += int(u.Accounts)
	}
	shares := make([]float64, len(units))
	if demand <= pool {
		for i, u := range units {
			shares[i] = u.Demand
			if pool > 0 {
				shares[i] += (pool - demand) * u.Part / pool
			}
		}
		return shares
	}
	each := func(i int) float64 { return units[i].Demand / float64(max(units[i].Accounts, 1)) }
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(each(a), each(b)), cmp.Compare(a, b)) })
	for _, i := range order {
		n := max(int(units[i].Accounts), 0)
		shares[i] = min(units[i].Demand, pool*float64(n)/float64(max(accounts, 1)))
		pool -= shares[i]
		accounts -= n
	}
	return shares
}
