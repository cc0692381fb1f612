package subscriptions

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sellerstream/sellerstream/pkg/spapi"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// maxPages bounds how many pages of 30 subscriptions of one type are read.
const maxPages = 10

// visit is one account's turn in a pass.
type visit struct {
	*Keeper
	target Target
	seller Account
	leads  leads // destinations that lead to our queue
	act    action
	kinds  []string // types of subscriptions to look at
}

// subscriptions looks at those of one type and does what the pass may.
func (v *visit) subscriptions(ctx context.Context, kind string) []Subscription {
	if held := v.held(v.seller.ID, model.GetSubscriptions, kind); held != nil {
		return []Subscription{v.row(kind, model.Subscription{}, Held, held)}
	}
	found, err := v.look(ctx, kind)
	if err != nil {
		return []Subscription{v.row(kind, model.Subscription{}, Failed, err)}
	}
	rows := v.judge(kind, found)
	vacated := v.remove(ctx, rows)
	if slices.ContainsFunc(rows, func(s Subscription) bool { return s.State.ours() }) {
		if v.act.create {
			rows = v.refilter(ctx, kind, rows)
		}
		return rows
	}
	create := v.act.create || vacated
	if create {
		if held := v.held(v.seller.ID, model.CreateSubscription, kind); held != nil {
			return append(rows, v.row(kind, model.Subscription{}, Held, held))
		}
	}
	if len(v.leads.of(kind)) == 0 || !create {
		return append(rows, v.row(kind, model.Subscription{}, Missing, nil))
	}
	return append(rows, v.create(ctx, kind))
}

func (v *visit) judge(kind string, found []model.Subscription) []Subscription {
	want := v.filter(kind).directives(kind)[0]
	for i := range found {
		if s := &found[i]; v.filters.with(s.ID, rulesOf(want)) {
			s.ProcessingDirective = want
		}
	}
	return Judge(v.seller.ID, kind, v.leads.of(kind), v.filter(kind), found)
}

// filter is what of a type's notifications is wanted.
func (v *visit) filter(kind string) Filter {
	if kind != model.OrderChangeNotification {
		return Filter{}
	}
	return v.seller.Filter
}

// Judge returns what each of an account's subscriptions of one type is. ours are
// the ids of the destinations that lead to our queue. The good subscription is the first
// that leads there with the wanted filter. Without one, the first that leaves out nothing
// wanted is wider.
func Judge(account, kind string, ours []string, wanted Filter, found []model.Subscription) []Subscription {
	want := rulesOf(wanted.directives(kind)[0])
	best, state := -1, Narrowed
	for i, s := range found {
		if !slices.Contains(ours, s.DestinationID) || s.PayloadVersion != payloadVersion(kind) {
			continue
		}
		is := Narrowed
		switch {
		case rulesOf(s.ProcessingDirective) == want:
			is = Good
		case wanted.covers(s.ProcessingDirective):
			is = Wider
		}
		if best < 0 || is == Good && state != Good || is == Wider && state == Narrowed {
			best, state = i, is
		}
	}
	var rows []Subscription
	for i, s := range found {
		row := Subscription{
			Account: account, NotificationType: kind, ID: s.ID, DestinationID: s.DestinationID, State: Foreign,
			Filter: rulesOf(s.ProcessingDirective).String(),
		}
		switch {
		case i == best:
			row.State = state
		case slices.Contains(ours, s.DestinationID) && s.PayloadVersion == payloadVersion(kind):
			row.State = Duplicate
		}
		if row.State != Foreign {
			row.Wanted = want.String()
		}
		rows = append(rows, row)
	}
	return rows
}

// remove deletes what is duplicate or foreign, if the pass may. It reports whether
// a place has become free. Where our own destination is missing nothing is
// removed: that is what a wrong ARN in the configuration looks like.
func (v *visit) remove(ctx context.Context, rows []Subscription) (vacated bool) {
	for i := range rows {
		s := &rows[i]
		if !v.act.remove || s.State != Duplicate && s.State != Foreign {
			continue
		}
		if len(v.leads.of(s.NotificationType)) == 0 {
			s.Error = "not removed, because there is no destination for our own queue: check the queue's ARN, and run ensure first"
			continue
		}
		vacated = v.delete(ctx, s) || vacated
	}
	return vacated
}

