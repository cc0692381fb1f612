package pipeline

import (
	"cmp"
	"context"
	"math"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/level"
	"github.com/sellerstream/sellerstream/pkg/roles"
	"github.com/sellerstream/sellerstream/pkg/runtime/executor"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
	"github.com/sellerstream/sellerstream/schemas"
)

// liveMachine hears of accounts that have changed or may go on: parked work must
// not wait for the next probe.
type liveMachine interface {
	machine.Machine
	machine.Follower
}

// processor is a role that runs machines, and what it needs of this process.
type processor struct {
	role       role.Role
	around     func(execute) execute       // what stands before its calls to Amazon; nil for nothing
	maxPending int                         // 0 for that of all processors
	begin      func(context.Context) error // waits for what it needs before it takes accounts over; nil for nothing
	machine    func(machine.Unit) liveMachine
	// beside runs for as long as the role does; wake has its units look for what is new.
	// nil for nothing.
	beside func(ctx context.Context, wake func())
}

// calls are the chain that a processor's call passes on its way to Amazon. The runtime
// starts it when the transaction with the call's intent has committed (pkg/runtime/stream,
// rule 5), and the result comes back through all of it:
//
//	counted   numbers.go       metrics: how it ended, and how long it took
//	guard     guard.go         paused accounts, dry runs, accounts configured anew
//	around    the role's own   of orders: buyer data is encrypted before anybody has it
//	Execute   pkg/runtime/executor     blame, breakers, the client of the account's seller
func (p *pipeline) calls(what processor) (execute, error) {
	amazon, err := p.openAmazon()
	if err != nil {
		return nil, err
	}
	var calls execute = executor.New(amazon.seller, p.breakers(), &p.tally, p.Clock, p.Logger.With("role", what.role.Name)).Execute
	if what.around != nil {
		calls = what.around(calls)
	}
	return p.counted(p.guard(calls)), nil
}

const (
	// unlimited is what pending work is measured by in a process without GOMEMLIMIT.
	unlimited = 1000 << 20
	// leastPending is the bound with a GOMEMLIMIT that leaves none.
	leastPending = 16 << 20
)

// mostPending is what all units of the process may have pending. Three fifths of what Go
// may take leave room for what is under way, and for the garbage collector to work in.
func mostPending(cfg config.Runtime) stream.Load {
	bytes := cfg.MaxProcessBytes
	if bytes == 0 {
		limit := debug.SetMemoryLimit(-1) // only asks
		if limit == math.MaxInt64 {
			limit = unlimited
		}
		bytes = max(leastPending, int(limit/5*3))
	}
	return stream.Load{Records: cfg.MaxProcess, Bytes: bytes}
}

// topicsOf sets what the runtime is to read and write for a processor.
func topicsOf(r role.Role, opts *stream.Options) {
	opts.Processor, opts.Outputs, opts.State = r.Name, r.Outputs, r.State[0].Topic
	opts.Inputs = r.Topics(func(role.Input) bool { return true })
	opts.NeverPaused = r.Topics(func(in role.Input) bool { return in.NeverPaused })
	opts.Recent = make(map[string]time.Duration)
	for _, in := range r.Inputs {
		if in.Recent > 0 {
			opts.Recent[in.Topic] = in.Recent
		}
	}
	if slices.ContainsFunc(r.Inputs, func(in role.Input) bool { return in.Replayed }) {
		opts.Replays = schemas.Replays
	}
	for _, more := range r.State[1:] {
		opts.MoreState = append(opts.MoreState, stream.StateTopic(more))
	}
}

// addProcessor adds a role that runs machines and makes their calls.
func (p *pipeline) addProcessor(what processor) error {
	calls, err := p.calls(what)
	if err != nil {
		return err
	}
	name, runtime := what.role.Name, p.Config.Runtime
	options := stream.Options{
		Prefix: p.Config.Prefix, TransactionalPrefix: p.TransactionalPrefix, Member: level.ClientID(name, p.Version, level.Newest),
		New:   func(u machine.Unit) machine.Machine { return what.machine(u) },
		Codec: p.codec, Own: p.codec, Execute: calls, Clock: p.Clock,
		Observer: p.metrics.Stream(name), Remedies: roles.Remedies(), Logger: p.Logger, Client: kafkaOptions(p.Config, p.Secrets),
		SessionTimeout: runtime.SessionTimeout, HeartbeatInterval: runtime.HeartbeatInterval,
		RebalanceTimeout: runtime.RebalanceTimeout, DrainTimeout: runtime.DrainTimeout,
		MaxPending: cmp.Or(what.maxPending, runtime.MaxPending), Memory: p.memory,
	}
	topicsOf(what.role, &options)
	processor, err := stream.New(options)
	if err != nil {
		return err
	}
	p.wakers = append(p.wakers, processor.Changed)
	p.processors[Role(name)] = processor
	p.sources.Processors[name] = processor
	var begun atomic.Bool
	run := func(ctx context.Context) error {
		if what.begin != nil {
			if err := what.begin(ctx); err != nil {
				p.Logger.Debug("stopped before it began", "role", name, "error", err)
				return nil
			}
		}
		begun.Store(true)
		if what.beside == nil {
			return processor.Run(ctx)
		}
		besides, stop := context.WithCancel(ctx)
		var beside sync.WaitGroup
		beside.Go(func() { what.beside(besides, processor.Wake) })
		err := processor.Run(ctx)
		stop()
		beside.Wait()
		return err
	}
	p.roles = append(p.roles, runner{name: Role(name), run: run, waitsFor: func() string {
		if !begun.Load() {
			return "the list of excluded SKUs"
		}
		return processor.WaitsFor()
	}})
	return nil
}
