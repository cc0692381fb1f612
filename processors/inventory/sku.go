package inventory

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// sku is schemas.InventoryState in a compact form, with its place in a queue.
type sku struct {
	lane.Item
	newest    stamp
	touched   millis
	until     millis   // by when Amazon has carried basis out
	listed    string   // marketplace that it is sent for; "" for home
	owned     string   // channel of an entry whose key has none; "" for the default one
	work      *work    // nil when nothing is to be done
	doubt     *doubt   // what unanswered patches may still do; nil for nothing
	basis     *update  // that Amazon accepted last, for corrections; see reserve.go
	failure   *failure // why the newest update ended FAILED; nil where it did not
	watch     *watch   // why it is looked at; nil for nothing
	appliedAt millis   // when applied was sent
	applied   int32    // the quantity that Amazon accepted last; unknown when negative
	returned  int32    // units of orders that were cancelled since appliedAt
	resent    minutes  // when it was last sent once more because Amazon showed another one
	owner     uint16   // length of the account in the key
	middle    uint16   // length of what stands in it between the account and the SKU
	form      form
	place     place
	fulfiller fulfiller
	learned   minutes // when Amazon said so, or was asked in vain
}

// work is what a SKU waits for, or what is under way for it.
type work struct {
	wanted *update // the newest, not sent yet or to be sent again
	sent   *update // what the feed carries; nil where it was superseded before the intent
	patch  *update // what the patch in flight carries
	since  millis  // since when something newer than what was sent is wanted

	lane    *feedLane // whose ready queue it is in
	feed    *feedLane // that carries it: being made, submitted or running
	trials  *trial    // nil for none: most SKUs need no second try
	message int32     // its number in the feed; 0 while that is being made
	patched bool      // wanted was accepted, and is sent once more when a feed or a doubt has ended
	resend  bool      // wanted was accepted, and is sent once more at once
	shown   int32     // what Amazon showed last, at shownAt; the state keeps neither
	shownAt millis
	lapsed  lapse // whether Amazon has an older one than the newest, in this tick
}

// trial is what is known of tries that have not settled a SKU, and of its patch.
type trial struct {
	verdict    *verdict  // what the report of the feed said against it
	patchSince time.Time // when the patch in flight was decided; with its monotonic reading
	overtook   bool      // it was started while a feed carried the SKU
	doubts     int32     // patches in a row that were not answered, or forbidden

	attempts  int32  // tries that did not settle the wanted quantity
	failing   millis // since when
	notBefore millis
	tried     []string // marketplaces in which it is not listed
}

// had is what is known of its tries.
func (w *work) had() trial {
	if w.trials == nil {
		return trial{}
	}
	return *w.trials
}

// try is for writing that.
func (w *work) try() *trial {
	if w.trials == nil {
		w.trials = new(trial)
	}
	return w.trials
}

// settled forgets what failed, but not a patch.
func (w *work) settled() {
	if t := w.trials; t != nil {
		t.tried, t.attempts, t.failing, t.doubts = nil, 0, 0, 0
	}
}

// calm forgets the failures of the earlier quantity.
func (w *work) calm() {
	if t := w.trials; t != nil {
		t.attempts, t.failing, t.notBefore = 0, 0, 0
	}
}

// verdict is an error of Amazon's about one message.
type verdict struct{ code, message, attribute string }

const unknownQuantity = -1

// maxDoubts is how many patches of a SKU in a row may end without an answer; one
// that is forbidden counts as many.
const maxDoubts = 3

// channelPrefix begins what a key has of a channel. The first channel of a SKU has none in
// its key, which versions before know; so most installations have no such key.
const channelPrefix = "channel="

// entryKey is the state key of a SKU with what stands in its middle.
func entryKey(account, middle, id string) string {
	return skuPrefix + account + "/" + middle + "/" + id
}

// skuKey is the state key of a SKU's quantity in a channel; "" for the SKU's first.
func skuKey(account, channel, id string) string { return entryKey(account, middleOf(channel), id) }

// middleOf is what a key has of a channel. No slash of it is one of the key's.
func middleOf(channel string) string {
	if channel == "" {
		return ""
	}
	return channelPrefix + strings.NewReplacer("%", "%25", "/", "%2F").Replace(channel)
}

// isSKUKey reports whether key is that of an entry.
func isSKUKey(key string, state *schemas.InventoryState) bool {
	if middle := state.MarketplaceID; middle != "" || isKeyWith(key, middle, state) {
		return isKeyWith(key, middle, state)
	}
	return isKeyWith(key, middleOf(state.FulfillmentChannelCode), state)
}

