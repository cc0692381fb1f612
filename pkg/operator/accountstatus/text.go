package accountstatus

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/operator/columns"
	"github.com/sellerstream/sellerstream/pkg/roles"
	"github.com/sellerstream/sellerstream/schemas"
)

// WriteTable prints a line for each account that has something to tell, or for
// all, under a line that counts them.
func (f *Fold) WriteTable(w io.Writer, standings []*Standing, all bool) error {
	counts := make([]int, highest+1)
	paused, unknown := 0, "" // whatever else is the matter with them
	for _, s := range standings {
		counts[s.severity()]++
		if s.Paused != nil {
			paused++
		}
	}
	if n := len(slices.DeleteFunc(slices.Clone(standings), func(s *Standing) bool { return s.Configured })); n > 0 {
		unknown = fmt.Sprintf("%d not configured, ", n)
	}
	worst := ""
	if counts[highest] > 0 {
		worst = fmt.Sprintf("%d stopped, ", counts[highest])
	}
	worst += fmt.Sprintf("%d parked, ", counts[5])
	if counts[4] > 0 {
		worst += fmt.Sprintf("%d with work that FAILED, ", counts[4])
	}
	fmt.Fprint(w, columns.ScreenOf(w).Paint(fmt.Sprintf("%s: %s%d held up, %d paused, %s%d working, %d idle\n",
		columns.Counted(len(standings), "account"), worst, counts[3], paused, unknown, counts[1], counts[0])))
	if f.writes != nil {
		fmt.Fprintf(w, "the writing calls of all accounts are paused, %s\n", f.writes.text(f.settings.Now))
	}
	for _, line := range f.Unreadable() {
		fmt.Fprintln(w, schemas.Printable(line))
	}
	told := f.writeCauses(w, standings)
	if !all {
		standings = standings[:len(standings)-counts[0]] // they stand last
	}
	if !all && len(told) > 0 {
		fmt.Fprintln(w, "accounts that wait for this alone are not listed: --all lists them")
		standings = slices.DeleteFunc(slices.Clone(standings), func(s *Standing) bool { return told[s.Account] })
	}
	if len(standings) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	table := columns.New(w)
	table.Printf("ACCOUNT")
	for _, r := range roles.Processors() {
		table.Printf("\t%s", r.Heading)
	}
	table.Printf("\tOLDEST\tCLEARS\tSTATE\n")
	for _, s := range standings {
		table.Printf("%s", s.Account)
		for _, role := range Roles() {
			table.Printf("\t%d", s.Of(role).Pending)
		}
		table.Printf("\t%s\t%s\t%s\n", f.ago(s.Oldest()), f.clears(s), f.state(s))
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
	for _, unit := range s.Stopped {
		words = append(words, fmt.Sprintf("STOPPED: %s, partition %d: %s", unit.Role, unit.Partition, brief(unit.Cause)))
	}
	if len(s.Failed) > 0 {
		words = append(words, "FAILED: "+inWords(s.Failed))
	}
	for _, wait := range s.Waits {
		kind := "held up"
		if wait.Parked {
			kind = "PARKED"
		}
		words = append(words, fmt.Sprintf("%s: %s for %s: %s", kind, wait.Operation, f.ago(wait.Since), brief(core(wait.Reason))))
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
	if words = append(words, slowness(s)...); len(words) == 0 {
		return "working"
	}
	return strings.Join(words, "; ")
}

// slowness is why pending work may take longer than it should, though nothing holds it up.
func slowness(s *Standing) (words []string) {
	for _, o := range s.Operations {
		if o.Waiting > 0 && o.Rate < slow*o.Plan {
			words = append(words, fmt.Sprintf("slowed down by Amazon: %s at %.3g/s, not %.3g", o.Operation, o.Rate, o.Plan))
		}
	}
	for _, w := range s.Work {
		if w.Failing > 0 && len(s.Waits) == 0 {
			words = append(words, fmt.Sprintf("%d of %s tried up to %s in vain", w.Failing, w.Role, columns.Counted(w.MostTries, "time")))
		}
	}
	return words
}

// slow is the part of an operation's planned rate below which an account is said to be
// slowed down: a 429 halves the rate.
const slow = 0.75

// causesShown is how many causes of what FAILED a line names.
const causesShown = 3

func inWords(failed []Failed) string {
	var words []string
	for _, f := range failed[:min(len(failed), causesShown)] {
		words = append(words, schemas.Printable(f.Words()))
	}
	if more := len(failed) - causesShown; more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(words, ", ")
}

// Write prints all that is known of one account, and what to do about it.
func (f *Fold) Write(w io.Writer, s *Standing) error {
	fmt.Fprint(w, columns.ScreenOf(w).Paint(fmt.Sprintf("%s: %s\n", s.Account, f.state(s))))
	table := columns.New(w)
	if len(s.Work) > 0 {
		table.Printf("\nWORK\tPENDING\tAT AMAZON\tOLDEST\t\n")
		for _, work := range s.Work {
			table.Printf("%s\t%d\t%d\t%s\t%s\n", work.Role, work.Pending, work.UnderWay, f.ago(work.Oldest), work.OldestKey)
		}
	}
	if len(s.Operations) > 0 {
		table.Printf("\nQUOTA\tTOKENS\tBURST\tRATE/S\tWAITING\tCLEARS\n")
		for _, o := range s.Operations {
			table.Printf("%s\t%.1f\t%d\t%s\t%d\t%s\n", o.Operation, o.Tokens, o.Burst, rates(o), o.Waiting, f.operationClears(o))
		}
	}
	if len(s.Feeds) > 0 {
		table.Printf("\nFEED\tPHASE\tSTATUS\tMARKETPLACE\tMESSAGES\tAGE\n")
		for _, feed := range s.Feeds {
			status := cmp.Or(feed.Status, "-")
			if feed.Stuck {
				status += ", stuck"
			}
			table.Printf("%s\t%s\t%s\t%s\t%d\t%s\n", cmp.Or(feed.ID, "-"), feed.Phase, status, cmp.Or(feed.MarketplaceID, "-"), feed.Messages, f.ago(feed.Since))
		}
	}
	if len(s.Doubts) > 0 {
		table.Printf("\nIN DOUBT\tMARKETPLACE\tSKUS\tSINCE\tOVER\n")
		for _, d := range s.Doubts {
			table.Printf("%s\t%s\t%d\t%s\t%s\n", d.Operation, cmp.Or(d.MarketplaceID, "-"), d.SKUs, f.ago(d.Since), f.in(d.Until))
		}
	}
	if len(s.Failed) > 0 {
		table.Printf("\nFAILED\tCOUNT\tCAUSE\tFIRST\tLAST\n")
		for _, failed := range s.Failed {
			table.Printf("%s\t%d\t%s\t%s\t%s\n", failed.Role, failed.Count, schemas.Printable(failed.Code), f.before(failed.Oldest), f.before(failed.Newest))
		}
	}
	if n := s.Notifications; n != nil {
		table.Printf("\nNOTIFICATIONS\tLAST\tSEARCHED UP TO\tFOUND BY SEARCH\n")
		table.Printf("of orders\t%s\t%s\t%d\n", f.before(n.Last), f.before(n.Searched), n.Found)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	f.writeNotes(w, s)
	return f.writeSteps(w, s)
}

// writeNotes writes what there is to know about the account's orders.
func (f *Fold) writeNotes(w io.Writer, s *Standing) {
	for _, work := range s.Work {
		if work.Urgent > 0 {
			fmt.Fprintf(w, "\nUrgent %s, which a merchant ships or may have to: %d of %d; they go first, and the oldest has waited for %s\n", work.Role, work.Urgent, work.Pending, f.ago(work.OldestUrgent))
		}
	}
	if s.Backfill != nil {
		fmt.Fprintf(w, "\n%s\n", s.Backfill.Text(f.settings.Now))
	}
	for _, a := range s.Absent {
		fmt.Fprintf(w, "\n%s is asked for, and Amazon leaves it out: %s.\n  next: sellerstream doctor --account %s\n", a.Part, a.Words(), s.Account)
	}
}

// writeSteps writes what holds the account up, and what to do.
func (f *Fold) writeSteps(w io.Writer, s *Standing) error {
	var err error
	say := func(format string, args ...any) {
		if err == nil {
			_, err = fmt.Fprintf(w, format, args...)
		}
	}
	if len(s.Stopped) > 0 || len(s.Waits) > 0 || len(s.Failed) > 0 || s.Paused != nil || f.writes != nil || !s.Configured {
		say("\n")
	}
	for _, unit := range s.Stopped {
		say("The unit of role %s, partition %d, stands still since %s, with all work of this account for it. It tries again by itself.\n  reason: %s\n  next: %s\n",
			unit.Role, unit.Partition, f.ago(unit.Since), schemas.Printable(unit.Cause), schemas.Printable(unit.Remedy))
	}
	if !s.Configured {
		say("It is not configured: its work waits until it is again, under accounts or in accounts_dir.\n")
	}
	if s.Paused != nil {
		say("Its calls are paused, %s.\n  next: sellerstream resume --account %s\n", s.Paused.text(f.settings.Now), s.Account)
	}
	if f.writes != nil {
		say("The writing calls of all accounts are paused, %s.\n  next: sellerstream resume --writes\n", f.writes.text(f.settings.Now))
	}
	for _, wait := range s.Waits {
		reason := schemas.Printable(wait.Reason)
		switch {
		case wait.Parked:
			say("%s has been parked for %s: Amazon refuses the account. It is tried again %s, and at once when the account's configuration or secret changes.\n  reason: %s\n%s  next: sellerstream doctor --account %s, mend what it says, then: sellerstream accounts retry %s\n",
				wait.Operation, f.ago(wait.Since), f.in(wait.Until), reason, told(&wait), s.Account, s.Account)
		case wait.Until.IsZero():
			say("%s has been held up for %s.\n  reason: %s\n%s", wait.Operation, f.ago(wait.Since), reason, told(&wait))
		default:
			say("%s has been held up for %s; it is tried again %s, by itself.\n  reason: %s\n%s", wait.Operation, f.ago(wait.Since), f.in(wait.Until), reason, told(&wait))
		}
	}
	for _, failed := range s.Failed {
		say("%s of role %s FAILED, and nothing is sent for them until somebody does.\n  last reason: %s\n  next: mend the cause, then: %s\n",
			schemas.Printable(failed.Words()), failed.Role, schemas.Printable(failed.Message), schemas.Printable(failed.Again))
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

func brief(reason string) string { return schemas.Shorten(schemas.Printable(reason), briefly) }

// JSON shows standings to a program, with what holds for all accounts.
func (f *Fold) JSON(w io.Writer, standings []*Standing) error {
	return columns.JSON(w, struct {
		WritesPaused *Pause      `json:"writesPaused,omitzero"`
		Unreadable   []string    `json:"unreadable,omitempty"` // entries of the state
		Accounts     []*Standing `json:"accounts"`
	}{f.WritesPaused(), f.Unreadable(), standings})
}
