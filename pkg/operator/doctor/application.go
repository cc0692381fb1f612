package doctor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/bridge/subscriptions"
	"github.com/sellerstream/sellerstream/pkg/operator/columns"
	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/spapi"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

const (
	checkSecret     = "client secret"
	checkNextSecret = "next client secret"
	checkGrantless  = "grantless call"
	checkDest       = "destination"
)

// application is what its accounts need to know of one.
type application struct {
	spapi.Application
	usable       bool                           // whether Login with Amazon knows it
	destinations map[model.Region]*destinations // of the regions in which they could be read
}

// destinations are an application's in one region.
type destinations struct {
	all  []model.Destination
	ours []string // ids of those that lead to the configured queue
}

// queue is the ARN to which a destination leads, as far as it is known.
func (d *destinations) queue(id string) string {
	for _, destination := range d.all {
		if destination.ID == id {
			return destination.QueueARN()
		}
	}
	return ""
}

// applications examines those that the accounts use, or all of them. They take
// turns: nothing is known of an application's neighbours, but there are few.
func (d *doctor) applications(ctx context.Context) []*exam {
	var exams []*exam
	for i, app := range d.Config.Applications {
		var regions []model.Region
		for _, a := range d.accounts {
			if a.Application == app.Name && !slices.Contains(regions, a.Region) {
				regions = append(regions, a.Region)
			}
		}
		if d.Account != "" && len(regions) == 0 {
			continue
		}
		exams = append(exams, d.tell(d.application(ctx, app, i, regions)))
	}
	return exams
}

func (d *doctor) application(ctx context.Context, cfg config.Application, index int, regions []model.Region) *exam {
	e := &exam{part: partApplication, name: cfg.Name}
	app := &application{
		Application: spapi.Application{
			Name: cfg.Name, ClientID: cfg.ClientID,
			ClientSecret: cfg.ClientSecret.Source(d.Secrets), NextClientSecret: cfg.NextClientSecret.Source(d.Secrets),
		},
		destinations: map[model.Region]*destinations{},
	}
	d.apps[cfg.Name] = app
	needs := d.clientSecrets(ctx, e, app, index)
	for i, region := range regions {
		if i > 0 && app.usable && clock.Sleep(ctx, d.Clock, destinationsPause()) != nil {
			break
		}
		call := fmt.Sprintf("%s %s", checkGrantless, region)
		e.check(ctx, call, needs, func(ctx context.Context) Finding { return d.getDestinations(ctx, app, region) })
		e.check(ctx, fmt.Sprintf("%s %s", checkDest, region), []string{call}, func(context.Context) Finding {
			return d.destination(app, region)
		})
	}
	return e
}

// destinationsPause keeps two calls of an application apart, in case its regions
// share a bucket.
func destinationsPause() time.Duration {
	limit, _ := quota.Default(model.GetDestinations)
	return time.Duration(float64(time.Second) / limit.Rate)
}

// clientSecrets asks Login with Amazon about each secret alone, and returns the
// check that what follows needs.
func (d *doctor) clientSecrets(ctx context.Context, e *exam, app *application, index int) (needs []string) {
	key := func(name string) string { return fmt.Sprintf("applications[%d].%s", index, name) }
	e.check(ctx, checkSecret, nil, func(ctx context.Context) Finding {
		only := app.Application
		only.NextClientSecret = nil
		return d.clientSecret(ctx, only).at("%s", key("client_secret"))
	})
	app.usable = e.passed(checkSecret)
	if app.NextClientSecret == nil {
		return []string{checkSecret}
	}
	e.check(ctx, checkNextSecret, nil, func(ctx context.Context) Finding {
		only := app.Application
		only.ClientSecret, only.NextClientSecret = app.NextClientSecret, nil
		return d.clientSecret(ctx, only).at("%s", key("next_client_secret"))
	})
	current, next := &e.results[0], &e.results[1]
	switch usable := e.passed(checkNextSecret); {
	case usable && current.Status == Failed:
		*current = Result{Part: e.part, Name: e.name, Check: checkSecret, Finding: warn(current.Found,
			"Login with Amazon knows only next_client_secret: the rotation is over", "write it as client_secret, and remove next_client_secret").at("%s", key("client_secret"))}
		app.usable = true
		return []string{checkNextSecret}
	case app.usable && next.Status == Failed:
		next.Status = Warning
		next.Cause, next.Fix = "Login with Amazon does not know next_client_secret", "correct it before client_secret ends, or remove it"
	}
	return []string{checkSecret}
}