// delete removes a subscription and reports whether it is gone.
func (v *visit) delete(ctx context.Context, s *Subscription) bool {
	_, err := made(ctx, &v.pacer, v.target.owner(), model.DeleteSubscriptionByID, v.target.Caller.DeleteSubscriptionByID,
		model.DeleteSubscriptionByIDRequest{NotificationType: s.NotificationType, SubscriptionID: s.ID})
	if err != nil && !gone(err) {
		s.Error = err.Error()
		return false
	}
	s.State = Removed
	return true
}

// gone reports whether something could not be deleted because it was not there.
func gone(err error) bool { return isOf(err, model.NotFound) }

func isOf(err error, class model.Class) bool {
	var refusal *model.Error
	return errors.As(err, &refusal) && refusal.Class == class
}

// create makes our subscription, unless it turns out that another has.
func (v *visit) create(ctx context.Context, kind string) Subscription {
	row, err := v.make(ctx, kind, v.filter(kind).directives(kind))
	switch {
	case err == nil:
		return row
	case !lookAgain(err):
		return v.row(kind, model.Subscription{}, Failed, err)
	}
	found, again := v.look(ctx, kind)
	if again != nil {
		return v.row(kind, model.Subscription{}, Failed, errors.Join(err, again))
	}
	for _, row := range v.judge(kind, found) {
		if row.State.ours() {
			return row
		}
	}
	if len(found) > 0 { // it stands in the way, and trying again will not change that
		return v.row(kind, model.Subscription{}, Missing, fmt.Errorf("%w; a subscription to another queue stands in the way: `sellerstream subscriptions prune` replaces it", err))
	}
	return v.row(kind, model.Subscription{}, Failed, err)
}

// make creates our subscription with the first of the directives that Amazon takes: it
// refuses an expression with a field that it does not filter by.
func (v *visit) make(ctx context.Context, kind string, directives []*model.ProcessingDirective) (Subscription, error) {
	var refused error
	for i, directive := range directives {
		created, err := made(ctx, &v.pacer, v.seller.ID, model.CreateSubscription, v.seller.Caller.CreateSubscription, model.CreateSubscriptionRequest{
			NotificationType: kind, PayloadVersion: payloadVersion(kind), DestinationID: v.leads.of(kind)[0], ProcessingDirective: directive,
		})
		if err != nil && i < len(directives)-1 && isOf(err, model.Invalid) {
			refused = err
			continue
		}
		if err != nil {
			return Subscription{}, err
		}
		row := v.row(kind, *created, Created, refused)
		row.Filter, row.Wanted = rulesOf(directive).String(), rulesOf(v.filter(kind).directives(kind)[0]).String()
		v.filters.note(row.ID, rulesOf(directive))
		return row, nil
	}
	return Subscription{}, refused
}

func (v *visit) look(ctx context.Context, kind string) ([]model.Subscription, error) {
	paced := func(ctx context.Context, req model.GetSubscriptionsRequest) (*model.SubscriptionPage, spapi.Meta, error) {
		page, err := made(ctx, &v.pacer, v.seller.ID, model.GetSubscriptions, v.seller.Caller.GetSubscriptions, req)
		return page, spapi.Meta{}, err
	}
	var all []model.Subscription
	for page, err := range spapi.Pages(ctx, maxPages, paced, model.GetSubscriptionsRequest{NotificationType: kind}) {
		switch {
		case gone(err):
			return all, nil // Amazon's way of saying none, in the operation for a single one
		case err != nil:
			return nil, fmt.Errorf("the subscriptions of account %s to %s: %w", v.seller.ID, kind, err)
		}
		all = append(all, page.Subscriptions...)
	}
	return all, nil
}

func (v *visit) row(kind string, s model.Subscription, state State, err error) Subscription {
	r := Subscription{Account: v.seller.ID, NotificationType: kind, ID: s.ID, DestinationID: s.DestinationID, State: state}
	if err != nil {
		r.Error = err.Error()
	}
	return r
}
