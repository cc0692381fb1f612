package standings

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// WriteTable prints a line for each account that has something to tell, or for
// all, under a line that counts them.
func (f *Fold) WriteTable(w io.Writer, standings []*Standing, all bool) error {
	counts := make([]int, 5)
	for _, s := range standings {
		counts[s.severity()]++
	}
	fmt.Fprintf(w, "%d accounts: %d parked, %d held up, %d paused or not configured, %d working, %d idle\n",
		len(standings), counts[4], counts[3], counts[2], counts[1], counts[0])
	if f.writes != nil {
		fmt.Fprintf(w, "the writing calls of all accounts are paused, %s\n", f.writes.text(f.settings.Now))
	}
	if !all {
		standings = standings[:len(standings)-counts[0]] // they stand last
	}
	if len(standings) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ACCOUNT\tORDERS\tSTOCK\tFEEDS\tSHIPMENTS\tOLDEST\tCLEARS\tSTATE")
	for _, s := range standings {
		fmt.Fprint(table, s.Account)
		for _, role := range Roles() {
			fmt.Fprintf(table, "\t%d", s.Of(role).Pending)
		}
		fmt.Fprintf(table, "\t%s\t%s\t%s\n", f.ago(s.Oldest()), f.clears(s), f.state(s))
	}
	return table.Flush()
}

// clears says when quota allows the last call of the pending work.
func (f *Fold) clears(s *Standing) string {
	at, known := s.Clears()
	switch {
	case s.Pending() == 0:
		return "-"
	case !known:
		return "unknown"
	}
	return f.in(at)
}

// state is an account's state in a few words.
func (f *Fold) state(s *Standing) string {
	var words []string
	if !s.Configured {
		words = append(words, "not configured")
	}
	if s.Paused != nil {
		words = append(words, "PAUSED "+s.Paused.text(f.settings.Now))
	}
	for _, wait := range s.Waits {
		kind := "held up"
		if wait.Parked {
			kind = "PARKED"
		}
		words = append(words, fmt.Sprintf("%s: %s for %s: %s", kind, wait.Operation, f.ago(wait.Since), brief(wait.Reason)))
	}
	for _, feed := range s.Feeds {
		if feed.Stuck {
			words = append(words, "feed "+feed.ID+" is stuck")
		}
	}
	if s.Notifications != nil && !s.Notifications.Silent.IsZero() {
		words = append(words, "no order notifications since "+f.ago(s.Notifications.Last))
	}
	if len(words) == 0 && s.Pending() == 0 {
		return "idle"
	}
	if len(words) == 0 {
		return "working"
	}
	return strings.Join(words, "; ")
}

// Write prints all that is known of one account, and what to do about it.
func (f *Fold) Write(w io.Writer, s *Standing) error {
	fmt.Fprintf(w, "%s: %s\n", s.Account, f.state(s))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(s.Work) > 0 {
		fmt.Fprintln(table, "\nWORK\tPENDING\tAT AMAZON\tOLDEST\t")
		for _, work := range s.Work {
			fmt.Fprintf(table, "%s\t%d\t%d\t%s\t%s\n", work.Role, work.Pending, work.UnderWay, f.ago(work.Oldest), work.OldestKey)
		}
	}
	if len(s.Operations) > 0 {
		fmt.Fprintln(table, "\nQUOTA\tTOKENS\tBURST\tRATE/S\tWAITING\tCLEARS")
		for _, o := range s.Operations {
			fmt.Fprintf(table, "%s\t%.1f\t%d\t%s\t%d\t%s\n", o.Operation, o.Tokens, o.Burst, rates(o), o.Waiting, f.operationClears(o))
		}
	}
	if len(s.Feeds) > 0 {
		fmt.Fprintln(table, "\nFEED\tPHASE\tSTATUS\tMARKETPLACE\tMESSAGES\tAGE")
		for _, feed := range s.Feeds {
			status := or(feed.Status)
			if feed.Stuck {
				status += ", stuck"
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%s\n", or(feed.ID), feed.Phase, status, or(feed.MarketplaceID), feed.Messages, f.ago(feed.Since))
		}
	}
	if n := s.Notifications; n != nil {
		fmt.Fprintln(table, "\nNOTIFICATIONS\tLAST\tSEARCHED UP TO\tFOUND BY SEARCH")
		fmt.Fprintf(table, "of orders\t%s\t%s\t%d\n", f.before(n.Last), f.before(n.Searched), n.Found)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return f.writeSteps(w, s)
}

// writeSteps says what holds the account up, and what to do.
func (f *Fold) writeSteps(w io.Writer, s *Standing) error {
	var err error
	say := func(format string, args ...any) {
		if err == nil {
			_, err = fmt.Fprintf(w, format, args...)
		}
	}
	if len(s.Waits) > 0 || s.Paused != nil || f.writes != nil || !s.Configured {
		say("\n")
	}
	if !s.Configured {
		say("It is not configured: its work waits until it is again, under accounts or in accounts_dir.\n")
	}
	if s.Paused != nil {
		say("Its calls are paused, %s.\n  next: sellerstream resume --config FILE --account %s\n", s.Paused.text(f.settings.Now), s.Account)
	}
	if f.writes != nil {
		say("The writing calls of all accounts are paused, %s.\n  next: sellerstream resume --config FILE --writes\n", f.writes.text(f.settings.Now))
	}
	for _, wait := range s.Waits {
		switch {
		case wait.Parked:
			say("%s is parked since %s: Amazon refuses the account. It is tried again %s, and at once when the account's configuration or secret changes.\n  reason: %s\n  next: sellerstream doctor --config FILE --account %s\n",
				wait.Operation, f.ago(wait.Since), f.in(wait.Until), wait.Reason, s.Account)
		case wait.Until.IsZero():
			say("%s is held up since %s.\n  reason: %s\n", wait.Operation, f.ago(wait.Since), wait.Reason)
		default:
			say("%s is held up since %s; it is tried again %s, by itself.\n  reason: %s\n", wait.Operation, f.ago(wait.Since), f.in(wait.Until), wait.Reason)
		}
	}
	return err
}

func (f *Fold) operationClears(o Operation) string {
	switch {
	case o.Waiting == 0:
		return "-"
	case o.Clears.IsZero():
		return "unknown"
	}
	return f.in(o.Clears)
}

// rates is the rate in force and, if it differs, the planned one.
func rates(o Operation) string {
	text := fmt.Sprintf("%.4g", o.Rate)
	if o.Rate != o.Plan {
		text += fmt.Sprintf(" (plan %.4g)", o.Plan)
	}
	return text
}

func (p *Pause) text(now time.Time) string {
	text := fmt.Sprintf("since %s by %s", span(now.Sub(p.Since)), p.By)
	if p.Reason != "" {
		text += " (" + p.Reason + ")"
	}
	return text
}

func (f *Fold) ago(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return span(f.settings.Now.Sub(t))
}

// before is how long before now a time is.
func (f *Fold) before(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return f.ago(t) + " ago"
}

func (f *Fold) in(t time.Time) string {
	if d := t.Sub(f.settings.Now); d >= time.Second {
		return "in " + span(d)
	}
	return "now"
}

// span is a duration for people: its two largest units.
func span(d time.Duration) string {
	switch d = max(0, d); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%02dh", int(d.Hours())/24, int(d.Hours())%24)
}

// briefly bounds a reason in a table, in bytes.
const briefly = 80

func brief(reason string) string {
	if len(reason) <= briefly {
		return reason
	}
	return strings.ToValidUTF8(reason[:briefly], "") + "…"
}

func or(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
