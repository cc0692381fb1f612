package share

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/property"
)

// world is units that tell each other late, out of step and not at all, on clocks that
// disagree, and whose owners crash before or after they have committed.
type world struct {
	now   time.Time
	units []*member
	limit quota.Limit
}

type member struct {
	share     *Share
	terms     Terms
	skew      time.Duration // of its owner's clock
	committed *schemas.ShareState
	inbox     []News // committed by others, in their order
}

func (w *world) clock(m *member) time.Time { return w.now.Add(m.skew) }

// crash gives the unit to a new owner, whose clock is another.
func (w *world) crash(t *rapid.T, i int) {
	m := w.units[i]
	m.skew = time.Duration(rapid.Int64Range(int64(-10*time.Minute), int64(10*time.Minute)).Draw(t, "skew"))
	m.share, m.inbox = New(int32(i), m.terms), nil
	if m.committed != nil {
		m.share.Restore(m.committed)
	}
}

// tell commits what the unit tells, unless the transaction is lost.
func (w *world) tell(t *rapid.T, i int) {
	m := w.units[i]
	told := m.share.Tell("op", "g", rapid.SampledFrom([]float64{0, 0, 5, w.limit.Rate / 2, 2 * w.limit.Rate}).Draw(t, "demand"), rapid.IntRange(0, 10).Draw(t, "accounts"), w.clock(m))
	switch {
	case told == nil:
	case rapid.IntRange(0, 9).Draw(t, "lost") == 0:
		w.crash(t, i)
	default:
		m.committed = told
		for _, other := range w.units {
			if other != m {
				other.inbox = append(other.inbox, News{Unit: int32(i), Told: told})
			}
		}
	}
}

// hear delivers some of what has been told to a unit; what it hears is the newest.
func (w *world) hear(t *rapid.T, i int) {
	m := w.units[i]
	n := len(m.inbox)
	if rapid.IntRange(0, 3).Draw(t, "late") == 0 {
		n = rapid.IntRange(0, n).Draw(t, "letters")
	}
	latest := map[int32]News{}
	for _, news := range m.inbox[:n] {
		latest[news.Unit] = news
	}
	m.inbox = m.inbox[n:]
	for from := range int32(len(w.units)) {
		if news, ok := latest[from]; ok {
			news.Heard = w.clock(m)
			m.share.Hear(news, w.clock(m))
		}
	}
}

// check holds the units together against the limit.
func (w *world) check(t *rapid.T) {
	together := 0.0
	for _, m := range w.units {
		m.share.pass(w.clock(m))
		together += m.share.allowed()
	}
	if together > w.limit.Rate+1e-6 {
		t.Fatalf("the units together have %v of %v", together, w.limit.Rate)
	}
}

// TestNoDelayNorCrashExceedsTheLimit: at no moment do the units together have more than
// the limit, and they never take more tokens than that and what they may hold.
func TestNoDelayNorCrashExceedsTheLimit(t *testing.T) {
	t.Parallel()
	property.Check(t, func(t *rapid.T) {
		w := &world{now: start, limit: quota.Limit{Rate: 100, Burst: 100}}
		n := rapid.IntRange(2, 5).Draw(t, "units")
		for i := range n {
			w.units = append(w.units, &member{terms: Terms{Limit: w.limit, Part: 1 / float64(n), Binds: true}})
			w.crash(t, i)
		}
		allowed, taken := float64(w.limit.Burst)*burstPart+float64(n), 0
		for range rapid.IntRange(1, 25).Draw(t, "rounds") {
			for i, m := range w.units {
				switch rapid.IntRange(0, 19).Draw(t, "what") {
				case 0:
					w.crash(t, i)
				case 1, 2, 3: // silent for this round
				case 4, 5, 6:
					w.hear(t, i)
				case 7, 8:
					for m.share.Take(w.clock(m)) {
						taken++
					}
				default:
					w.hear(t, i)
					w.tell(t, i)
				}
				w.check(t)
			}
			pause := time.Duration(rapid.Int64Range(0, int64(2*time.Second)).Draw(t, "pause"))
			for range 4 { // loans end at any moment
				w.now = w.now.Add(pause / 4)
				w.check(t)
			}
			allowed += w.limit.Rate * pause.Seconds()
		}
		if float64(taken) > allowed+1e-3 {
			t.Fatalf("%d tokens, the limit allows %v", taken, allowed)
		}
	})
}

