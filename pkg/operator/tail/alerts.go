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
	// nil where none has. Types that tell of what has happened have no end; see roles.AlertEnd.
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
	ids := make(map[string]bool)
	// By id: how often each alert was raised, and when it was ended. Several processes raise one
	// alert under one id, each ends it for itself, and an end may be read before its alert.
	raised := make(map[string]int)
	ends := make(map[string][]time.Time)
	_, err := t.Since(ctx, "", since, func(r Record) error {
		var said schemas.Alert
		if readable := r.Error == "" && json.Unmarshal(r.Value, &said) == nil; !readable {
			return nil
		}
		if said.Severity == resolved {
			ends[said.Resolves] = append(ends[said.Resolves], said.Time)
			return nil
		}
		if raised[said.EventID]++; account != "" && !r.of(account) {
			return nil
		}
		if ids[said.EventID] {
			return nil
		}
		ids[said.EventID] = true
		at := about{said.EventType, said.Account, said.Subject}
		one := found[at]
		if one == nil {
			one = &Alert{Type: said.EventType, Account: said.Account, Subject: said.Subject}
			found[at] = one
		}
		one.take(&said)
		return nil
	})
	alerts := make([]*Alert, 0, len(found))
	for _, one := range found {
		if ended := ends[one.newest]; len(ended) >= raised[one.newest] {
			last := slices.MaxFunc(ended, time.Time.Compare)
			one.Ended = &last
		}
		alerts = append(alerts, one)
	}
	slices.SortFunc(alerts, func(a, b *Alert) int {
		return cmp.Or(cmp.Compare(b2i(a.Ended != nil), b2i(b.Ended != nil)), b.Last.Compare(a.Last), cmp.Compare(a.Account, b.Account), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Subject, b.Subject))
	})
	return alerts, err
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