// isKeyWith reports whether key is that of an entry with what stands in its middle.
func isKeyWith(key, middle string, state *schemas.InventoryState) bool {
	ok := max(len(state.Account), len(middle)) <= math.MaxUint16
	for _, part := range [...]string{skuPrefix, state.Account, "/", middle, "/"} {
		var has bool
		key, has = strings.CutPrefix(key, part)
		ok = ok && has
	}
	return ok && key == state.SKU
}

// newSKU makes an entry of a channel, which is not remembered yet.
func (m *Machine) newSKU(account, channel, id string) *sku {
	s := &sku{applied: unknownQuantity}
	m.name(s, account, channel, id)
	return s
}

// name makes an entry that of a SKU's channel, under the key that has none while no other
// entry has that.
func (m *Machine) name(s *sku, account, channel, id string) {
	middle := ""
	if m.skus[skuKey(account, "", id)] != nil {
		middle = middleOf(channel)
	}
	s.named(account, middle, id)
	s.form, s.owned = ofChannel, ""
	if middle == "" && channel != defaultChannel {
		s.owned = channel
	}
}

// named gives the entry its key.
func (s *sku) named(account, middle, id string) {
	s.Key, s.owner, s.middle = entryKey(account, middle, id), uint16(len(account)), uint16(len(middle))
}

func (s *sku) account() string { return s.Key[len(skuPrefix):][:s.owner] }

func (s *sku) id() string { return s.Key[len(skuPrefix)+int(s.owner)+1+int(s.middle)+1:] }

// between is what stands in the key between the account and the SKU.
func (s *sku) between() string { return s.Key[len(skuPrefix)+int(s.owner)+1:][:s.middle] }

// channel is the one whose quantity the entry is.
func (s *sku) channel() string {
	escaped, other := strings.CutPrefix(s.between(), channelPrefix)
	if !other {
		return cmp.Or(s.owned, defaultChannel)
	}
	return strings.NewReplacer("%25", "%", "%2F", "/").Replace(escaped)
}

// begin is the SKU's work, made when it has none.
func (s *sku) begin() *work {
	if s.work == nil {
		s.work = &work{}
	}
	return s.work
}

// failsByPatch reports whether no more patches are tried: Amazon may fail at this SKU
// alone, again and again. A feed shows how Amazon answers.
func (w *work) failsByPatch() bool { return w.had().doubts >= maxDoubts }

// done reports whether nothing is left to do.
func (w *work) done() bool { return w.wanted == nil && w.feed == nil && w.patch == nil }

// inCut reports whether the document that is being made holds the wanted quantity.
func (w *work) inCut() bool { return w.feed != nil && w.message == 0 && w.sent == w.wanted }

// newer is what takes the place of u: something newer that is wanted, or that a
// patch or a feed may still bring.
func (w *work) newer(u *update) *update {
	for _, other := range []*update{w.wanted, w.patch, w.sent} {
		if other != nil && u.before(other.stamp) {
			return other
		}
	}
	return nil
}

// newestUpdate is the update that supersedes older ones, if its outcome is not known yet.
func (w *work) newestUpdate() *update {
	switch {
	case w == nil:
		return nil
	case w.wanted != nil:
		return w.wanted
	case w.patch != nil && (w.sent == nil || w.sent.before(w.patch.stamp)):
		return w.patch
	}
	return w.sent
}

// underWay reports whether the outcome of the update with u's stamp is not known yet.
func (w *work) underWay(u *update) bool {
	newest := w.newestUpdate()
	return newest != nil && newest.same(u.stamp)
}

// save writes the SKU's entry.
func (s *sku) save(tx *machine.Tx) {
	s.touched = millisOf(tx.Now)
	tx.Put(s.Key, s)
}

// Value makes the entry.
func (s *sku) Value(earlier any) any {
	state, ok := earlier.(*schemas.InventoryState)
	if !ok {
		state = new(schemas.InventoryState)
	}
	wanted, sent, patch := state.Wanted, state.Sent, state.Patch
	*state = schemas.InventoryState{
		Account: s.account(), SKU: s.id(),
		NewestTime: s.newest.time.time(), NewestOffset: s.newest.offset, NewestCorrections: s.newest.corrections,
		Basis: s.basis.state(nil), SettledTime: s.until.time(),
		ListedMarketplaceID: s.listed, TouchedTime: s.touched.time(),
	}
	switch s.form {
	case ofChannel:
		state.FulfillmentChannelCode = s.channel()
	case ofMarketplace:
		state.MarketplaceID = s.between()
	}
	if s.applied != unknownQuantity {
		quantity := s.applied
		state.AppliedQuantity = &quantity
	}
	state.Doubt, state.Failure = s.doubt.state(s.touched), s.failure.state()
	state.FulfilledBy, state.FulfilledByTime = s.fulfiller.String(), s.learned.time()
	state.AppliedTime, state.ResentTime, state.ReturnedUnits = s.appliedAt.time(), s.resent.time(), s.returned
	s.watch.state(state)
	if s.work != nil {
		state.Wanted, state.Sent, state.Patch = wanted, sent, patch
		s.work.fill(state)
	}
	return state
}

