package doctor

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/sellerstream/sellerstream/bridge/subscriptions"
	"github.com/sellerstream/sellerstream/pkg/spapi"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

const (
	checkToken  = "refresh token"
	checkSeller = "seller call"
)

// seller is the examination of one account.
type seller struct {
	*exam
	account account
	app     *application
	caller  *spapi.Seller
	served  bool         // Amazon answered a call
	refused *model.Error // the 403 that it answered
	home    model.Region // where else it was served; "" when nowhere
}

// sellers examines the accounts.
func (d *doctor) sellers(ctx context.Context) []*exam {
	all := make([]*seller, len(d.accounts))
	var group errgroup.Group
	group.SetLimit(d.Parallel)
	for i, a := range d.accounts {
		group.Go(func() error {
			all[i] = d.seller(ctx, a)
			d.gaveUp(all[i].exam)
			d.absent(all[i].exam, a)
			return nil
		})
	}
	_ = group.Wait() // what fails is in the results
	explain(all)
	whole := &exam{part: "accounts", name: strconv.Itoa(len(all))}
	exams := make([]*exam, len(all))
	for i, s := range all {
		exams[i] = s.exam
		whole.results = append(whole.results, s.results...)
	}
	d.tell(whole)
	return exams
}

// seller asks for a token, makes a call, and looks at the subscriptions that it
// and a second call show. The two calls are different operations, so each costs
// one token of its own bucket.
func (d *doctor) seller(ctx context.Context, a account) *seller {
	s := &seller{exam: &exam{part: partAccount, name: a.ID}, account: a, app: d.apps[a.Application]}
	if s.app == nil || !s.app.usable {
		s.add(checkToken, skip("needs application %s, whose client secret did not pass", a.Application))
		return s
	}
	s.check(ctx, checkToken, nil, func(ctx context.Context) Finding { return d.token(ctx, s).at("%s", a.key("refresh_token")) })
	if _, assumed := d.roles[roleOf(a)]; a.Role != "" && !assumed {
		s.add(checkSeller, skip("needs the role %s, which did not pass", a.Role))
		return s
	}
	var orders, feeds []model.Subscription
	s.check(ctx, checkSeller, []string{checkToken}, func(ctx context.Context) (found Finding) {
		orders, found = d.call(ctx, s)
		return found
	})
	s.check(ctx, model.OrderChangeNotification, []string{checkSeller}, func(context.Context) Finding {
		return d.subscribed(s, model.OrderChangeNotification, orders)
	})
	s.check(ctx, model.FeedProcessingFinishedNotification, []string{checkSeller}, func(ctx context.Context) Finding {
		got, _, err := s.caller.GetSubscription(ctx, model.GetSubscriptionRequest{NotificationType: model.FeedProcessingFinishedNotification})
		switch {
		case err == nil:
			feeds = append(feeds, *got)
		case classOf(err) != model.NotFound:
			return d.callFault(err, a.Application, a.Region)
		}
		return d.subscribed(s, model.FeedProcessingFinishedNotification, feeds)
	})
	return s
}

func (s *seller) config(region model.Region, d *doctor) spapi.SellerConfig {
	return spapi.SellerConfig{
		Account: s.account.ID, Region: region, Application: s.app.Application,
		RefreshToken: s.account.RefreshToken.Source(d.Secrets), Credentials: d.roles[roleOf(s.account)],
	}
}

func (d *doctor) token(ctx context.Context, s *seller) Finding {
	if _, err := d.amazon.LWA().SellerToken(ctx, s.config(s.account.Region, d)); err != nil {
		return d.tokenFault(err, s.account.Application)
	}
	return good("Login with Amazon gives a token for it")
}

// call makes the seller's first call.
func (d *doctor) call(ctx context.Context, s *seller) ([]model.Subscription, Finding) {
	var err error
	if s.caller, err = d.amazon.Seller(s.config(s.account.Region, d)); err != nil {
		return nil, fail("", err.Error(), "correct the account")
	}
	page, _, err := s.caller.GetSubscriptions(ctx, model.GetSubscriptionsRequest{NotificationType: model.OrderChangeNotification})
	var refusal *model.Error
	switch {
	case err == nil || classOf(err) == model.NotFound:
		s.served = true
		if page == nil {
			page = &model.SubscriptionPage{}
		}
		return page.Subscriptions, good("getSubscriptions is answered in region %s", s.account.Region)
	case errors.As(err, &refusal) && refusal.Class == model.Forbidden:
		s.refused = refusal
		d.tryElsewhere(ctx, s)
		return nil, Finding{Status: Failed} // explain finds why, when all accounts are known
	}
	return nil, d.callFault(err, s.account.Application, s.account.Region)
}

