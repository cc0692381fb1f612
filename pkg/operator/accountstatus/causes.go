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

// cause is what several accounts wait for: an answer of Amazon, which comes by itself, or
// that somebody mends an application.
type cause struct {
	who         string // does not answer, such as "Login with Amazon", or is refused
	application bool   // who is an application
	accounts    []string
	since       time.Time
	status      string // of HTTP; "" where there was no answer
}

// answered finds the status in the words of a failed call, and coded a code behind it.
var (
	answered = regexp.MustCompile(`\(([1-5][0-9]{2})\)`)
	coded    = regexp.MustCompile(`\(([1-5][0-9]{2})\): ([A-Za-z_]{1,60})`)
)

// causeOf is what a wait has in common with those of other accounts; its who is "" for a
// wait of the account's own.
func (f *Fold) causeOf(account string, w *role.Wait) cause {
	switch {
	case w.Blame == string(blame.Application):
		c := cause{who: "its application", application: true}
		if application, region := f.place(account); application != "" {
			if c.who = "application " + application; !ofLogin(w) {
				c.who += " in " + region
			}
		}
		if found := coded.FindStringSubmatch(w.Reason); found != nil {
			c.status = found[1] + " " + found[2]
		}
		return c
	case w.Parked || w.Blame != string(blame.Host):
		return cause{}
	}
	c := cause{who: "Amazon"}
	if _, region := f.place(account); region != "" { // each has its own host
		c.who += " in " + region
	}
	if c.who += ", asked for " + w.Operation + ","; ofLogin(w) {
		c.who = blame.Login
	}
	if found := answered.FindStringSubmatch(w.Reason); found != nil {
		c.status = found[1]
	}
	return c
}

// ofLogin reports whether Login with Amazon, which all regions share, is what does not answer or
// refuses.
func ofLogin(w *role.Wait) bool {
	return strings.Contains(w.Reason, blame.Login) || strings.Contains(w.Reason, "LWA token")
}

// place is an account's application and region; "" where they are not known.
func (f *Fold) place(account string) (application, region string) {
	if f.settings.Place == nil {
		return "", ""
	}
	return f.settings.Place(account)
}

// words describes what holds the accounts up, and who ends it.
func (c *cause) words(ago string) string {
	since := c.since.UTC().Format("15:04 UTC") + " (" + ago + ")"
	switch {
	case c.application && c.status != "":
		return fmt.Sprintf("Amazon refuses %s with %s since %s: `sellerstream doctor` says what to mend", c.who, c.status, since)
	case c.application:
		return fmt.Sprintf("Amazon refuses %s since %s: `sellerstream doctor` says what to mend", c.who, since)
	case c.status != "":
		return fmt.Sprintf("%s answers %s since %s, goes on by itself", c.who, c.status, since)
	}
	return fmt.Sprintf("%s does not answer since %s, goes on by itself", c.who, since)
}

// causesOf are the causes that accounts share, that of most accounts first.
func (f *Fold) causesOf(standings []*Standing) []*cause {
	byWho := map[string]*cause{}
	for _, s := range standings {
		for i := range s.Waits {
			w := &s.Waits[i]
			of := f.causeOf(s.Account, w)
			if of.who == "" {
				continue
			}
			c := byWho[of.who]
			if c == nil {
				c = &of
				c.since = w.Since
				byWho[of.who] = c
			}
			if !slices.Contains(c.accounts, s.Account) {
				c.accounts = append(c.accounts, s.Account)
			}
			if w.Since.Before(c.since) {
				c.since = w.Since
			}
			c.status = cmp.Or(c.status, of.status)
		}
	}
	shared := slices.DeleteFunc(slices.Collect(maps.Values(byWho)), func(c *cause) bool { return len(c.accounts) < summedFrom })
	slices.SortFunc(shared, func(a, b *cause) int {
		return cmp.Or(cmp.Compare(len(b.accounts), len(a.accounts)), strings.Compare(a.who, b.who))
	})
	return shared
}

// writeCauses sums up what accounts wait for together, and returns the accounts that have
// nothing else to tell: nobody has to look at each of them.
func (f *Fold) writeCauses(w io.Writer, standings []*Standing) (told map[string]bool) {
	summed := map[string]bool{}
	for _, c := range f.causesOf(standings) {
		summed[c.who] = true
		fmt.Fprintf(w, "%d accounts: %s\n", len(c.accounts), c.words(f.ago(c.since)))
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
		return !summed[f.causeOf(s.Account, &w).who]
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
