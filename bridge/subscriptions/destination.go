package subscriptions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// resource is what a destination leads to: our queue, or the event source whose rule sends
// to it. Amazon delivers changes of listings to EventBridge only.
type resource struct {
	queue           string // ARN; "" for the event source
	account, region string // of AWS, for the event source
}

// resources are what a target's notifications need, the queue first. The event source is in
// the AWS account and region of the queue, since a rule's target must be in the rule's region.
func (t Target) resources() []resource {
	needed := []resource{{queue: t.QueueARN}}
	if part := strings.Split(t.QueueARN, ":"); t.Listings && len(part) > 4 {
		needed = append(needed, resource{account: part[4], region: part[3]})
	}
	return needed
}

// Brings reports whether one of the destinations is the event source through which changes
// of listings come to a queue.
func Brings(queueARN string, all []model.Destination) bool {
	needed := Target{QueueARN: queueARN, Listings: true}.resources()
	return slices.ContainsFunc(all, needed[len(needed)-1].has)
}

// kinds are the types that every account of the target subscribes to.
func (t Target) kinds() []string {
	kinds := []string{model.OrderChangeNotification, model.FeedProcessingFinishedNotification}
	if t.Listings {
		kinds = append(kinds, listingKinds()...)
	}
	return kinds
}

func listingKinds() []string {
	return []string{model.ListingQuantityNotification, model.ListingStatusNotification, model.ListingIssuesNotification}
}

// payloadVersion is the newest of a type.
func payloadVersion(kind string) string {
	if kind == model.ListingIssuesNotification {
		return "2023-12-13"
	}
	return "1.0"
}

func (r resource) has(d model.Destination) bool {
	if r.queue != "" {
		return d.QueueARN() == r.queue
	}
	return d.Resource.EventBridge != nil && d.Resource.EventBridge.AccountID == r.account && d.Resource.EventBridge.Region == r.region
}

// among are the ids of those that lead there.
func (r resource) among(all []model.Destination) (ids []string) {
	for _, d := range all {
		if r.has(d) {
			ids = append(ids, d.ID)
		}
	}
	return ids
}

func (r resource) String() string {
	if r.queue != "" {
		return r.queue
	}
	return "EventBridge of AWS account " + r.account + " in " + r.region
}

// request asks for a destination that leads there. Its name is for people; it has at most
// 256 characters.
func (r resource) request() model.CreateDestinationRequest {
	if r.queue == "" {
		return model.CreateDestinationRequest{Name: "sellerstream-eventbridge-" + r.account, Resource: model.DestinationResourceSpecification{
			EventBridge: &model.EventBridgeSpecification{Region: r.region, AccountID: r.account},
		}}
	}
	name := "sellerstream-" + r.queue[strings.LastIndexByte(r.queue, ':')+1:]
	return model.CreateDestinationRequest{Name: name[:min(len(name), 256)], Resource: model.DestinationResourceSpecification{
		SQS: &model.SQSResource{ARN: r.queue},
	}}
}

// complete fills in what Amazon's answer to the request need not repeat.
func (r resource) complete(d *model.Destination) {
	switch {
	case r.queue != "":
		d.Resource.SQS = &model.SQSResource{ARN: r.queue}
	case d.Resource.EventBridge == nil:
		d.Resource.EventBridge = &model.EventBridgeResource{Name: r.String(), AccountID: r.account, Region: r.region}
	}
}

// leads are the ids of the destinations that lead where they should, the ones to use first.
type leads struct{ queue, events []string }

func (l leads) of(kind string) []string {
	if slices.Contains(listingKinds(), kind) {
		return l.events
	}
	return l.queue
}

// destinations looks for the target's, and creates what the pass may. Without the queue's
// its error says why. Without the event source's only its subscriptions are missing.
func (k *Keeper) destinations(ctx context.Context, t Target, act action) (rows []Destination, ours leads, err error) {
	all, err := k.lookForDestinations(ctx, t)
	if err != nil {
		return []Destination{t.destination("", t.QueueARN, Failed, err)}, leads{}, err
	}
	var absent []Destination
	owned := map[string]State{} // by id
	for _, r := range t.resources() {
		is, why := Good, error(nil)
		if act.create && !slices.ContainsFunc(all, r.has) {
			if all, is, why = k.lead(ctx, t, all, r); is == Failed && r.queue != "" {
				return []Destination{t.destination("", r.queue, Failed, why)}, leads{}, why
			}
		}
		ids := r.among(all)
		for i, id := range ids {
			if owned[id] = is; i > 0 {
				owned[id] = Duplicate
			}
		}
		if len(ids) == 0 {
			if is == Good {
				is = Missing
			}
			absent = append(absent, t.destination("", r.String(), is, why))
		}
		if r.queue != "" {
			ours.queue = ids
		} else {
			ours.events = ids
		}
	}
	return append(t.present(all, owned), absent...), ours, nil
}

