package pipeline

import (
	"context"

	"github.com/sellerstream/sellerstream/pkg/machine"
)

// execute carries out a machine's call.
type execute func(context.Context, machine.Call) machine.Result

// guard stands before the calls of all processors.
func (p *pipeline) guard(next execute) execute {
	return func(ctx context.Context, call machine.Call) machine.Result {
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
