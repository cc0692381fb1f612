package pipeline

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/bridge/subscriptions"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/level"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// OpenSubscriptions makes a keeper for an operator's command, which calls Amazon
// and nothing else. close must be called when it is no longer used.
func OpenSubscriptions(s Settings) (keeper *subscriptions.Keeper, stop func(), err error) {
	p := &pipeline{Settings: s}
	if p.live, err = newLive(s.Config, s.Logger); err != nil {
		return nil, nil, err
	}
	keeper, err = p.newKeeper()
	if err != nil {
		p.close()
		return nil, nil, err
	}
	return keeper, p.close, nil
}

func (p *pipeline) addSubscriptions() error {
	keeper, err := p.newKeeper()
	if err != nil {
		return err
	}
	p.wakers = append(p.wakers, keeper.Changed)
	p.roles = append(p.roles, runner{name: Subscriptions, run: keeper.Run, waitsFor: keeper.WaitsFor})
	return nil
}

func (p *pipeline) newKeeper() (*subscriptions.Keeper, error) {
	if !subscribes(p.Config) {
		return nil, errors.New("no queue under bridge.queues has an arn: write it for the queue that accounts are to be subscribed to")
	}
	amazon, err := p.openAmazon()
	if err != nil {
		return nil, err
	}
	if len(p.targets(amazon)) == 0 {
		return nil, fmt.Errorf("none of the %d accounts is of an application and a region that a queue with an arn serves: see bridge.queues", len(p.Config.Accounts))
	}
	return subscriptions.New(subscriptions.Options{
		Targets: func() []subscriptions.Target { return p.targets(amazon) }, Limits: p.live.limit, Hold: p.hold,
		Clock: p.Clock, Logger: p.Logger.With("role", Subscriptions),
		Kafka:  append(groupOptions(p.Config, p.Secrets), kgo.ClientID(level.ClientID(string(Subscriptions), p.Version, level.Newest))),
		Prefix: p.Config.Prefix,
	})
}

// hold returns why the keeper is not to make a call.
func (p *pipeline) hold(owner, operation, what string) error {
	if err := p.paused(owner, operation); err != nil {
		return err
	}
	if p.DryRun && model.Writes(operation) {
		p.shadow.show(owner, operation, what)
		return errDryRun
	}
	return nil
}

// targets are the applications and regions that have accounts and a queue, as
// they are configured now.
func (p *pipeline) targets(amazon *amazon) []subscriptions.Target {
	type place struct {
		application string
		region      model.Region
	}
	var targets []subscriptions.Target
	known := map[place]int{} // index into targets; -1 for a place without a queue
	now := p.live.now.Load()
	for i := range now.list {
		a := &now.list[i]
		at := place{a.Application, a.Region}
		if _, ok := known[at]; !ok {
			known[at] = -1
			target, err := p.target(amazon, now.applications[a.Application], a.Region)
			if err != nil {
				p.Logger.Warn("accounts are not subscribed", "application", a.Application, "region", a.Region, "error", err)
			} else {
				known[at] = len(targets)
				targets = append(targets, target)
			}
		}
		if t := known[at]; t >= 0 {
			targets[t].Accounts = append(targets[t].Accounts, subscriptions.Account{
				ID: a.ID, Caller: sellerNotifications{amazon, p.gate(), a.ID}, Filter: subscriptions.Filter(a.Orders),
			})
		}
	}
	return targets
}

func (p *pipeline) target(amazon *amazon, app config.Application, region model.Region) (subscriptions.Target, error) {
	queues := p.Config.Bridge.QueuesFor(app.Name, region)
	if len(queues) == 0 {
		return subscriptions.Target{}, errors.New("no queue with an arn serves their application and region: see bridge.queues")
	}
	caller, err := amazon.Grantless(amazon.application(app), region)
	return subscriptions.Target{
		Application: app.Name, Region: region, QueueARN: queues[0].ARN, Listings: queues[0].ListingChanges,
		Caller: applicationNotifications{caller, p.gate(), applicationOwner(app.Name)},
	}, err
}

// subscribes reports whether the configuration wants accounts to be subscribed.
func subscribes(cfg config.Config) bool {
	for _, q := range cfg.Bridge.Queues {
		if q.ARN != "" {
			return true
		}
	}
	return false
}