// TestUnusedSharesMoveAndComeBack: a unit that wants all gets what the others do not use
// within seconds, and they have it back when they want it.
func TestUnusedSharesMoveAndComeBack(t *testing.T) {
	t.Parallel()
	limit := quota.Limit{Rate: 90, Burst: 90}
	var units []*Share
	for i := range int32(3) {
		units = append(units, New(i, Terms{Limit: limit, Part: 1.0 / 3, Binds: true}))
	}
	now := start
	second := func(demands ...float64) {
		for i, unit := range units {
			accounts := 0
			if demands[i] > 0 {
				accounts = 10
			}
			told := unit.Tell("op", "g", demands[i], accounts, now)
			if told == nil {
				continue
			}
			for _, other := range units {
				other.Hear(News{Unit: int32(i), Told: told, Heard: now}, now)
			}
		}
		now = now.Add(period)
		for _, unit := range units {
			unit.pass(now)
		}
	}
	second(20, 0, 0)
	if units[0].sequence != 0 || units[0].allowed() != 30 {
		t.Fatal("a unit that has enough tells others")
	}
	for range 3 {
		second(500, 0, 20)
	}
	if a, b, c := units[0].allowed(), units[1].allowed(), units[2].allowed(); math.Abs(a-70) > 1 || b > 1 || math.Abs(c-20) > 1 {
		t.Errorf("after 3 s the units have %v, %v and %v; want 70, 0 and the 20 that the last one uses", a, b, c)
	}
	for range 7 {
		second(500, 500, 20)
	}
	if a, b, c := units[0].allowed(), units[1].allowed(), units[2].allowed(); math.Abs(a-35) > 1 || math.Abs(b-35) > 1 || math.Abs(c-20) > 1 {
		t.Errorf("7 s later they have %v, %v and %v; want 35, 35 and 20", a, b, c)
	}
	for range 10 {
		second(10, 10, 10)
	}
	if a := units[0].allowed(); a != 30 || units[0].Contended(now) {
		t.Errorf("with enough for all a unit has %v, want its own part", a)
	}
}

func TestFairSharesAreByAccount(t *testing.T) {
	t.Parallel()
	unit := func(part, demand float64, accounts int32) *schemas.ShareState {
		return &schemas.ShareState{Part: part, Demand: demand, Accounts: accounts}
	}
	for name, test := range map[string]struct {
		units []*schemas.ShareState
		want  []float64
	}{
		"nobody wants anything":   {[]*schemas.ShareState{unit(10, 0, 0), unit(20, 0, 0)}, []float64{10, 20}},
		"enough for all":          {[]*schemas.ShareState{unit(10, 25, 5), unit(30, 5, 1)}, []float64{27.5, 12.5}},
		"not enough":              {[]*schemas.ShareState{unit(10, 100, 30), unit(30, 100, 10)}, []float64{30, 10}},
		"one wants little":        {[]*schemas.ShareState{unit(20, 100, 10), unit(20, 4, 10)}, []float64{36, 4}},
		"a demand of no accounts": {[]*schemas.ShareState{unit(20, 100, 0), unit(20, 100, 1)}, []float64{0, 40}},
	} {
		for i, got := range fair(test.units) {
			if math.Abs(got-test.want[i]) > 1e-9 {
				t.Errorf("%s: %v, want %v", name, fair(test.units), test.want)
				break
			}
		}
	}
}

// TestALoanThatIsHeardLateEndsForItsBorrowerFirst: at each moment the two have the limit
// together at most, and in the end each has its part.
func TestALoanThatIsHeardLateEndsForItsBorrowerFirst(t *testing.T) {
	t.Parallel()
	for late := time.Duration(0); late < term+time.Second; late += 250 * time.Millisecond {
		limit := quota.Limit{Rate: 100, Burst: 100}
		lender, borrower := New(1, Terms{limit, 0.5, true}), New(2, Terms{limit, 0.5, true})
		asked := borrower.Tell("op", "g", 500, 1, start)
		heard := start.Add(500 * time.Millisecond)
		lender.Hear(News{Unit: 2, Told: asked, Heard: heard}, heard)
		lent := lender.Tell("op", "g", 0, 0, heard)
		most := 0.0
		for at := heard; at.Before(heard.Add(10 * time.Second)); at = at.Add(50 * time.Millisecond) {
			if at.Equal(heard.Add(late)) {
				borrower.Hear(News{Unit: 1, Told: lent, Heard: at}, at)
			}
			lender.pass(at)
			borrower.pass(at)
			most = max(most, borrower.allowed())
			if together := lender.allowed() + borrower.allowed(); together > limit.Rate {
				t.Fatalf("heard after %v: %v after the loan they have %v together", late, at.Sub(heard), together)
			}
		}
		if want := late < term-500*time.Millisecond; (most == limit.Rate) != want {
			t.Errorf("heard after %v: the borrower had %v, want all of it: %v", late, most, want)
		}
		if lender.allowed() != 50 || borrower.allowed() != 50 {
			t.Errorf("heard after %v: in the end they have %v and %v", late, lender.allowed(), borrower.allowed())
		}
	}
}
