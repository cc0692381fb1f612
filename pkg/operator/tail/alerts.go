package tail

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/operator/columns"
	"github.com/sellerstream/sellerstream/pkg/roles"
	"github.com/sellerstream/sellerstream/schemas"
)

// Alert is what alerts have said of one thing about an account.
type Alert struct {
	Type     string    `json:"type"`
	Account  string    `json:"account"`
	Subject  string    `json:"subject,omitempty"`
	Severity string    `json:"severity"` // of the newest alert
	Since    time.Time `json:"since"`    // since when it holds, as the newest alert says
	Last     time.Time `json:"last"`     // when the newest alert was raised
	Times    int       `json:"times"`    // how many alerts there were
	Message  string    `json:"message"`  // of the newest
	// Ended is when an alert of severity RESOLVED said that it does not hold any more;
	// nil where none has. Types that report what has happened have no end; see roles.AlertEnd.
	Ended *time.Time `json:"ended"`

	newest string // its eventId
}

// resolved is the severity of an alert that ends another.
const resolved = "RESOLVED"

// Alerts folds the alerts of the topic since a time: open ones first, the newest of each
// first. account "" means all.
func (t Topic) Alerts(ctx context.Context, account string, since time.Time) ([]*Alert, error) {
	type about struct{ kind, account, subject string }
	found := make(map[about]*Alert)
	said := make(map[string]*course) // by id; an end may be read before its alert
	of := func(id string) *course {
		if said[id] == nil {
			said[id] = &course{}
		}
		return said[id]
	}
	_, err := t.Since(ctx, "", since, func(r Record) error {
		var alert schemas.Alert
		if readable := r.Error == "" && json.Unmarshal(r.Value, &alert) == nil; !readable {
			return nil
		}
		if alert.Severity == resolved {
			of(alert.Resolves).end(alert.Time)
			return nil
		}
		again := !of(alert.EventID).raise(alert.Time)
		if again || account != "" && !r.of(account) {
			return nil
		}
		at := about{alert.EventType, alert.Account, alert.Subject}
		one := found[at]
		if one == nil {
			one = &Alert{Type: alert.EventType, Account: alert.Account, Subject: alert.Subject}
			found[at] = one
		}
		one.take(&alert)
		return nil
	})
	alerts := make([]*Alert, 0, len(found))
	for _, one := range found {
		if of := said[one.newest]; of.over(time.Now()) {
			one.Ended = &of.lastEnd
		}
		alerts = append(alerts, one)
	}
	slices.SortFunc(alerts, func(a, b *Alert) int {
		return cmp.Or(cmp.Compare(b2i(a.Ended != nil), b2i(b.Ended != nil)), b.Last.Compare(a.Last), cmp.Compare(a.Account, b.Account), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Subject, b.Subject))
	})
	return alerts, err
}

// course is what was said of one id. Several processes raise one alert under one id, and
// each ends it for itself.
type course struct {
	raised, ended      int
	lastRaise, lastEnd time.Time
}

// raise reports whether it is the first of its id.
func (c *course) raise(at time.Time) bool {
	c.raised++
	if at.After(c.lastRaise) {
		c.lastRaise = at
	}
	return c.raised == 1
}

func (c *course) end(at time.Time) {
	c.ended++
	if at.After(c.lastEnd) {
		c.lastEnd = at
	}
}

// lastsAlone is after what time from an end on the alert is over though not all have
// ended it. Those have nothing left to call, were switched off, or were rolled back. But one of
// them may still fail, and raises nothing more: so the time is long.
const lastsAlone = 24 * time.Hour

func (c *course) over(now time.Time) bool {
	return c.ended >= c.raised || c.ended > 0 && c.lastEnd.After(c.lastRaise) && now.Sub(c.lastEnd) > lastsAlone
}

// take takes an alert; those about one thing come in their order.
func (a *Alert) take(said *schemas.Alert) {
	a.newest = said.EventID
	a.Severity, a.Since, a.Last, a.Message = said.Severity, said.Since, said.Time, said.Message
	a.Times++
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// AlertsText shows alerts to a person.
func AlertsText(w io.Writer, alerts []*Alert) error {
	table := columns.New(w)
	table.Printf("STATE\tSEVERITY\tALERT\tACCOUNT\tSUBJECT\tSINCE\tLAST\tTIMES\tMESSAGE\n")
	for _, a := range alerts {
		state := "open"
		if until, known := roles.AlertEnd(a.Type); known && until == "" {
			state = "happened"
		}
		if a.Ended != nil {
			state = "ended " + a.Ended.UTC().Format(time.RFC3339)
		}
		table.Printf("%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", state, a.Severity, a.Type, a.Account, cmp.Or(a.Subject, "-"),
			a.Since.UTC().Format(time.RFC3339), a.Last.UTC().Format(time.RFC3339), a.Times, schemas.Shorten(a.Message, maxMessage))
	}
	return table.Flush()
}

// maxMessage bounds, in bytes, what a row shows of a message.
const maxMessage = 160
