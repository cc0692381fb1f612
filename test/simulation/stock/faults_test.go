package stock

import (
	"errors"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

const (
	lease       = 8 * time.Second  // of a writing call
	callTimeout = 30 * time.Second // of any, from its beginning: the lease bounds only the start
)

// death is where in a tick its owner dies.
type death int

const (
	survives death = iota
	beforeCommit
	afterCommit
	afterCalls
)

// strikes is the dice of every step: whether it goes wrong.
func (w *world) strikes() bool {
	return w.setup.faults > 0 && !w.quiet && w.random.Float64() < w.setup.faults
}

// deathIn reports whether a tick's owner dies in it. What has to be survived is
// the tick that submits a feed or settles one; of others too many would die.
func (w *world) deathIn(tx *machine.Tx) death {
	for i := range tx.Calls {
		if tx.Calls[i].Operation == model.CreateFeed && w.strikes() {
			return death(1 + w.random.IntN(3))
		}
	}
	if len(tx.Outputs) > 0 && w.random.IntN(100) == 0 && w.strikes() {
		return death(1 + w.random.IntN(3))
	}
	return survives
}

// fault is how a call goes wrong.
type fault int

const (
	none       fault = iota
	neverSent        // the breaker is open, or there was no access token
	lostBefore       // it never arrives, and nobody knows
	lostAfter        // it is carried out, and the answer is lost
	late             // the same, and it is carried out later
	throttled        // 429 below the quota
	failed           // 5xx, not carried out
	failedDone       // 5xx, carried out
	refused          // 400 that another document mends
)

func (w *world) faultOf(operation string) fault {
	if !w.strikes() {
		return none
	}
	f := fault(1 + w.random.IntN(int(refused)))
	if f == refused && operation != model.CreateFeed && operation != model.CreateFeedDocument {
		f = failed // that would be final
	}
	return f
}

// flight is a call on its way.
type flight struct {
	unit    *unit
	owner   int
	call    *machine.Call
	shop    *shop
	begun   time.Duration
	fault   fault
	delayed bool // its process was stopped before it was sent
}

// launch sends a call that a commit has allowed.
func (w *world) launch(u *unit, call *machine.Call) {
	f := &flight{unit: u, owner: u.owner, call: call, shop: w.byID[call.Account], begun: w.now + commitTime, fault: w.faultOf(call.Operation)}
	w.flying++
	w.count.calls[call.Operation]++
	if call.Operation == model.CreateFeed {
		f.shop.createFeeds++
	}
	switch req := call.Request.(type) {
	case *model.UploadFeedRequest:
		for i := range req.Feed.(*model.ListingsFeed).Messages {
			f.shop.skus[skuIndex(req.Feed.(*model.ListingsFeed).Messages[i].SKU)].next = 0
		}
	case *model.PatchQuantityRequest:
		f.shop.skus[skuIndex(req.SKU)].next = 0
	}
	if f.fault != none {
		w.count.faults++
	}
	way := 20*time.Millisecond + w.upTo(200*time.Millisecond)
	if call.Operation == model.CreateFeedDocument { // and the upload
		way += w.upTo(2 * time.Second)
	}
	w.at(f.begun+way, func() { w.arrive(f) })
}

// arrive is a call's arrival at Amazon's door. Half of the calls of an owner
// that has died were not sent. A stopped process sends within the lease still.
func (w *world) arrive(f *flight) {
	if f.unit.owner != f.owner && !f.delayed {
		switch n := w.random.IntN(4); {
		case n < 2:
			w.end(f, machine.Snooze{Unspent: true}, 0)
			return
		case n == 2 && f.call.Lease > 0:
			f.delayed = true
			w.at(f.begun+w.upTo(lease), func() { w.arrive(f) })
			return
		}
	}
	back := 20*time.Millisecond + w.upTo(200*time.Millisecond)
	switch f.fault {
	case neverSent:
		w.end(f, machine.Snooze{Unspent: true, For: w.upTo(5 * time.Second)}, back)
		return
	case lostBefore:
		w.end(f, f.lost(), f.begun+callTimeout-w.now)
		return
	}
	if !w.amazon.admit(f.call.Account, f.call.Operation) {
		w.count.throttled[f.call.Operation]++
		w.end(f, machine.Snooze{Throttled: true}, back)
		return
	}
	outcome := w.carryOut(f)
	if f.fault == lostAfter || f.fault == late {
		back = f.begun + callTimeout - w.now
	}
	w.end(f, outcome, back)
}

// carryOut is what becomes of a call that Amazon has admitted.
func (w *world) carryOut(f *flight) machine.Outcome {
	switch f.fault {
	case throttled:
		return machine.Snooze{Throttled: true, For: w.upTo(2 * time.Second)}
	case failed:
		return f.lost()
	case refused:
		return machine.Reject{Err: &model.Error{Class: model.Invalid, Operation: f.call.Operation, Status: 400, Code: "InvalidInput"}}
	case lostAfter, failedDone:
		w.amazon.answer(f.call, 0)
		return f.lost()
	case late:
		w.amazon.answer(f.call, 1+w.upTo(applyDelay)) // reads are not late
		return f.lost()
	}
	return w.amazon.answer(f.call, 0)
}

// lost is the outcome of a call that has no answer.
func (f *flight) lost() machine.Outcome {
	err := errors.New("connection reset")
	if model.Writes(f.call.Operation) {
		return machine.Ambiguous{Err: err}
	}
	return machine.Retry{Err: err}
}

// end brings a call's outcome back.
func (w *world) end(f *flight, outcome machine.Outcome, after time.Duration) {
	if _, ambiguous := outcome.(machine.Ambiguous); ambiguous && f.call.Operation == model.CreateFeed {
		w.count.unclear++
		if w.setup.blind {
			outcome = machine.Snooze{} // as who retries without asking
		}
	}
	w.in(after, func() {
		w.flying--
		heard := f.unit.ended(f.owner, machine.Result{Call: *f.call, Outcome: outcome})
		if f.fault != none || !heard {
			f.shop.trouble(w, f.call, f.fault, !heard)
		}
	})
}