// fill sets what an entry says of the work. The updates that are there are used again.
func (w *work) fill(state *schemas.InventoryState) {
	state.Wanted, state.WantedSince, state.Patched = w.wanted.state(state.Wanted), w.since.time(), w.patched
	if w.message > 0 {
		message := w.message
		state.FeedMarketplaceID, state.MessageID = w.feed.Marketplace, &message
		state.Sent = w.sent.state(state.Sent)
	} else {
		state.Sent = nil
	}
	t := w.had()
	if v := t.verdict; v != nil {
		state.Verdict = &schemas.InventoryVerdict{Code: v.code, Message: v.message, AttributeName: v.attribute}
	}
	state.Patch, state.PatchTime, state.PatchOvertook = w.patch.state(state.Patch), millisOf(t.patchSince).time(), t.overtook
	state.PatchFailures, state.Resend, state.FailingSince = t.doubts, w.resend, t.failing.time()
	state.NotBefore, state.Tried, state.Attempts = t.notBefore.time(), slices.Clone(t.tried), t.attempts
}

// restoredSKU is the SKU of a committed entry, except for the feed that carries it.
func restoredSKU(key string, state *schemas.InventoryState) *sku {
	s := &sku{Item: lane.Item{Key: key}, owner: uint16(len(state.Account)), applied: unknownQuantity, form: formOf(state)}
	s.middle = uint16(len(key) - len(skuPrefix) - len(state.Account) - len(state.SKU) - len("//"))
	if code := state.FulfillmentChannelCode; s.middle == 0 && code != defaultChannel {
		s.owned = strings.Clone(code)
	}
	s.newest = stamp{millisOf(state.NewestTime), state.NewestOffset, state.NewestCorrections}
	s.basis, s.until = restoredUpdate(state.Basis), millisOf(state.SettledTime)
	s.touched = millisOf(state.TouchedTime)
	s.listed = strings.Clone(state.ListedMarketplaceID)
	if state.AppliedQuantity != nil {
		s.applied = *state.AppliedQuantity
	}
	s.appliedAt, s.resent, s.returned = millisOf(state.AppliedTime), minutesOf(state.ResentTime), state.ReturnedUnits
	s.fulfiller, s.learned = restoredFulfiller(state), minutesOf(state.FulfilledByTime)
	w := &work{
		wanted: restoredUpdate(state.Wanted), since: millisOf(state.WantedSince), patched: state.Patched,
		sent: restoredUpdate(state.Sent), patch: restoredUpdate(state.Patch), resend: state.Resend, trials: restoredTrial(state),
	}
	if d := state.Doubt; d != nil {
		s.doubt = &doubt{until: d.Until, since: millisOf(d.Since), of: stamp{millisOf(d.EventTime), d.Offset, d.Corrections}, several: d.Several}
	}
	s.failure = restoredFailure(state.Failure)
	if state.MessageID != nil {
		w.message = *state.MessageID
	}
	if w.carries(w.wanted) { // it was about to go by a patch as well
		w.wanted = nil
	}
	if w.message > 0 || !w.done() {
		s.work = w
	}
	return s
}

// restoredTrial is what an entry says of tries, nil for nothing.
func restoredTrial(state *schemas.InventoryState) *trial {
	t := trial{
		overtook: state.PatchOvertook, patchSince: state.PatchTime, doubts: state.PatchFailures,
		failing: millisOf(state.FailingSince), notBefore: millisOf(state.NotBefore), attempts: state.Attempts,
	}
	for _, m := range state.Tried {
		t.tried = append(t.tried, strings.Clone(m))
	}
	if v := state.Verdict; v != nil {
		t.verdict = &verdict{strings.Clone(v.Code), strings.Clone(v.Message), strings.Clone(v.AttributeName)}
	}
	if t.none() {
		return nil
	}
	known := t // on the heap only here
	return &known
}

// none reports whether nothing is known.
func (t *trial) none() bool {
	return t.verdict == nil && t.patchSince.IsZero() && !t.overtook && t.doubts == 0 &&
		t.attempts == 0 && t.failing == 0 && t.notBefore == 0 && len(t.tried) == 0
}
