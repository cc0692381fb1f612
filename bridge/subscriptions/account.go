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

// notificationTypes are what every account subscribes to.
func notificationTypes() []string {
	return []string{model.OrderChangeNotification, model.FeedProcessingFinishedNotification}
}

// subscriptionTo is the subscription of a type that lets everything through.
func subscriptionTo(destination, notificationType string) model.CreateSubscriptionRequest {
	req := model.CreateSubscriptionRequest{NotificationType: notificationType, PayloadVersion: payloadVersion, DestinationID: destination}
	if notificationType == model.OrderChangeNotification {
		req.ProcessingDirective = &model.ProcessingDirective{EventFilter: &model.EventFilter{Type: model.OrderChangeNotification}}
	}
	return req
}

// visit is one account's turn in a pass.
type visit struct {
	*Keeper
	target Target
	seller Account
	ours   []string // destinations that lead to our queue; may be empty
	act    action
}

func (k *Keeper) account(ctx context.Context, t Target, a Account, ours []string, act action) []Subscription {
	v := visit{Keeper: k, target: t, seller: a, ours: ours, act: act}
	var rows []Subscription
	for _, kind := range notificationTypes() {
		rows = append(rows, v.subscriptions(ctx, kind)...)
	}
	return rows
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
	if slices.ContainsFunc(rows, func(s Subscription) bool { return s.State == Good || s.State == Narrowed }) {
		return rows
	}
	create := v.act.create || vacated
	if create {
		if held := v.held(v.seller.ID, model.CreateSubscription, kind); held != nil {
			return append(rows, v.row(kind, model.Subscription{}, Held, held))
		}
	}
	if len(v.ours) == 0 || !create {
		return append(rows, v.row(kind, model.Subscription{}, Missing, nil))
	}
	return append(rows, v.create(ctx, kind))
}

func (v *visit) judge(kind string, found []model.Subscription) []Subscription {
	return Judge(v.seller.ID, kind, v.ours, found)
}

// Judge returns what each of an account's subscriptions of one type is. ours are
// the ids of the destinations that lead to our queue. The good one is the first
// subscription that goes there and leaves nothing out.
func Judge(account, kind string, ours []string, found []model.Subscription) []Subscription {
	leadsToUs := func(s model.Subscription) bool {
		return slices.Contains(ours, s.DestinationID) && s.PayloadVersion == payloadVersion
	}
	best := -1
	for i, s := range found {
		if leadsToUs(s) && (best < 0 || narrowed(found[best]) && !narrowed(s)) {
			best = i
		}
	}
	var rows []Subscription
	for i, s := range found {
		state := Foreign
		switch {
		case i == best && narrowed(s):
			state = Narrowed
		case i == best:
			state = Good
		case leadsToUs(s):
			state = Duplicate
		}
		rows = append(rows, Subscription{Account: account, NotificationType: kind, ID: s.ID, DestinationID: s.DestinationID, State: state})
	}
	return rows
}

// narrowed reports whether a subscription leaves notifications out.
func narrowed(s model.Subscription) bool {
	d := s.ProcessingDirective
	return d != nil && (d.FilterExpression != "" ||
		d.EventFilter != nil && len(d.EventFilter.MarketplaceIDs)+len(d.EventFilter.OrderChangeTypes) > 0)
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
		if len(v.ours) == 0 {
			s.Error = "not removed, because there is no destination for our own queue: check the queue's ARN, and run ensure first"
			continue
		}
		_, err := made(ctx, &v.pacer, v.target.owner(), model.DeleteSubscriptionByID, v.target.Caller.DeleteSubscriptionByID,
			model.DeleteSubscriptionByIDRequest{NotificationType: s.NotificationType, SubscriptionID: s.ID})
		if err != nil && !gone(err) {
			s.Error = err.Error()
			continue
		}
		s.State, vacated = Removed, true
	}
	return vacated
}

// gone reports whether something could not be deleted because it was not there.
func gone(err error) bool {
	var refusal *model.Error
	return errors.As(err, &refusal) && refusal.Class == model.NotFound
}

// create makes our subscription, unless it turns out that another has.
func (v *visit) create(ctx context.Context, kind string) Subscription {
	created, err := made(ctx, &v.pacer, v.seller.ID, model.CreateSubscription, v.seller.Caller.CreateSubscription, subscriptionTo(v.ours[0], kind))
	switch {
	case err == nil:
		return v.row(kind, *created, Created, nil)
	case !lookAgain(err):
		return v.row(kind, model.Subscription{}, Failed, err)
	}
	found, again := v.look(ctx, kind)
	if again != nil {
		return v.row(kind, model.Subscription{}, Failed, errors.Join(err, again))
	}
	for _, row := range v.judge(kind, found) {
		if row.State == Good || row.State == Narrowed {
			return row
		}
	}
	if len(found) > 0 { // it stands in the way, and trying again will not change that
		return v.row(kind, model.Subscription{}, Missing, fmt.Errorf("%w; a subscription to another queue stands in the way: `sellerstream subscriptions prune` replaces it", err))
	}
	return v.row(kind, model.Subscription{}, Failed, err)
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
