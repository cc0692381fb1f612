package inventory

import (
	"cmp"
	"fmt"
	"hash/fnv"

	"github.com/sellerstream/sellerstream/pkg/platform/commands"
	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	// readbackPrefix begins the keys of the calls; nothing stands under them in the state.
	readbackPrefix = "readback/"
	// maxSamples bounds the samples of a unit.
	maxSamples = 1000
)

// readbacks looks whether a share of the quantities that Amazon accepted have
// arrived: "accepted" means "being applied". A sample is lost with its owner.
type readbacks struct {
	cfg     *Config
	lanes   *lane.Lanes
	samples map[string]*sample // by call key
}

type sample struct {
	lane.Item
	sku         *sku
	update      *update
	before      int32 // the quantity that Amazon had accepted before
	marketplace string
}

func newReadbacks(cfg *Config) *readbacks {
	return &readbacks{cfg: cfg, lanes: lane.New(model.GetListingsItem, cfg.Limits.Of).In(Processor, commands.Doctor).Sharing(cfg.Sharing), samples: make(map[string]*sample)}
}

// sample takes an applied update for a read-back, if it is one of the share.
func (r *readbacks) sample(tx *machine.Tx, s *sku, u *update, marketplace string, before int32) {
	if r.cfg.ReadBackShare <= 0 {
		return
	}
	due := tx.Now.Add(r.cfg.ReadBackAfter)
	if taken := r.samples[readbackPrefix+s.Key]; taken != nil {
		if taken.Queued() {
			taken.update, taken.marketplace, taken.before = u, marketplace, before
			r.lanes.Add(s.account(), &taken.Item, due)
		}
		return
	}
	if len(r.samples) >= maxSamples {
		return
	}
	sum := fnv.New32a()
	_, _ = fmt.Fprintf(sum, "%s/%d", s.Key, u.offset)
	if float64(sum.Sum32())/(1<<32) >= r.cfg.ReadBackShare {
		return
	}
	taken := &sample{Item: lane.Item{Key: readbackPrefix + s.Key}, sku: s, update: u, before: before, marketplace: marketplace}
	r.samples[taken.Key] = taken
	r.lanes.Add(s.account(), &taken.Item, due)
}

// start starts a read-back. One whose SKU has been sent something newer tells nothing.
func (r *readbacks) start(tx *machine.Tx, item *lane.Item) {
	taken := r.samples[item.Key]
	s := taken.sku
	if s.newest != taken.update.stamp {
		r.lanes.Finish(tx, s.account(), item, &machine.Result{Outcome: machine.Snooze{Unspent: true}})
		delete(r.samples, item.Key)
		return
	}
	tx.Call(machine.Call{
		Account: s.account(), Operation: model.GetListingsItem, Key: item.Key,
		Request: &model.GetListingsItemRequest{SellerID: r.cfg.sellerID(s.account()), MarketplaceID: taken.marketplace, SKU: s.id()},
	})
}

// readBack compares what Amazon shows with what it accepted.
func (m *Machine) readBack(tx *machine.Tx, res *machine.Result) {
	r := m.readbacks
	taken := r.samples[res.Call.Key]
	if taken == nil || !taken.InFlight() {
		return
	}
	r.lanes.Finish(tx, taken.sku.account(), &taken.Item, res)
	if _, snoozed := res.Outcome.(machine.Snooze); snoozed {
		r.lanes.Add(taken.sku.account(), &taken.Item, tx.Now)
		return
	}
	delete(r.samples, res.Call.Key)
	done, _ := res.Outcome.(machine.Done)
	item, ok := done.Response.(*model.ListingsItem)
	if !ok || taken.sku.newest != taken.update.stamp {
		return
	}
	if f := fulfillerOf(item); f != unlearned && f != taken.sku.fulfiller && m.skus[taken.sku.Key] == taken.sku {
		m.learn(tx, taken.sku.listing(), f)
	}
	shown, ok := taken.shown(item)
	if !ok || !taken.missing(shown) {
		return
	}
	u, s := taken.update, taken.sku
	alert(tx, s.account(), schemas.Alert{
		EventType: alertNotApplied, Severity: warning, Subject: s.id(), Since: u.time.time(),
		Message: fmt.Sprintf("Amazon accepted quantity %d of SKU %s but shows %d %v later: look at the listing in Seller Central, "+
			"and whether something else sets its quantity", u.quantity, s.id(), shown, m.cfg.ReadBackAfter),
		Attributes: map[string]string{"marketplaceId": taken.marketplace, "updateId": u.id},
	})
}

// shown is the quantity that a listing offers through the update's channel.
func (t *sample) shown(item *model.ListingsItem) (int, bool) {
	channel := cmp.Or(t.update.common.Value().channel, t.sku.channel())
	for _, a := range item.FulfillmentAvailability {
		if a.FulfillmentChannelCode == channel && a.Quantity != nil {
			return *a.Quantity, true
		}
	}
	return 0, false
}

// missing reports whether a quantity shows that the update did not arrive. Sales
// lower it, so a lower one says so only where it is the one from before.
func (t *sample) missing(shown int) bool {
	want := int(t.update.quantity)
	return shown > want || shown < want && t.before != unknownQuantity && shown == int(t.before)
}