// tryElsewhere asks the likeliest other region, by the operation whose token a
// refused seller has left.
func (d *doctor) tryElsewhere(ctx context.Context, s *seller) {
	other := model.NorthAmerica
	if s.account.Region == other {
		other = model.Europe
	}
	caller, err := d.amazon.Seller(s.config(other, d))
	if err != nil {
		return
	}
	if _, _, err = caller.GetSubscription(ctx, model.GetSubscriptionRequest{NotificationType: model.FeedProcessingFinishedNotification}); err == nil || classOf(err) == model.NotFound {
		s.home = other
	}
}

// explain finds why accounts got a 403, as far as the other accounts' answers show it.
func explain(all []*seller) {
	type place struct {
		application string
		region      model.Region
	}
	served := map[place]int{}
	for _, s := range all {
		if s.served {
			served[place{s.account.Application, s.account.Region}]++
		}
	}
	for _, s := range all {
		if s.refused == nil {
			continue
		}
		at := place{s.account.Application, s.account.Region}
		for i := range s.results {
			if r := &s.results[i]; r.Check == checkSeller {
				r.Finding = s.forbidden(served[at])
			}
		}
	}
}

// forbidden is why a seller with a good token is refused. others is how many of
// the same application and region are not.
func (s *seller) forbidden(others int) Finding {
	a, found := s.account, said(s.refused)
	switch {
	case s.home != "":
		return fail(found, fmt.Sprintf("the seller is of region %s, not %s: there the same token is accepted", s.home, a.Region),
			fmt.Sprintf("write region %s and its marketplaces, or the refresh token of the seller's account in region %s", s.home, a.Region)).at("%s", a.key("region"))
	case others > 0:
		return fail(found, fmt.Sprintf("application %s is let in for other sellers of region %s, so it is this seller's authorization: "+
			"it was given before the application got its roles, or was withdrawn, or is for another region", a.Application, a.Region),
			"let the seller authorize application "+a.Application+" again in Seller Central and write the new refresh token; check the account's region").at("%s", a.key("refresh_token"))
	}
	return fail(found, fmt.Sprintf("no seller of application %s in region %s is let in: most likely the application lacks the roles that notifications need; "+
		"else the accounts' region is wrong, or their authorizations are older than the roles", a.Application, a.Region),
		"give application "+a.Application+" the roles of ORDER_CHANGE and FEED_PROCESSING_FINISHED in Seller Central (Develop Apps), "+
			"then let the sellers authorize it again").at("%s", a.key("application"))
}

// subscribed reports whether notifications of one kind come to our queue.
func (d *doctor) subscribed(s *seller, kind string, found []model.Subscription) Finding {
	a := s.account
	queues := d.Config.Bridge.QueuesFor(a.Application, a.Region)
	leads := s.app.destinations[a.Region]
	switch {
	case len(queues) == 0:
		return skip("no queue with an arn serves the account: others look after its subscriptions")
	case len(found) == 0:
		return d.lacking("none", "the seller has no subscription to "+kind)
	case leads == nil:
		return skip("where its subscription leads cannot be told without the application's destinations")
	}
	states := map[subscriptions.State][]subscriptions.Subscription{}
	for _, row := range subscriptions.Judge(a.ID, kind, leads.ours, subscriptions.Filter(a.Orders), found) {
		states[row.State] = append(states[row.State], row)
	}
	extra := len(states[subscriptions.Duplicate]) + len(states[subscriptions.Foreign])
	switch {
	case len(states[subscriptions.Narrowed]) > 0:
		narrowed := states[subscriptions.Narrowed][0]
		return fail("subscription "+narrowed.ID, "its filter is "+narrowed.Filter+", so it may leave notifications out; configured is "+narrowed.Wanted, ensure)
	case len(states[subscriptions.Wider]) > 0:
		wider := states[subscriptions.Wider][0]
		return warn("subscription "+wider.ID, "its filter is "+wider.Filter+", so Amazon sends more than is configured, which is "+wider.Wanted+"; nothing is lost by that",
			ensure+"; where Amazon refuses the filter, set filter_expression: false")
	case len(states[subscriptions.Good]) == 0:
		first := states[subscriptions.Foreign][0]
		to := leads.queue(first.DestinationID)
		if to == "" {
			to = "a destination that is not the application's (" + first.DestinationID + ")"
		}
		return fail("subscription "+first.ID, kind+" goes to "+to+", not to "+queues[0].ARN,
			"run `sellerstream subscriptions prune`, which replaces it when told --yes, unless that queue is the right one: then configure it")
	case extra > 0:
		return warn(fmt.Sprintf("%d besides ours", extra), "there are more subscriptions to "+kind+" than are needed", "`sellerstream subscriptions prune` shows them")
	}
	return good("subscription %s leads to our queue", states[subscriptions.Good][0].ID)
}
