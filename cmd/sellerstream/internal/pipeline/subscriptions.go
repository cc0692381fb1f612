package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/sellerstream/sellerstream/bridge/subscriptions"
	"github.com/sellerstream/sellerstream/pkg/config"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// OpenSubscriptions makes a keeper for an operator's command, which calls Amazon
// and nothing else. close must be called when it is no longer used.
func OpenSubscriptions(ctx context.Context, s Settings) (keeper *subscriptions.Keeper, stop func(), err error) {
	p := &pipeline{Settings: s}
	keeper, err = p.newKeeper(ctx)
	if err != nil {
		p.close()
		return nil, nil, err
	}
	return keeper, p.close, nil
}

func (p *pipeline) addSubscriptions(ctx context.Context) error {
	keeper, err := p.newKeeper(ctx)
	if err != nil {
		return err
	}
	p.roles = append(p.roles, role{Subscriptions, keeper.Run})
	return nil
}

func (p *pipeline) newKeeper(ctx context.Context) (*subscriptions.Keeper, error) {
	targets, err := p.targets(ctx)
	if err != nil {
		return nil, err
	}
	return subscriptions.New(subscriptions.Options{
		Targets: targets, Quota: newLimits(p.Config.Accounts).of,
		Clock: p.Clock, Logger: p.Logger.With("role", Subscriptions),
		Kafka: groupOptions(p.Config), Prefix: p.Config.Prefix,
	})
}

// targets are the applications and regions that have accounts and a queue.
func (p *pipeline) targets(ctx context.Context) ([]subscriptions.Target, error) {
	if !subscribes(p.Config) {
		return nil, errors.New("no queue under bridge.queues has an arn: write it for the queue that accounts are to be subscribed to")
	}
	amazon, err := p.openAmazon(ctx)
	if err != nil {
		return nil, err
	}
	type place struct {
		application string
		region      model.Region
	}
	var targets []subscriptions.Target
	known := map[place]int{}
	for _, a := range p.Config.Accounts {
		at := place{a.Application, a.Region}
		i, ok := known[at]
		if !ok {
			queues := p.Config.Bridge.QueuesFor(a.Application, a.Region)
			if len(queues) == 0 {
				p.Logger.WarnContext(ctx, "not subscribed: no queue with an arn serves its application and region", "account", a.ID)
				continue
			}
			caller, err := amazon.Grantless(amazon.applications[a.Application], a.Region)
			if err != nil {
				return nil, err
			}
			i = len(targets)
			known[at] = i
			targets = append(targets, subscriptions.Target{
				Application: a.Application, Region: a.Region, QueueARN: queues[0].ARN, Caller: caller,
			})
		}
		targets[i].Accounts = append(targets[i].Accounts, subscriptions.Account{ID: a.ID, Caller: amazon.sellers[a.ID]})
	}
	if len(targets) == 0 {
		return nil, fmt.Errorf("none of the %d accounts is of an application and a region that a queue with an arn serves: see bridge.queues", len(p.Config.Accounts))
	}
	return targets, nil
}

// subscribes says whether the configuration wants accounts to be subscribed.
func subscribes(cfg config.Config) bool {
	for _, q := range cfg.Bridge.Queues {
		if q.ARN != "" {
			return true
		}
	}
	return false
}
