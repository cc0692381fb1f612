package accountstatus

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/blame"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
)

// summedFrom is how many accounts must wait for one cause to be summed up.
const summedFrom = 3

// cause is what several accounts wait for that Amazon, or the way to it, will mend by
// itself.
type cause struct {
	who      string // does not answer, such as "Login with Amazon"
	accounts []string
	since    time.Time
	status   string // of HTTP; "" where there was no answer
}

// answered finds the status in the words of a failed call.
var answered = regexp.MustCompile(`\(([1-5][0-9]{2})\)`)

// hostOf is who a wait is for, and what it answers; "" for a wait that somebody may have to end.
func hostOf(w *role.Wait) (who, status string) {
	if w.Parked || w.Blame != string(blame.Host) {
		return "", ""
	}
	who = "Amazon, asked for " + w.Operation + ","
	if strings.Contains(w.Reason, blame.Login) || strings.Contains(w.Reason, "LWA token") {
		who = blame.Login
	}
	if found := answered.FindStringSubmatch(w.Reason); found != nil {
		status = found[1]
	}
	return who, status
}

// causesOf are the causes that accounts share, that of most accounts first.
func causesOf(standings []*Standing) []*cause {
	byHost := map[string]*cause{}
	for _, s := range standings {
		for i := range s.Waits {
			w := &s.Waits[i]
			who, status := hostOf(w)
			if who == "" {
				continue
			}
			c := byHost[who]
			if c == nil {
				c = &cause{who: who, since: w.Since}
				byHost[who] = c
			}
			if !slices.Contains(c.accounts, s.Account) {
				c.accounts = append(c.accounts, s.Account)
			}
			if w.Since.Before(c.since) {
				c.since = w.Since
			}
			c.status = cmp.Or(c.status, status)
		}
	}
	shared := slices.DeleteFunc(slices.Collect(maps.Values(byHost)), func(c *cause) bool { return len(c.accounts) < summedFrom })
	slices.SortFunc(shared, func(a, b *cause) int {
		return cmp.Or(cmp.Compare(len(b.accounts), len(a.accounts)), strings.Compare(a.who, b.who))
	})
	return shared
}

// writeCauses sums up what accounts wait for together, and returns the accounts that have
// nothing else to tell: nobody has to look at them.
func (f *Fold) writeCauses(w io.Writer, standings []*Standing) (told map[string]bool) {
	summed := map[string]bool{}
	for _, c := range causesOf(standings) {
		summed[c.who] = true
		answers := "does not answer"
		if c.status != "" {
			answers = "answers " + c.status
		}
		fmt.Fprintf(w, "%d accounts: %s %s since %s (%s), goes on by itself\n",
			len(c.accounts), c.who, answers, c.since.UTC().Format("15:04 UTC"), f.ago(c.since))
	}
	told = map[string]bool{}
	for _, s := range standings {
		if f.onlyWaits(s, summed) {
			told[s.Account] = true
		}
	}
	return told
}

// onlyWaits reports whether all that an account has to tell is among what was summed up.
func (f *Fold) onlyWaits(s *Standing, summed map[string]bool) bool {
	if len(s.Waits) == 0 || len(s.Stopped) > 0 || len(s.Failed) > 0 || s.Paused != nil || !s.Configured ||
		s.Notifications != nil && !s.Notifications.Silent.IsZero() ||
		slices.ContainsFunc(s.Feeds, func(feed role.Feed) bool { return feed.Stuck }) {
		return false
	}
	return !slices.ContainsFunc(s.Waits, func(w role.Wait) bool {
		who, _ := hostOf(&w)
		return !summed[who]
	})
}

// core is what a reason says of Amazon, without that a call was not made because of it.
func core(reason string) string {
	for _, before := range []string{" is open: ", " whether that is over: "} {
		if _, behind, found := strings.Cut(reason, before); found {
			return behind
		}
	}
	return reason
}
