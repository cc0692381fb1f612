package simulation

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/breaker"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// TestAmazonIsDownForMinutes: the breaker opens, nothing is dead-lettered, only
// probes reach Amazon, intake pauses when enough is pending, and when Amazon is
// back all of it drains.
func TestAmazonIsDownForMinutes(t *testing.T) {
	t.Parallel()
	const outage, each = 5 * time.Minute, 60
	for name, action := range map[string]simulator.Action{
		"503":             {Status: 503},
		"500":             {Status: 500},
		"connections cut": {Drop: true},
		"too slow":        {Delay: 20 * time.Second},
		"no answer":       {Delay: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, setup{accounts: []string{"one", "two", "three"}, maxPending: 40}, func(t *testing.T, w *world) {
				w.fault(simulator.Rule{Part: simulator.SPAPI, Until: w.begun.Add(outage), Action: action})
				for range each {
					for _, account := range []string{"one", "two", "three"} {
						w.place(account)
					}
				}
				time.Sleep(time.Until(w.begun.Add(outage)))
				counts := w.breakers.Counts()
				// The closed one is that of Login with Amazon, which answers.
				if counts.Sections[breaker.Closed] != 1 || counts.Sections[breaker.Open]+counts.Sections[breaker.HalfOpen] != 1 ||
					!regexp.MustCompile(`breaker opened: calls wait.* section=orders .*cause=.`).MatchString(w.log.String()) {
					t.Errorf("breakers after %v: %+v\n%s", outage, counts, w.log)
				}
				if most := w.most.Load(); most < 40 || most > 60 {
					t.Errorf("%d orders were pending: intake should have paused above 40, after at most a tick of 20", most)
				}
				// What was under way when it opened may end later.
				if probes := w.calls(simulator.Filter{Part: simulator.SPAPI}, time.Minute+5*time.Second, outage); len(probes) > 6 {
					t.Errorf("%d calls in the last four minutes, want probes only", len(probes))
				}
				got := w.read(schemas.Orders, 3*each, 10*time.Minute)
				if len(got) != 3*each {
					t.Fatalf("%d orders came out, want %d\n%s", len(got), 3*each, w.log)
				}
				drained := got[len(got)-1].Timestamp.Sub(w.begun) - outage
				t.Logf("%d calls during the outage, the last order %v after it", len(w.calls(simulator.Filter{Part: simulator.SPAPI}, 0, outage)), drained)
				if drained > 4*time.Minute {
					t.Errorf("the last order came %v after the outage", drained)
				}
				w.noDeadLetters()
				for text, times := range map[string]int{"breaker opened": 1, "breaker closed": 1} {
					if got := strings.Count(w.log.String(), text); got != times {
						t.Errorf("the log says %q %d times, want %d\n%s", text, got, times, w.log)
					}
				}
				if n := w.amazon.Ledger.Throttled(); n != 0 {
					t.Errorf("%d calls were throttled", n)
				}
			})
		})
	}
}

// TestThrottledAndSlowedDown: Amazon answers 429 for minutes, then grants half
// the rate: calls stay within it, and no storm follows.
func TestThrottledAndSlowedDown(t *testing.T) {
	t.Parallel()
	inBubble(t, setup{accounts: []string{"one"}}, func(t *testing.T, w *world) {
		const throttled = 3 * time.Minute
		w.fault(simulator.Rule{
			Part: simulator.SPAPI, From: w.begun.Add(time.Second), Until: w.begun.Add(throttled), Action: simulator.Action{Status: 429},
		})
		w.fault(simulator.Rule{
			Part: simulator.SPAPI, Action: simulator.Action{Header: map[string]string{"x-amzn-RateLimit-Limit": "0.25"}, Delay: time.Millisecond},
		})
		time.Sleep(time.Until(w.begun.Add(2 * time.Second)))
		for range 150 {
			w.place("one")
		}
		got := w.read(schemas.Orders, 150, time.Hour)
		if len(got) != 150 {
			t.Fatalf("%d orders came out\n%s", len(got), w.log)
		}
		// After the burst each 429 halves the rate, down to a sixteenth: one in 32 s.
		if calls := w.calls(simulator.Filter{Operation: model.GetOrder}, 30*time.Second, throttled); len(calls) > 12 {
			t.Errorf("%d calls while Amazon throttles", len(calls))
		}
		for from := throttled; from < 12*time.Minute; from += time.Minute {
			if calls := w.calls(simulator.Filter{Operation: model.GetOrder}, from, from+time.Minute); len(calls) > 16 {
				t.Errorf("%d calls in the minute after %v, Amazon grants 15", len(calls), from)
			}
		}
		w.noDeadLetters()
		if strings.Contains(w.log.String(), "breaker opened") {
			t.Errorf("a 429 opened a breaker:\n%s", w.log)
		}
	})
}

// TestLoginIsDownPastTheTokensEnd: accounts wait, with one token request at a
// time for each, and go on when it is back.
func TestLoginIsDownPastTheTokensEnd(t *testing.T) {
	t.Parallel()
	accounts := []string{"one", "two", "three"}
	inBubble(t, setup{accounts: accounts}, func(t *testing.T, w *world) {
		const from, until, end = 50 * time.Minute, 80 * time.Minute, 85 * time.Minute
		w.fault(simulator.Rule{
			Part: simulator.LWA, From: w.begun.Add(from), Until: w.begun.Add(until), Action: simulator.Action{Status: 503},
		})
		for _, account := range accounts {
			w.place(account) // takes the tokens, which live an hour
		}
		time.Sleep(time.Until(w.begun.Add(from)))
		for time.Since(w.begun) < end {
			for _, account := range accounts {
				w.place(account)
			}
			time.Sleep(30 * time.Second)
		}
		if got := w.read(schemas.Orders, w.sent, 10*time.Minute); len(got) != w.sent {
			t.Fatalf("%d orders came out of %d", len(got), w.sent)
		}
		// Before the tokens' end they are asked for ahead of time, from five minutes
		// before, by whichever account's call comes, until five have failed; then by
		// probes alone, one for all accounts, half a minute apart, each with its one
		// repetition.
		minute := w.calls(simulator.Filter{Part: simulator.LWA}, 70*time.Minute, 80*time.Minute)
		if most := 2 * 10 * 2; len(minute) > most {
			t.Errorf("%d token requests in ten minutes, want at most %d", len(minute), most)
		}
		if calls := w.calls(simulator.Filter{Operation: model.GetOrder}, 62*time.Minute, until); len(calls) > 0 {
			t.Errorf("%d calls without a token", len(calls))
		}
		w.noDeadLetters()
		log := w.log.String()
		for text, times := range map[string]int{"breaker opened: calls wait": 1, "breaker closed: calls go on": 1, `host="Login with Amazon" section=login`: 2} {
			if got := strings.Count(log, text); got != times {
				t.Errorf("the log says %q %d times, want %d\n%s", text, got, times, log)
			}
		}
		if strings.Contains(log, "Atzr") || strings.Contains(log, "Atza") {
			t.Errorf("a token is in the log:\n%s", log)
		}
	})
}
