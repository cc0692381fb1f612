package subscriptions

import (
	"context"
	"log/slog"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// State is what was found or done.
type State string

// The states.
const (
	Good      State = "good"      // as it must be
	Created   State = "created"   // was missing, and is there now
	Missing   State = "missing"   // is not there
	Wider     State = "wider"     // goes to our queue, and its filter lets through more than is wanted
	Narrowed  State = "narrowed"  // goes to our queue, but its filter may leave out wanted notifications
	Duplicate State = "duplicate" // one more than is needed
	Foreign   State = "foreign"   // has to do with another queue than ours
	Removed   State = "removed"   // was a duplicate, foreign or filtered otherwise, and is gone
	Failed    State = "failed"    // see Error
	Held      State = "held"      // not looked at, or missing and not created, because calls are held: see Error
)

// ours reports whether it is of the subscription that brings our notifications.
func (s State) ours() bool { return s == Good || s == Wider || s == Narrowed }

// Report is everything that was looked at.
type Report struct {
	Destinations  []Destination  `json:"destinations"`
	Subscriptions []Subscription `json:"subscriptions"`
}

// Destination is one of an application's destinations, or the lack of one.
type Destination struct {
	Application string       `json:"application"`
	Region      model.Region `json:"region"`
	Resource    string       `json:"resource"` // the queue's ARN, or the name of an EventBridge source
	ID          string       `json:"id,omitempty"`
	State       State        `json:"state"`
	Error       string       `json:"error,omitempty"`
}

// Subscription is one of an account's subscriptions, or the lack of one.
type Subscription struct {
	Account          string `json:"account"`
	NotificationType string `json:"notificationType"`
	ID               string `json:"id,omitempty"`
	DestinationID    string `json:"destinationId,omitempty"`
	// What it lets through, and what the configuration wants let through; Wanted is
	// empty for one that goes to another queue.
	Filter string `json:"filter,omitempty"`
	Wanted string `json:"wanted,omitempty"`
	State  State  `json:"state"`
	Error  string `json:"error,omitempty"`

	again bool // whether it is to be looked at before the next look at everything
}

// Explain returns how its filter differs from the wanted one, and the remedy; "" where it does not.
func (s Subscription) Explain() string {
	const mend = "`sellerstream subscriptions ensure` and the role subscriptions change it"
	switch s.State {
	case Narrowed:
		return "its filter is " + s.Filter + ", and may leave out wanted notifications; configured is " + s.Wanted + "; " + mend
	case Wider:
		return "its filter is " + s.Filter + ", and lets more through than is configured, which is " + s.Wanted + "; nothing is lost by that, and " + mend + " if Amazon takes the other filter"
	}
	return ""
}

// Complete reports whether every account that was looked at gets all its notifications.
func (r Report) Complete() bool {
	for _, d := range r.Destinations {
		if d.State == Failed || d.State == Missing {
			return false
		}
	}
	for _, s := range r.Subscriptions {
		if s.State == Failed || s.State == Missing || s.State == Narrowed || s.State == Held {
			return false
		}
	}
	return true
}

// Removable is how many subscriptions are duplicate or foreign, and destinations with
// them, if those are meant too.
func (r Report) Removable(destinations bool) (n int) {
	for _, s := range r.Subscriptions {
		if s.State == Duplicate || s.State == Foreign {
			n++
		}
	}
	for _, d := range r.Destinations {
		if destinations && (d.State == Duplicate || d.State == Foreign) {
			n++
		}
	}
	return n
}

// log logs what a person should know of.
func (r Report) log(ctx context.Context, log *slog.Logger) {
	for _, d := range r.Destinations {
		d.State.log(ctx, log.With("destination", d.ID, "resource", d.Resource, "application", d.Application, "region", d.Region), d.Error)
	}
	for _, s := range r.Subscriptions {
		d := log.With("account", s.Account, "notification_type", s.NotificationType, "subscription", s.ID, "destination", s.DestinationID, "filter", s.Filter)
		s.State.log(ctx, d, s.Error)
	}
}

func (s State) log(ctx context.Context, log *slog.Logger, fault string) {
	const prune = "`sellerstream subscriptions prune` removes it"
	switch s {
	case Created:
		log.InfoContext(ctx, "created what was missing at Amazon, or filtered otherwise")
	case Missing, Failed:
		log.ErrorContext(ctx, "cannot be sure of notifications", "error", fault)
	case Held:
		log.WarnContext(ctx, "not looked after while calls are held", "reason", fault)
	case Narrowed:
		log.WarnContext(ctx, "a filter may leave out notifications that are wanted", "error", fault, "remedy", "it is replaced at the next look; `sellerstream subscriptions ensure` does so now")
	case Wider:
		log.InfoContext(ctx, "Amazon sends more notifications than are wanted; nothing is lost by that", "error", fault)
	case Duplicate:
		log.WarnContext(ctx, "there is one more than is needed", "remedy", prune)
	case Foreign:
		log.WarnContext(ctx, "does not go to the configured queue", "remedy", prune+", if nobody else needs it")
	case Removed:
		log.InfoContext(ctx, "ended a subscription with another filter than the configured one")
	case Good:
	}
}

// failed is what of the targets must be tried again.
func failed(targets []Target, r Report) []Target {
	type pair struct {
		application string
		region      model.Region
	}
	whole := map[pair]bool{}
	for _, d := range r.Destinations {
		if d.State == Failed {
			whole[pair{d.Application, d.Region}] = true
		}
	}
	single := map[string]bool{}
	for _, s := range r.Subscriptions {
		if s.State == Failed || s.again {
			single[s.Account] = true
		}
	}
	var again []Target
	for _, t := range targets {
		if !whole[pair{t.Application, t.Region}] {
			all := t.Accounts
			t.Accounts = nil
			for _, a := range all {
				if single[a.ID] {
					t.Accounts = append(t.Accounts, a)
				}
			}
			if len(t.Accounts) == 0 {
				continue
			}
		}
		again = append(again, t)
	}
	return again
}
