package subscriptions

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Keeper keeps the subscriptions of its targets. Its methods may be called at
// once, in one process or in several.
type Keeper struct {
	opts    Options
	pacer   pacer
	changes changes
	filters filters
	joined  atomic.Bool // whether Run is a member of the group
}

// New checks the options. It makes no call.
func New(opts Options) (*Keeper, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Keeper{
		opts:    opts,
		pacer:   pacer{clock: opts.Clock, limits: opts.Limits, buckets: map[pair]*paced{}},
		changes: changes{signal: make(chan struct{}, 1)},
	}, nil
}

// action is what a pass may do besides looking.
type action struct {
	create             bool
	remove             bool // duplicate and foreign subscriptions
	removeDestinations bool // duplicate and foreign destinations
}

// List looks, and changes nothing.
func (k *Keeper) List(ctx context.Context) Report { return k.pass(ctx, k.opts.Targets(), action{}) }

// Ensure creates what is missing.
func (k *Keeper) Ensure(ctx context.Context) Report {
	return k.pass(ctx, k.opts.Targets(), action{create: true})
}

// Prune removes duplicate and foreign subscriptions of the types that are kept,
// creates ours in their place where there was none and, if destinations is set,
// removes duplicate and foreign destinations, which may serve other types.
func (k *Keeper) Prune(ctx context.Context, destinations bool) Report {
	return k.pass(ctx, k.opts.Targets(), action{remove: true, removeDestinations: destinations})
}

// pass goes through targets once. Its report is in their order.
func (k *Keeper) pass(ctx context.Context, targets []Target, act action) Report {
	report := Report{Destinations: []Destination{}, Subscriptions: []Subscription{}}
	all := 0
	for _, t := range targets {
		all += len(t.Accounts)
	}
	round := k.visits(ctx, all)
	for _, t := range targets {
		destinations, ours, err := k.destinations(ctx, t, act)
		report.Destinations = append(report.Destinations, destinations...)
		if err != nil {
			continue // without a destination nothing can be said about a subscription
		}
		for _, a := range t.Accounts {
			round.add(visit{Keeper: k, target: t, seller: a, leads: ours, act: act, kinds: t.kinds()})
		}
	}
	found := round.wait()
	for _, t := range targets {
		for _, a := range t.Accounts {
			for _, kind := range t.kinds() {
				report.Subscriptions = append(report.Subscriptions, found[visited{a.ID, kind}]...)
			}
		}
	}
	if act.removeDestinations {
		k.removeDestinations(ctx, targets, report)
	}
	return report
}

// visited is what a visit was about.
type visited struct{ account, kind string }

// visits goes through accounts, by one type of subscription at a time. For the next type
// an account goes to the end of the queue: by then its quota has a token again, so that
// nobody waits for one.
type visits struct {
	queue   chan visit
	left    sync.WaitGroup // accounts
	workers sync.WaitGroup
	mu      sync.Mutex
	found   map[visited][]Subscription
}

// visits begins with visits of at most so many accounts.
func (k *Keeper) visits(ctx context.Context, accounts int) *visits {
	r := &visits{queue: make(chan visit, accounts), found: make(map[visited][]Subscription)}
	for range min(k.opts.Parallel, accounts) {
		r.workers.Go(func() {
			for v := range r.queue {
				r.visit(ctx, v)
			}
		})
	}
	return r
}

func (r *visits) add(v visit) {
	r.left.Add(1)
	r.queue <- v
}

func (r *visits) visit(ctx context.Context, v visit) {
	rows := v.subscriptions(ctx, v.kinds[0])
	r.mu.Lock()
	r.found[visited{v.seller.ID, v.kinds[0]}] = rows
	r.mu.Unlock()
	if v.kinds = v.kinds[1:]; len(v.kinds) > 0 {
		r.queue <- v
	} else {
		r.left.Done()
	}
}

// wait returns what was found. An account's failure is in its rows.
func (r *visits) wait() map[visited][]Subscription {
	r.left.Wait()
	close(r.queue)
	r.workers.Wait()
	return r.found
}

// held returns why a call is not to be made; nil when it may be.
func (k *Keeper) held(owner, operation, what string) error {
	if k.opts.Hold == nil {
		return nil
	}
	return k.opts.Hold(owner, operation, what)
}

// owner is whose bucket the application's calls take their tokens from. Amazon
// does not say whether an application has one in each region, so it has one for all.
func (t Target) owner() string { return "application " + t.Application }

// lookAgain reports whether a creation that failed may have been carried out, by
// this call or by somebody else's.
func lookAgain(err error) bool {
	var refusal *model.Error
	return errors.As(err, &refusal) && (refusal.Class == model.Conflict || refusal.Class == model.Ambiguous || refusal.Class == model.Malformed)
}
