package stock

import (
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	commitTime  = 5 * time.Millisecond // of a transaction
	maxTick     = 5000                 // records of a transaction
	drainTime   = 4 * time.Second      // what calls have to end in at a handover
	handover    = 500 * time.Millisecond
	sessionTime = 10 * time.Second // until a dead owner's units are given to another
)

// unit is a partition of a processor and whoever owns it at the moment, as
// pkg/runtime/stream runs it.
type unit struct {
	w         *world
	processor string
	build     func() machine.Machine
	machine   machine.Machine // nil while nobody owns the unit
	state     *machinetest.Store
	queue     []*machine.Record // input behind the committed position
	results   []machine.Result  // of calls that have ended
	owner     int               // counts the owners
	draining  bool
	tickAt    time.Duration // of the next tick; negative for none
	free      time.Duration // when the last transaction ends
	restored  time.Duration // when the present owner took over
}

func newUnit(w *world, processor string, build func() machine.Machine) *unit {
	u := &unit{w: w, processor: processor, build: build, state: machinetest.NewStore(), tickAt: -1}
	u.machine = build()
	return u
}

// receive gives the unit an input record.
func (u *unit) receive(rec *machine.Record) {
	u.queue = append(u.queue, rec)
	u.wake(u.w.now)
}

// wake makes the unit run a tick at t at the latest.
func (u *unit) wake(t time.Duration) {
	t = max(t, u.free, u.w.now)
	if u.machine == nil || u.draining || u.tickAt >= 0 && u.tickAt <= t {
		return
	}
	u.tickAt = t
	owner := u.owner
	u.w.at(t, func() {
		if u.owner == owner && u.tickAt == t && u.machine != nil && !u.draining {
			u.tickAt = -1
			u.tick()
		}
	})
}

// tick applies what has arrived, commits, and starts the calls, unless the
// owner dies on the way.
func (u *unit) tick() {
	tx := &machine.Tx{Now: u.w.time()}
	u.takeResults(tx)
	n := min(len(u.queue), maxTick)
	for _, rec := range u.queue[:n] {
		u.machine.Record(tx, rec)
	}
	u.machine.Draw(tx)
	death := u.w.deathIn(tx)
	if death == beforeCommit {
		u.crash()
		return
	}
	u.commit(tx, n)
	if death == afterCommit {
		for i := range tx.Calls { // whose owner dies before it can make them
			u.w.byID[tx.Calls[i].Account].trouble(u.w, &tx.Calls[i], none, true)
		}
		u.crash()
		return
	}
	u.free = u.w.now + commitTime
	for i := range tx.Calls {
		u.w.launch(u, &tx.Calls[i])
	}
	if !tx.Wake.IsZero() {
		u.wake(max(tx.Wake.Sub(u.w.start), u.w.now+time.Millisecond))
	}
	if len(u.queue) > 0 {
		u.wake(u.w.now)
	}
	if death == afterCalls {
		owner := u.owner
		u.w.in(u.w.upTo(time.Second), func() {
			if u.owner == owner {
				u.crash()
			}
		})
	}
}

func (u *unit) takeResults(tx *machine.Tx) {
	for i := range u.results {
		u.machine.Result(tx, &u.results[i])
	}
}

// commit makes a tick's decisions durable and visible.
func (u *unit) commit(tx *machine.Tx, n int) {
	for key, value := range tx.State {
		value = machinetest.Value(value)
		if err := u.state.Put(key, value); err != nil {
			u.w.faultf("%v", err)
		}
		u.w.stateWritten(value)
	}
	clear(u.queue[:n])
	u.queue, u.results = u.queue[n:], nil
	for i := range tx.Outputs {
		tx.Outputs[i].Value = machinetest.Value(tx.Outputs[i].Value)
		u.w.written(&tx.Outputs[i])
	}
	for i := range tx.DeadLetters {
		u.w.faultf("dead letter: %+v", tx.DeadLetters[i])
	}
}

// ended takes a call's outcome, if who made the call is still the owner.
func (u *unit) ended(owner int, res machine.Result) bool {
	if u.owner != owner || u.machine == nil {
		return false
	}
	u.results = append(u.results, res)
	u.wake(u.w.now)
	return true
}

// crash ends the owner at once: another one takes over when the session is over.
func (u *unit) crash() {
	if u.machine == nil {
		return
	}
	u.w.count.crashes++
	u.drop()
	u.w.in(sessionTime, u.takeOver)
}

// handOver ends the owner as a drain does: calls end, and no new one starts.
func (u *unit) handOver() {
	if u.machine == nil || u.draining {
		return
	}
	u.w.count.handovers++
	u.draining = true
	owner := u.owner
	u.w.in(drainTime, func() {
		if u.owner != owner {
			return // it has died meanwhile
		}
		tx := &machine.Tx{Now: u.w.time()}
		u.takeResults(tx)
		u.commit(tx, 0)
		u.drop()
		u.w.in(handover, u.takeOver)
	})
}

// drop ends the owner, and with it what it had heard and not committed.
func (u *unit) drop() {
	for i := range u.results {
		call := &u.results[i].Call
		u.w.byID[call.Account].trouble(u.w, call, none, true)
	}
	u.machine, u.results, u.draining, u.tickAt = nil, nil, false, -1
	u.owner++
}

func (u *unit) takeOver() {
	u.machine = u.build()
	if err := u.state.Restore(u.machine, slices.Sorted(u.state.Keys())); err != nil {
		u.w.faultf("restore: %v", err)
	}
	u.restored = u.w.now
	for _, sh := range u.w.shops {
		if sh.inventory == u {
			sh.inherited(u.w.now)
		}
	}
	u.wake(u.w.now)
}

// written gives an output to who reads it.
func (w *world) written(out *machine.Output) {
	shop := w.byID[out.Account]
	switch value := out.Value.(type) {
	case *schemas.InventoryResult:
		w.outcome(shop, value)
	case *schemas.FeedSubmission:
		w.submission(value)
		w.produce(shop.feeds, schemas.FeedSubmissions, out.Account, value)
	case *schemas.FeedResult, *schemas.FeedIssues:
		w.produce(shop.inventory, schemas.FeedResults, out.Account, value)
	case *schemas.StockAudit:
		w.count.audits++
	case *schemas.Alert:
		w.count.alerts[value.EventType]++
		w.alert(shop, value)
	}
}

// produce appends a record to the partition of a topic that u reads.
func (w *world) produce(u *unit, topic, account string, value any) {
	u.receive(&machine.Record{Topic: topic, Account: account, Value: value, Time: w.time()})
}

// stateWritten follows what the machines commit about lanes and quotas.
func (w *world) stateWritten(value any) {
	switch state := value.(type) {
	case *schemas.FeedLaneState:
		w.byID[state.Account].lane(w.now, state.Phase)
	case *schemas.QuotaState:
		if state.Operation != model.GetFeed {
			w.byID[state.Account].rate(state)
		}
	}
}
