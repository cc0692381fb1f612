package pipeline

import (
	"context"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/level"
	"github.com/sellerstream/sellerstream/pkg/platform/pause"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// heldFor is how long paused work waits before it asks again. That it may go on
// it is told at once; this is for what was asked just before. It is too short for the
// state to note it (pkg/runtime/lane): the switch says it already.
const heldFor = 5 * time.Second

// execute carries out a machine's call.
type execute = func(context.Context, machine.Call) machine.Result

// guard stands before the calls of all processors: what is paused, or would
// write in a dry run, is not made.
func (p *pipeline) guard(next execute) execute {
	return func(ctx context.Context, call machine.Call) machine.Result {
		if err := p.paused(call.Account, call.Operation); err != nil {
			p.Logger.DebugContext(ctx, "call waits", "account", call.Account, "operation", call.Operation, "key", call.Key, "error", err)
			return machine.Result{Call: call, Outcome: machine.Snooze{For: heldFor, Unspent: true, Err: err}}
		}
		if p.DryRun && model.Writes(call.Operation) {
			p.shadow.show(call.Account, call.Operation, call.Request)
			return machine.Result{Call: call, Outcome: machine.Snooze{For: shownFor, Own: single(call.Operation), Unspent: true, Err: errDryRun}}
		}
		revision := p.live.revisionOf(call.Account)
		res := next(ctx, call)
		if park, ok := res.Outcome.(machine.Park); ok && p.live.revisionOf(call.Account) != revision {
			// Refused as it was configured before: what is configured now may do.
			p.breakers().Forget([]string{call.Account})
			res.Outcome = machine.Snooze{Err: park.Err}
		}
		return res
	}
}

// paused returns why a call is not to be made now, if an operator has said so.
func (p *pipeline) paused(account, operation string) error {
	if p.switches == nil { // an operator's own command
		return nil
	}
	return p.switches.Held(account, model.Writes(operation))
}

// openSwitches waits until it is known what is paused.
func (p *pipeline) openSwitches(ctx context.Context) (err error) {
	p.breakers() // made before a switch, which another goroutine reads, may ask for them
	p.switches, err = pause.Open(ctx, pause.Options{
		Kafka: kafkaOptions(p.Config, p.Secrets), Prefix: p.Config.Prefix, Codec: p.codec, Logger: p.Logger,
		Changed: p.switched, Retried: p.retry,
	})
	if err == nil {
		p.closers = append(p.closers, p.switches.Close)
	}
	return err
}

// switched wakes what waited for a switch.
func (p *pipeline) switched(turned schemas.Switch) {
	switch {
	case turned.Subject == schemas.FeatureLevel:
		p.leveled()
	case turned.Paused:
	case turned.Subject == schemas.AllWrites:
		p.wake(p.live.names())
	default:
		p.wake([]string{turned.Subject})
	}
}

// leveled ends the process where the feature level was raised above what it knows.
func (p *pipeline) leveled() {
	if err := level.Check(p.switches, level.Newest, p.Version); err != nil {
		select {
		case p.outdated <- err:
		default: // it is ending already, or an operator's command
		}
	}
}

// retry lets the calls of an account find out now whether they may go on. The account is
// parked until one of them has succeeded.
func (p *pipeline) retry(account string) {
	if _, configured := p.live.directory().ByID(account); !configured {
		return // it is another configuration's, or not rolled out here yet
	}
	p.breakers().Try(account)
	p.tally.Forget([]string{account})
	p.wake([]string{account})
}

// wake tells whoever makes calls that accounts may go on, or are changed.
func (p *pipeline) wake(accounts []string) {
	for _, f := range p.wakers {
		f(accounts)
	}
}