// clientSecret asks for a grantless token, which needs no seller.
func (d *doctor) clientSecret(ctx context.Context, app spapi.Application) Finding {
	client, err := d.Parts.Amazon(d.dates.transport(spapi.NewTransport())) // one that holds no token yet
	if err != nil {
		return fail("", err.Error(), "correct what stands under spapi in the configuration")
	}
	defer client.Close()
	if _, err := client.LWA().GrantlessToken(ctx, app, model.ScopeNotifications); err != nil {
		return d.tokenFault(err, app.Name)
	}
	return good("Login with Amazon gives application %s a token", app.Name)
}

func (d *doctor) getDestinations(ctx context.Context, app *application, region model.Region) Finding {
	caller, err := d.amazon.Grantless(app.Application, region)
	if err != nil {
		return fail("", err.Error(), "correct the application")
	}
	answer, _, err := caller.GetDestinations(ctx, model.GetDestinationsRequest{})
	if err != nil {
		found := d.callFault(err, app.Name, region)
		if classOf(err) == model.Forbidden {
			found.Cause = "Amazon refuses calls of application " + app.Name + " that need no seller, in region " + string(region)
			found.Fix = "see in Amazon's developer console that the application is of this region, is not disabled, and has at least one role"
		}
		return found
	}
	all := answer.Destinations
	is := &destinations{all: all}
	for _, queue := range d.Config.Bridge.QueuesFor(app.Name, region) {
		for _, destination := range all {
			if destination.QueueARN() == queue.ARN {
				is.ours = append(is.ours, destination.ID)
			}
		}
	}
	app.destinations[region] = is
	return good("getDestinations is answered: %s", columns.Counted(len(all), "destination"))
}

// destination wants one that leads to the queue.
func (d *doctor) destination(app *application, region model.Region) Finding {
	queues := d.Config.Bridge.QueuesFor(app.Name, region)
	is := app.destinations[region]
	switch {
	case len(queues) == 0:
		return skip("no queue with an arn serves the application and region")
	case len(is.ours) == 0:
		var others []string
		for _, other := range is.all {
			others = append(others, other.ID)
		}
		found := "none"
		if len(others) > 0 {
			found = "others: " + few(others)
		}
		return d.lacking(found, "no destination of application "+app.Name+" in region "+string(region)+" leads to "+queues[0].ARN)
	case queues[0].ListingChanges && !subscriptions.Brings(queues[0].ARN, is.all):
		return d.lacking(few(is.ours), "bridge.queues has listing_changes, and no destination of application "+app.Name+" in region "+string(region)+" leads to EventBridge in the queue's AWS account and region")
	case len(is.ours) > 1:
		return warn(few(is.ours), "more than one destination leads to the queue", "`sellerstream subscriptions prune --destinations` shows which could go")
	}
	return good("%s leads to %s", is.ours[0], queues[0].ARN)
}

// ensure makes what is missing of destinations and subscriptions.
const ensure = "run `sellerstream subscriptions ensure`, or let the role subscriptions run, which does so"

// lacking is what is missing at Amazon, and is no fault where `run` makes it.
func (d *doctor) lacking(found, cause string) Finding {
	if slices.Contains(d.Roles, "subscriptions") {
		return warn(found, cause, "nothing, before the pipeline runs: the role subscriptions of `sellerstream run` makes it; if it runs, see the log of that role")
	}
	return fail(found, cause, ensure)
}
