package inventory

import (
	"cmp"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/processors/internal/feedlane"
	"github.com/sellerstream/sellerstream/schemas"
)

// resendAhead puts what must be sent once more before every other patch: as a
// time, it is so much older.
const resendAhead = 365 * 24 * time.Hour

// doubt is what is known of a SKU's patches without an answer.
type doubt struct {
	until   time.Time // with its monotonic reading
	since   millis    // when the first of them was decided; 0 where that is not known
	of      stamp     // the update that they carry
	several bool      // they carry several updates, and that is the last
}

// doubtful notes that the SKU's patch, of u, may be carried out until then.
func (s *sku) doubtful(u *update, now, until time.Time) {
	d := s.doubt
	if d == nil || !d.until.After(now) {
		s.doubt = &doubt{until: until, since: millisOf(s.work.had().patchSince), of: u.stamp}
		return
	}
	d.several = d.several || d.of != u.stamp
	d.of, d.until = u.stamp, machine.Latest(d.until, until)
}

// unsettles reports whether something other than u, which was sent at a time, may
// be carried out after u.
func (d *doubt) unsettles(u *update, sent time.Time) bool {
	return d != nil && d.until.After(sent) && (d.several || d.of != u.stamp)
}

// and is the doubt of both.
func (d *doubt) and(other *doubt) *doubt {
	if d == nil || other == nil {
		return cmp.Or(d, other)
	}
	both := *d
	if other.until.After(d.until) {
		both = *other
	}
	both.since, both.several = min(d.since, other.since), d.several || other.several || d.of != other.of
	return &both
}

func (d *doubt) state(now millis) *schemas.InventoryDoubt {
	if d == nil || millisOf(d.until) <= now {
		return nil
	}
	return &schemas.InventoryDoubt{
		Until: millisOf(d.until).time(), Since: d.since.time(), EventTime: d.of.time.time(), Offset: d.of.offset, Corrections: d.of.corrections, Several: d.several,
	}
}

// inherited is a SKU of the committed state with something to do at the first
// moment that has a time.
type inherited struct {
	sku *sku
	age time.Duration // of its entry
}

// inherit takes over the patches of an earlier owner: of the last one it is not
// known how it ended. What they carried, or something newer, is sent at once.
func (m *Machine) inherit(tx *machine.Tx, i inherited) {
	s := i.sku
	if d := s.doubt; d != nil {
		end := millisOf(d.until)
		d.until = tx.Now.Add(feedlane.Remains(d.until.Sub(s.touched.time()), i.age, end.time(), tx.Now))
	}
	w := s.work
	if w != nil && w.patched && s.doubt != nil {
		w.try().notBefore = millisOf(s.doubt.until) + 1
	}
	if w == nil || w.patch == nil {
		return
	}
	since := millisOf(w.had().patchSince)
	if since == 0 { // a version before this wrote it
		since = s.touched
	}
	whole := m.cfg.inheritedPatch()
	left := whole - s.touched.time().Sub(since.time())
	u := w.patch
	s.doubtful(u, tx.Now, tx.Now.Add(feedlane.Remains(left, i.age, since.add(whole).time(), tx.Now)))
	m.unanswered(tx, s, u)
	s.save(tx)
}

// unanswered takes a patch of u that may still be carried out: the newest is sent
// at once, and once more when that cannot happen any more.
func (m *Machine) unanswered(tx *machine.Tx, s *sku, u *update) {
	w := s.work
	w.patch = nil
	t := w.try()
	t.patchSince, t.overtook = time.Time{}, false
	m.unsure(s, u, tx.Now)
	if w.carries(u) {
		m.thawOne(s)
		return
	}
	m.want(tx, s, u)
}

// onceMore keeps an update that Amazon has accepted, and that was sent at a time,
// until nothing else can be carried out after it: then it is sent once more.
func (m *Machine) onceMore(tx *machine.Tx, s *sku, u *update, sent time.Time) {
	m.tellTaken(tx, s, u)
	w := s.work
	m.unsure(s, u, tx.Now)
	m.want(tx, s, u)
	if w.wanted != u {
		return // something newer is on its way
	}
	switch d := s.doubt; {
	case d.unsettles(u, sent) && d.until.After(tx.Now):
		w.patched, w.try().notBefore = true, millisOf(d.until)+1
	case w.feed != nil || m.former.beside(s):
		w.patched = true
	default:
		w.resend = true
	}
}

// thaw sends the SKUs of a frozen lane by patches, with the quantities that it
// carries. They have their outcomes when the feed ends, or turns out not to exist.
func (m *Machine) thaw(tx *machine.Tx, f *feedLane) {
	for _, s := range f.Members {
		if s == nil || s.InFlight() || s.form == ofMarketplace {
			continue
		}
		m.thawOne(s)
		if s.work.wanted == s.work.sent {
			s.work.since = millisOf(tx.Now)
		}
		m.route(tx, s)
	}
}

// thawOne wants what a frozen feed carries of a SKU, where nothing newer is.
func (m *Machine) thawOne(s *sku) {
	w := s.work
	if w.wanted != nil || w.message == 0 || !w.feed.Frozen() || m.former.beside(s) && w.sent != nil && w.sent.before(s.newest) {
		return
	}
	w.wanted = w.sent
}

// freeze ends what thaw began: the feed is there, and settles what it carries.
func (m *Machine) freeze(tx *machine.Tx, f *feedLane) {
	for _, s := range f.Members {
		if s != nil && s.work.carries(s.work.wanted) {
			m.unplace(s)
			s.work.wanted, s.work.patched = nil, false
			m.route(tx, s)
		}
	}
}

// carries reports whether a submitted feed carries u itself.
func (w *work) carries(u *update) bool {
	return u != nil && w.message > 0 && w.sent != nil && w.sent.stamp == u.stamp
}
