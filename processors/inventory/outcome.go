package inventory

import (
	"fmt"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/processors/internal/feedlane"
	"github.com/sellerstream/sellerstream/schemas"
)

// Outcomes; see schemas.InventoryResult.
const (
	onlyTaken  = "ACCEPTED" // Amazon took it; another outcome follows
	applied    = "APPLIED"
	unseen     = "UNSEEN"
	rejected   = "REJECTED"
	superseded = "SUPERSEDED"
	excluded   = "EXCLUDED"
	failed     = "FAILED"
)

// The ways by which a quantity is sent.
const (
	viaFeed  = "FEED"
	viaPatch = "PATCH"
)

// Types and severities of alerts.
const (
	alertNotApplied = "QuantityNotApplied"
	alertDrift      = "QuantityDrift"
	alertWaits      = "StockWaits"
	alertUnchecked  = "FulfillmentUnknown"
	alertAmazons    = "FulfilledByAmazon"
	alertCatalogue  = "CatalogueUnread"

	warning  = "WARNING"
	critical = "CRITICAL"
)

// sending is how and where an update was sent.
type sending struct {
	via, feedID, marketplace string
	at                       time.Time
	shared                   bool // a feed that carried others too failed
}

// outcome writes the one final outcome of an update. A replay's is another one.
func outcome(tx *machine.Tx, s *sku, u *update, result schemas.InventoryResult, how sending) {
	s.ends(u)
	if u.stamp == s.newest && !u.silent() && result.Outcome != applied && result.Outcome != unseen { // Amazon has another quantity than the newest, or none
		if s.work != nil {
			s.lapses()
		}
		s.applied = unknownQuantity
	}
	if u.silent() {
		return
	}
	about(&result, s, u)
	result.EventID, result.DecidedTime = outcomeID(tx, s, u), tx.Now
	if how.via != "" {
		result.SentQuantity = u.differs()
	}
	result.Via, result.FeedID, result.MarketplaceID = how.via, how.feedID, how.marketplace
	tx.Emit(machine.Output{Topic: schemas.InventoryResults, Account: s.account(), Value: &result})
}

// ends notes that an update has its final outcome: it is not looked for any more.
func (s *sku) ends(u *update) {
	if u.is(s.unseen()) {
		s.watch.update = nil
	}
}

// outcomeID is the id of the outcome of an update.
func outcomeID(tx *machine.Tx, s *sku, u *update) string {
	source := u.source()
	if source == "" { // a version that knew no ids has put it into the state
		return tx.EventID("InventoryResult", s.account(), fmt.Sprint(u.partition), fmt.Sprint(schemas.SourceOffset(u.offset)), u.replay())
	}
	return tx.EventID("InventoryResult", source)
}

// about sets what a result says of its update.
func about(result *schemas.InventoryResult, s *sku, u *update) {
	result.Replay = u.replay()
	result.UpdateID, result.SourcePartition, result.SourceOffset = u.id, u.partition, schemas.SourceOffset(u.offset)
	result.Account, result.SKU = s.account(), s.id()
	result.Quantity, result.EventTime = u.quantity, u.time.time()
}

// supersede gives u the outcome that a newer update took its place; by may be
// nil, when that one is settled already.
func supersede(tx *machine.Tx, s *sku, u, by *update) {
	if by.succeeds(u) {
		return
	}
	s.ends(u)
	if u.silent() {
		return
	}
	o := &supersession{sku: s, update: u, by: by, since: s.newest.time, id: outcomeID(tx, s, u), decided: tx.Now}
	if by != nil {
		o.since = by.time
	}
	tx.Emit(machine.Output{Topic: schemas.InventoryResults, Account: s.account(), Value: o})
}

// supersession is the outcome of an update that is superseded. There can be many in a tick:
// each makes its result when that is written.
type supersession struct {
	sku     *sku
	update  *update
	by      *update // nil where that is settled already
	since   millis  // its event time
	id      string
	decided time.Time
}

// Value makes the result.
func (o *supersession) Value(earlier any) any {
	result, ok := earlier.(*schemas.InventoryResult)
	if !ok {
		result = new(schemas.InventoryResult)
	}
	*result = schemas.InventoryResult{EventID: o.id, Outcome: superseded, SupersededByEventTime: o.since.time(), DecidedTime: o.decided}
	if o.by != nil {
		result.SupersededBy, result.SupersededByQuantity = o.by.id, &o.by.quantity
	}
	about(result, o.sku, o.update)
	return result
}

func reject(tx *machine.Tx, s *sku, u *update, v verdict, how sending) {
	outcome(tx, s, u, schemas.InventoryResult{
		Outcome: rejected, Code: v.code, Message: v.message, AttributeName: v.attribute,
	}, how)
}

func fail(tx *machine.Tx, s *sku, u *update, why verdict, how sending) {
	if !u.silent() { // which stands for no record
		s.failed(tx.Now, u, why)
	}
	outcome(tx, s, u, schemas.InventoryResult{Outcome: failed, Code: why.code, Message: why.message}, how)
}

// alert tells a person.
func alert(tx *machine.Tx, account string, a schemas.Alert) {
	a.Account, a.Role = account, Processor
	tx.Alert(&a)
}

// words are Amazon's, shortened to what fits a state entry.
func words(text string) string { return feedlane.Words(text) }