// present are the destinations that Amazon has, with the states of those that are ours.
func (t Target) present(all []model.Destination, owned map[string]State) (rows []Destination) {
	for _, d := range all {
		state, known := owned[d.ID]
		if !known {
			state = Foreign
		}
		name := d.QueueARN()
		if d.Resource.EventBridge != nil {
			name = d.Resource.EventBridge.Name
		}
		rows = append(rows, t.destination(d.ID, name, state, nil))
	}
	return rows
}

// destination is what is reported of one.
func (t Target) destination(id, resource string, s State, err error) Destination {
	d := Destination{Application: t.Application, Region: t.Region, Resource: resource, ID: id, State: s}
	if err != nil {
		d.Error = err.Error()
	}
	return d
}

// lead makes a destination that leads to a resource. It returns all destinations, what
// became of the one, and why it is not there.
func (k *Keeper) lead(ctx context.Context, t Target, all []model.Destination, r resource) (_ []model.Destination, is State, err error) {
	if held := k.held(t.owner(), model.CreateDestination, r.String()); held != nil {
		return all, Held, held
	}
	all, created, err := k.createDestination(ctx, t, all, r)
	switch {
	case created:
		return all, Created, nil
	case err == nil:
		return all, Good, nil
	case r.queue == "" && (isOf(err, model.Conflict) || isOf(err, model.Invalid) || isOf(err, model.Forbidden)):
		// Trying again in minutes would change nothing.
		return all, Missing, fmt.Errorf("%w; Amazon has one EventBridge destination for each AWS account: see whether one leads to another region", err)
	}
	return all, Failed, err
}

func (k *Keeper) lookForDestinations(ctx context.Context, t Target) ([]model.Destination, error) {
	all, err := made(ctx, &k.pacer, t.owner(), model.GetDestinations, t.Caller.GetDestinations, model.GetDestinationsRequest{})
	if err != nil {
		return nil, err
	}
	return all.Destinations, nil
}

// createDestination creates one to a resource, unless it turns out that another has. It
// returns all destinations, also with an error, and whether the last one is new.
func (k *Keeper) createDestination(ctx context.Context, t Target, all []model.Destination, r resource) (_ []model.Destination, created bool, _ error) {
	d, err := made(ctx, &k.pacer, t.owner(), model.CreateDestination, t.Caller.CreateDestination, r.request())
	switch {
	case err == nil:
		r.complete(d)
		return append(all, *d), true, nil
	case !lookAgain(err):
		return all, false, err
	}
	found, again := k.lookForDestinations(ctx, t)
	if again != nil {
		return all, false, errors.Join(err, again)
	}
	if !slices.ContainsFunc(found, r.has) {
		return found, false, err
	}
	return found, false, nil
}

// removeDestinations removes what the report shows as duplicate or foreign,
// except where a good subscription leads. The destinations of a target without
// one of its own stay, as its subscriptions do.
func (k *Keeper) removeDestinations(ctx context.Context, targets []Target, report Report) {
	used := map[string]bool{}
	for _, s := range report.Subscriptions {
		used[s.DestinationID] = used[s.DestinationID] || s.State.ours() || s.State == Created
	}
	for _, t := range targets {
		mine := func(d Destination) bool { return d.Application == t.Application && d.Region == t.Region }
		leads := func(d Destination) bool { return mine(d) && d.State == Good && d.Resource == t.QueueARN }
		if !slices.ContainsFunc(report.Destinations, leads) {
			continue
		}
		for i := range report.Destinations {
			d := &report.Destinations[i]
			if !mine(*d) || used[d.ID] || d.State != Duplicate && d.State != Foreign {
				continue
			}
			_, err := made(ctx, &k.pacer, t.owner(), model.DeleteDestination, t.Caller.DeleteDestination, model.DeleteDestinationRequest{DestinationID: d.ID})
			if err != nil && !gone(err) {
				d.Error = err.Error()
				continue
			}
			d.State = Removed
		}
	}
}
