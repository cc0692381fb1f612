package stock

import (
	"fmt"
	"strconv"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// shop is a seller's account: the wanted quantities, what Amazon has, and what
// is known of the way between.
type shop struct {
	id        string
	partition int32
	inventory *unit
	feeds     *unit
	traits
	notified bool // Amazon sends notifications of feeds

	skus        []sku
	createFeeds int           // calls
	pending     int           // SKUs whose wanted quantity is newer than the submitted one
	over        time.Duration // when more than a feed holds were pending last
	busy        bool          // the committed phase of the feed lane is not IDLE
	freed       time.Duration // when it became IDLE last
	slow        map[string]bool
	struck      time.Duration // when a fault of a call, other than a patch's own, was felt last
}

// sku is a SKU's newest update, and what became of it.
type sku struct {
	newest   time.Duration // event time, since the start
	offset   int64
	quantity int32
	amazon   int32         // Amazon's quantity
	sold     []sold        // all orders
	seen     time.Duration // until when they are in quantity
	told     time.Duration // until when they are in any update
	unlisted bool
	amazons  bool          // Amazon fulfils it
	outcome  byte          // first letter of the newest update's outcome; 0 for none
	ordered  int32         // units ordered since the newest update, which nothing is taken off for
	ignored  time.Duration // since when Amazon has another quantity than it accepted; 0 for never
	reported bool          // that was told

	since   time.Duration // since when something newer than what was submitted is wanted; 0 for never
	next    time.Duration // the same of what came after the last document or patch was made
	blocked time.Duration // until when a patch of it may still be carried out
}

func newShop(i int, s setup) *shop {
	sh := &shop{
		id: fmt.Sprintf("shop-%03d", i), partition: int32(i % partitions), traits: traitsOf(i, s), slow: map[string]bool{},
		over: -1, freed: -1, struck: -1,
	}
	sh.notified = s.notes && (i%10 != 7 || s.calm)
	sh.skus = make([]sku, sh.catalogue)
	for k := range sh.skus {
		sh.skus[k].newest, sh.skus[k].amazon = -1<<60, -1
		sh.skus[k].unlisted = k%200 == 3 && (!s.calm || s.newcomers > 0)
		sh.skus[k].amazons = k%10 == 5 && s.newcomers > 0
	}
	return sh
}

func skuName(i int32) string { return "S" + strconv.Itoa(int(i)) }

func skuIndex(name string) int32 {
	n, err := strconv.Atoi(name[1:])
	if err != nil {
		panic("no SKU of ours: " + name)
	}
	return int32(n)
}

// apply sets a quantity at Amazon, or says why not.
func (sh *shop) apply(w *world, i, quantity int32) (code string) {
	switch {
	case sh.skus[i].unlisted:
		return codeUnknown
	case w.random.IntN(10) == 0 && w.strikes(): // a feed has thousands of messages
		return codeTransient
	}
	return sh.takeOver(w, i, quantity)
}

// update takes note of an update that was produced.
func (sh *shop) update(w *world, i int32, event, seen time.Duration, offset int64, quantity int32) {
	s := &sh.skus[i]
	if event < s.newest || event == s.newest && offset < s.offset {
		return
	}
	s.newest, s.offset, s.quantity, s.seen, s.outcome, s.ordered = event, offset, quantity, seen, 0, 0
	if s.next == 0 {
		s.next = w.now
	}
	if s.since == 0 {
		s.since = w.now
		sh.pending++
	}
	if sh.pending > model.MaxFeedMessages {
		sh.over = w.now
	}
}

// submitted takes note that Amazon has taken quantities: it has a feed of them
// now, or a patch.
func (sh *shop) submitted(w *world, messages []message) {
	for i := range messages {
		m := &messages[i]
		s := &sh.skus[m.sku]
		if s.since == 0 {
			continue // sent again
		}
		w.waits.note(sh, s, m, w.now)
		if s.since = s.next; s.since == 0 {
			sh.pending--
		}
	}
	if sh.pending > model.MaxFeedMessages {
		sh.over = w.now
	}
}

// lane takes note of the feed lane's committed phase.
func (sh *shop) lane(now time.Duration, phase string) {
	if idle := phase == "IDLE"; idle && sh.busy {
		sh.busy, sh.freed = false, now
	} else if !idle {
		sh.busy = true
	}
}

// rate takes note of a quota's committed rate: slower than planned after a 429.
func (sh *shop) rate(state *schemas.QuotaState) {
	limit, _ := quota.Default(state.Operation)
	if slow := state.Rate < limit.Rate*0.999; slow {
		sh.slow[state.Operation] = true
	} else {
		delete(sh.slow, state.Operation)
	}
}

// trouble takes note that a call went wrong, or that its owner died.
func (sh *shop) trouble(w *world, call *machine.Call, f fault, died bool) {
	req, patch := call.Request.(*model.PatchQuantityRequest)
	if patch {
		s := &sh.skus[skuIndex(req.SKU)]
		s.blocked = w.now + applyDelay
		if died { // until the takeover, which prolongs it
			s.blocked += sessionTime
		}
		if f != throttled && f != neverSent {
			return
		}
	}
	sh.struck = w.now
}

// inherited takes note that a new owner waits out every patch whose end is not
// in the state. That includes those that the last owner was about to end when it
// died.
func (sh *shop) inherited(now time.Duration) {
	died := now - sessionTime - time.Second
	for i := range sh.skus {
		if s := &sh.skus[i]; s.blocked > 0 && s.blocked >= died {
			s.blocked = now + lease + callTimeout + applyDelay
		}
	}
}
