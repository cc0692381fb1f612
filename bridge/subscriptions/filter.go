package subscriptions

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Filter is which ORDER_CHANGE notifications of an account are wanted.
type Filter struct {
	// FulfilledBy is who ships the orders that are wanted: model.FulfilledByMerchant,
	// model.FulfilledByAmazon; empty for both.
	FulfilledBy []string
	// ChangeTypes are the types of order changes that are wanted; empty for all.
	ChangeTypes []string
	// FilterExpression has Amazon filter by FulfilledBy, with an expression. Amazon does not
	// document which fields of an order change one may name, so it is off by default.
	FilterExpression bool
}

// directives are what a subscription of a type is made with: the first that Amazon takes.
// The last one has no expression.
func (f Filter) directives(notificationType string) []*model.ProcessingDirective {
	if notificationType != model.OrderChangeNotification {
		return []*model.ProcessingDirective{nil}
	}
	plain := &model.ProcessingDirective{EventFilter: &model.EventFilter{Type: notificationType, OrderChangeTypes: f.ChangeTypes}}
	if f.FilterExpression && len(f.FulfilledBy) == 1 {
		return []*model.ProcessingDirective{{FilterExpression: f.expression()}, plain}
	}
	return []*model.ProcessingDirective{plain}
}

// expression lets the wanted notifications through. It names the unwanted values, so that
// one that is missing or unknown to us comes through.
func (f Filter) expression() string {
	const kind, change = "OrderChangeNotification.Summary.FulfillmentType", "OrderChangeNotification.OrderChangeType"
	unwanted := "MFN"
	if f.FulfilledBy[0] == model.FulfilledByMerchant {
		unwanted = "AFN"
	}
	terms := []string{"(!has(" + kind + ") || " + kind + " != '" + unwanted + "')"}
	for _, other := range model.OrderChangeTypes() {
		if len(f.ChangeTypes) > 0 && !slices.Contains(f.ChangeTypes, other) {
			terms = append(terms, change+" != '"+other+"'")
		}
	}
	return strings.Join(terms, " && ")
}

// rules is what of a directive leaves notifications out, in a form that can be compared.
type rules struct{ expression, marketplaces, changes string }

func rulesOf(d *model.ProcessingDirective) rules {
	if d == nil {
		return rules{}
	}
	r := rules{expression: strings.Join(strings.Fields(d.FilterExpression), " ")}
	if e := d.EventFilter; e != nil {
		set := func(list []string) string {
			return strings.Join(slices.Compact(slices.Sorted(slices.Values(list))), ", ")
		}
		r.marketplaces, r.changes = set(e.MarketplaceIDs), set(e.OrderChangeTypes)
	}
	return r
}

// String returns the notifications that a directive lets through, in words.
func (r rules) String() string {
	switch {
	case r == rules{}:
		return "everything"
	case r.expression != "":
		return r.expression
	case r.changes == "":
		return "marketplaces " + r.marketplaces
	case r.marketplaces == "":
		return r.changes
	}
	return r.changes + " of marketplaces " + r.marketplaces
}

// covers reports whether a directive is known to let everything through that is wanted.
func (f Filter) covers(d *model.ProcessingDirective) bool {
	if d == nil {
		return true
	}
	if d.FilterExpression != "" {
		// Of expressions only our own are understood.
		return f.FilterExpression && len(f.FulfilledBy) == 1 && rulesOf(d).expression == f.expression()
	}
	e := d.EventFilter
	if e == nil || len(e.OrderChangeTypes) == 0 {
		return e == nil || len(e.MarketplaceIDs) == 0
	}
	missing := func(kind string) bool { return !slices.Contains(e.OrderChangeTypes, kind) }
	return len(e.MarketplaceIDs) == 0 && len(f.ChangeTypes) > 0 && !slices.ContainsFunc(f.ChangeTypes, missing)
}

// filters are the filters with which this keeper has made subscriptions, by id. One that
// Amazon shows in other words than it was given must not be replaced at every look.
type filters struct {
	mu   sync.Mutex
	made map[string]rules
}

func (f *filters) note(id string, filter rules) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.made == nil {
		f.made = map[string]rules{}
	}
	f.made[id] = filter
}

func (f *filters) with(id string, filter rules) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	made, ok := f.made[id]
	return ok && made == filter
}

// refilter puts a subscription with the wanted filter in the place of ours with another,
// and removes those that a broken-off change has left beside it.
//
// The new one is made first and read back, so that every change is notified, some twice,
// where Amazon lets both stand. Where it does not (409), the old one goes first: what
// changes in the second between is found by the searches of orders.
func (v *visit) refilter(ctx context.Context, kind string, rows []Subscription) []Subscription {
	at := slices.IndexFunc(rows, func(s Subscription) bool { return s.State.ours() })
	stale := func(s Subscription) bool { return s.State == Duplicate && s.Filter != s.Wanted }
	if rows[at].State == Good && !slices.ContainsFunc(rows, stale) {
		return rows
	}
	if held := errors.Join(v.held(v.seller.ID, model.CreateSubscription, kind), v.held(v.target.owner(), model.DeleteSubscriptionByID, kind)); held != nil {
		if rows[at].Error = "its filter is not changed: " + held.Error(); rows[at].State == Narrowed {
			rows[at].State = Held
		}
		return rows
	}
	if rows[at].State != Good {
		var done bool
		if rows, done = v.replace(ctx, kind, rows, at); done {
			return rows
		}
	}
	for i := range rows {
		if s := &rows[i]; stale(*s) {
			s.again = !v.delete(ctx, s)
		}
	}
	return rows
}

// replace makes the subscription that is to come in the place of rows[at]. It is done
// unless others of the rows that it returns may be removed now.
func (v *visit) replace(ctx context.Context, kind string, rows []Subscription, at int) (_ []Subscription, done bool) {
	old := &rows[at]
	directives := v.filter(kind).directives(kind)
	// What comes behind the filter that old has is no better.
	if i := slices.IndexFunc(directives, func(d *model.ProcessingDirective) bool { return rulesOf(d).String() == old.Filter }); i > 0 {
		directives = directives[:i]
	}
	created, err := v.make(ctx, kind, directives)
	if err != nil && !lookAgain(err) {
		// That Amazon refuses the filter will not change in minutes.
		old.Error, old.again = "its filter could not be changed: "+err.Error(), !isOf(err, model.Invalid)
		return rows, true
	}
	found, again := v.look(ctx, kind)
	if again != nil {
		old.Error, old.again = "whether its filter was changed is not known: "+errors.Join(err, again).Error(), true
		return rows, true
	}
	now := v.judge(kind, found)
	best := slices.IndexFunc(now, func(s Subscription) bool { return s.State == Good || s.State.ours() && s.ID == created.ID })
	switch {
	case best >= 0:
		if now[best].ID == created.ID {
			now[best] = created
		}
		return now, false
	case err == nil: // Amazon does not show the new one yet: the next look removes the old one
		return append(rows, created), true
	case isOf(err, model.Conflict) && v.delete(ctx, old):
		return append(rows, v.create(ctx, kind)), true
	}
	old.Error, old.again = cmp.Or(old.Error, "its filter could not be changed: "+err.Error()), true
	return rows, true
}
