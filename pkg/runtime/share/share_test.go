package share

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/test/property"
)

var start = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// TestUnitsTogetherKeepTheLimit: whatever the units do, and however often they begin
// anew, all of them together take no more than the group's rate and the part of its burst
// that they may hold, or the one token without which none could call.
func TestUnitsTogetherKeepTheLimit(t *testing.T) {
	t.Parallel()
	property.Check(t, func(t *rapid.T) {
		limit := quota.Limit{Rate: rapid.Float64Range(0.1, 1000).Draw(t, "rate"), Burst: rapid.IntRange(1, 1000).Draw(t, "burst")}
		accounts := rapid.SliceOfN(rapid.IntRange(0, 20), 1, 8).Draw(t, "accounts")
		all, allowed := 0, 0.0
		for _, n := range accounts {
			all += n
		}
		units, terms := make([]*Share, len(accounts)), make([]Terms, len(accounts))
		for i, n := range accounts {
			terms[i] = Terms{Limit: limit, Part: float64(n) / float64(max(all, 1)), Binds: true}
			units[i] = New(0, terms[i])
			if n > 0 {
				allowed += units[i].room()
			}
		}
		now, taken := start, 0
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			i := rapid.IntRange(0, len(units)-1).Draw(t, "unit")
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0:
				pause := time.Duration(rapid.Int64Range(0, int64(10*time.Second)).Draw(t, "pause"))
				now = now.Add(pause)
				allowed += limit.Rate * pause.Seconds()
			case 1:
				units[i] = New(0, terms[i])
			case 2:
				units[i].Throttled(0, now)
			case 3:
				if units[i].Take(now) { // and not sent
					units[i].Return(now)
				}
			default:
				for units[i].Take(now) {
					taken++
				}
			}
		}
		if float64(taken) > allowed+1e-3 {
			t.Fatalf("%d tokens, the limit allows %v", taken, allowed)
		}
	})
}

func TestNextIsWhenTakeSucceeds(t *testing.T) {
	t.Parallel()
	property.Check(t, func(t *rapid.T) {
		s := New(0, Terms{
			Limit: quota.Limit{Rate: rapid.Float64Range(0.1, 500).Draw(t, "rate"), Burst: 10},
			Part:  rapid.Float64Range(0.01, 1).Draw(t, "part"), Binds: true,
		})
		now := start
		for range 20 {
			if rapid.Bool().Draw(t, "throttled") {
				s.Throttled(time.Duration(rapid.IntRange(0, 10).Draw(t, "wait"))*time.Second, now)
			}
			now = s.Next(now)
			if !s.Take(now) {
				t.Fatalf("no token at Next, %v", now)
			}
		}
	})
}

func TestA429EmptiesAndSlowsDownAndWearsOff(t *testing.T) {
	t.Parallel()
	s := New(0, Terms{Limit: quota.Limit{Rate: 100, Burst: 100}, Part: 0.5, Binds: true})
	s.Take(start)
	now := start.Add(time.Second)
	s.Take(now)
	s.Throttled(0, now)
	s.Throttled(0, now) // of a call that was sent before
	if s.Take(now) || s.Rate() != 25 {
		t.Fatalf("after a 429 there is a token, or the rate is %v", s.Rate())
	}
	s.pass(now.Add(recovery / 2))
	if s.Rate() != 50 {
		t.Errorf("after %v the rate is %v", recovery/2, s.Rate())
	}
	s.Throttled(time.Minute, now.Add(recovery/2))
	if next := s.Next(now.Add(recovery / 2)); next.Before(now.Add(recovery/2 + time.Minute)) {
		t.Errorf("a token at %v, although Amazon asked to wait", next)
	}
}

// TestWhereItCannotBindNothingIsDivided: a unit may spend all of the limit.
func TestWhereItCannotBindNothingIsDivided(t *testing.T) {
	t.Parallel()
	s := New(0, Terms{Limit: quota.Limit{Rate: 100, Burst: 100}, Part: 0.01})
	for range 50 {
		if !s.Take(start) {
			t.Fatal("no token")
		}
	}
	if s.Rate() != 100 {
		t.Errorf("rate %v", s.Rate())
	}
	idle := New(0, Terms{Limit: quota.Limit{Rate: 100, Burst: 100}, Binds: true})
	if next := idle.Next(start); idle.Take(start.Add(time.Hour)) || !next.IsZero() {
		t.Errorf("a unit without accounts has a token at %v", next)
	}
}
