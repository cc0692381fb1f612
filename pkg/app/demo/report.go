package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strings"
	"time"
)

// Report is what the demo found, as `--json` prints it. None of it comes from
// the pipeline: calls are the simulator's ledger, enriched orders are read
// from the topics (read_committed), events are what EventBridge received.
type Report struct {
	ElapsedSeconds float64       `json:"elapsed_seconds"`
	Speed          float64       `json:"speed"`
	Recovered      int           `json:"recovered"` // orders whose final state only a search found: its notification was dropped
	Orders         Orders        `json:"orders"`
	Waits          Waits         `json:"waits"`
	Inventory      Inventory     `json:"inventory"`
	Shipments      Shipments     `json:"shipments"`
	Cancellations  Cancellations `json:"cancellations"`
	SPAPI          SPAPI         `json:"spapi"`
	DeadLetters    int           `json:"dead_letters"`
}

// Orders follows orders to EventBridge: those that were notified, and those
// whose notifications Amazon dropped.
type Orders struct {
	Notifications  int `json:"notifications"`   // messages that entered the queue, repeats included
	Distinct       int `json:"distinct"`        // orders that they were about, or should have been
	Enriched       int `json:"enriched"`        // of these, whose final state stands on the orders topic
	Published      int `json:"published"`       // of these, whose final state EventBridge received
	Lost           int `json:"lost"`            // distinct − published
	PublishedTwice int `json:"published_twice"` // event ids that EventBridge received more than once
	Unnotified     int `json:"unnotified"`      // of the distinct ones: no notification carried their final state
}

// Inventory follows wanted quantities from upstream services to Amazon, and
// their outcomes back.
type Inventory struct {
	Updates int `json:"updates"` // that upstream services produced
	SKUs    int `json:"skus"`    // that they were about, by account
	Feeds   int `json:"feeds"`   // that came into being at Amazon
	Patches int `json:"patches"` // single calls that Amazon accepted

	Applied    int `json:"applied"` // outcomes on inventory-results: together they are the updates
	Rejected   int `json:"rejected"`
	Superseded int `json:"superseded"`
	Excluded   int `json:"excluded"`
	Failed     int `json:"failed"`

	AmazonFulfils int `json:"amazon_fulfils"` // of the rejected ones: Amazon fulfils the SKU, and was not asked

	Drifts          int `json:"drifts"`           // SKUs whose quantity somebody changed at Amazon
	DriftsFound     int `json:"drifts_found"`     // of these, reported by an alert
	DriftsCorrected int `json:"drifts_corrected"` // of these, with the wanted quantity at Amazon again

	Unresolved      int `json:"unresolved"`       // updates without an outcome
	FeedsDouble     int `json:"feeds_double"`     // feeds that should not exist
	QuantitiesWrong int `json:"quantities_wrong"` // SKUs that do not show their newest quantity at Amazon, once all is resolved
	EventsMissing   int `json:"events_missing"`   // events of feeds and refusals that EventBridge did not receive
}

// outcomes is how many there are.
func (i Inventory) outcomes() int {
	return i.Applied + i.Rejected + i.Superseded + i.Excluded + i.Failed
}

// broken names the promises that are.
func (i Inventory) broken() []string {
	return promises{
		{i.Unresolved, "%d stock updates have no outcome"},
		{i.outcomes() + i.Unresolved - i.Updates, "%d stock updates have a second outcome"},
		{i.FeedsDouble, "%d feeds were submitted twice"},
		{i.Drifts - i.DriftsCorrected, "%d quantities that somebody changed at Amazon were not found and corrected"},
		{i.QuantitiesWrong, "%d SKUs do not have their newest quantity at Amazon"},
		{i.EventsMissing, "%d events of feeds and refused quantities did not reach EventBridge"},
	}.broken()
}

// Shipments follows packages from the warehouse to Amazon, and their outcomes back.
type Shipments struct {
	Requested int `json:"requested"` // records that the warehouse produced, corrections included
	Packages  int `json:"packages"`  // that they were about, wrong ones left out
	Letters   int `json:"letters"`   // of these, without a tracking number: a feed confirms them

	Confirmed  int `json:"confirmed"` // outcomes on shipment-confirmations: together they are the records
	Rejected   int `json:"rejected"`
	Superseded int `json:"superseded"`

	Unresolved     int `json:"unresolved"`      // records without an outcome
	ConfirmedTwice int `json:"confirmed_twice"` // packages that Amazon has besides, and confirmations that told it nothing new
	PackagesWrong  int `json:"packages_wrong"`  // packages that Amazon does not have as they were last said to be, once all is resolved
	EventsMissing  int `json:"events_missing"`  // events of shipments that EventBridge did not receive

	unsaid int // orders that the warehouse has not heard of, and corrections that are to come
	wrong  int // records of items that were not ordered: Amazon or the check against the order refuses them
}

// broken names the promises that are.
func (s Shipments) broken() []string {
	return promises{
		{s.unsaid, "%d shipments did not come to be, for the warehouse has not heard of their orders"},
		{s.Unresolved, "%d shipments have no outcome"},
		{s.Confirmed + s.Rejected + s.Superseded + s.Unresolved - s.Requested, "%d shipments have a second outcome"},
		{s.wrong - s.Rejected, "%d shipments were not rejected that had to be (below 0: rejected that should not be)"},
		{s.ConfirmedTwice, "%d packages were confirmed twice"},
		{s.PackagesWrong, "%d packages do not have their newest tracking number at Amazon"},
		{s.EventsMissing, "%d events of shipments did not reach EventBridge"},
	}.broken()
}

// promises are counts that must be 0, and what to say of one that is not.
type promises []struct {
	count int
	text  string
}

func (p promises) broken() []string {
	var broken []string
	for _, promise := range p {
		if promise.count != 0 {
			broken = append(broken, fmt.Sprintf(promise.text, promise.count))
		}
	}
	return broken
}

// SPAPI counts the calls that reached the simulated Amazon.
type SPAPI struct {
	Calls     map[string]int `json:"calls"` // by operation
	Throttled int            `json:"throttled"`
}

// someUnnotified are so many that not all can have been fetched by luck: because
// of an older notification that came late.
const someUnnotified = 5

// complete reports whether every order has arrived, and every update, feed
// and shipment has come to its end.
func (r Report) complete() bool {
	return r.Orders.Published == r.Orders.Distinct && r.Inventory.Unresolved == 0 && r.Inventory.EventsMissing == 0 &&
		r.Inventory.DriftsCorrected == r.Inventory.Drifts &&
		r.Shipments.unsaid == 0 && r.Shipments.Unresolved == 0 && r.Shipments.EventsMissing == 0 &&
		r.Cancellations.Unresolved == 0
}

// Err is nil when the run kept the pipeline's promises, and else names each
// that it broke.
func (r Report) Err() error {
	var broken []string
	if r.Orders.Lost != 0 {
		broken = append(broken, fmt.Sprintf("%d of %d orders were lost", r.Orders.Lost, r.Orders.Distinct))
	}
	if r.Recovered == 0 && r.Orders.Unnotified >= someUnnotified {
		broken = append(broken, fmt.Sprintf("no search found one of the %d orders without a notification", r.Orders.Unnotified))
	}
	if r.Orders.PublishedTwice != 0 {
		broken = append(broken, fmt.Sprintf("%d events were published twice", r.Orders.PublishedTwice))
	}
	broken = append(broken, r.Inventory.broken()...)
	broken = append(broken, r.Shipments.broken()...)
	broken = append(broken, r.Cancellations.broken()...)
	if r.SPAPI.Throttled != 0 {
		broken = append(broken, fmt.Sprintf("Amazon throttled %d calls", r.SPAPI.Throttled))
	}
	if len(broken) == 0 {
		return nil
	}
	return fmt.Errorf("the demo broke its promise: %s", strings.Join(broken, ", "))
}

// WriteJSON prints the report as one JSON object.
func (r Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// WriteText prints the report for a person.
func (r Report) WriteText(w io.Writer) error {
	var calls []string
	for operation, n := range r.SPAPI.Calls {
		calls = append(calls, fmt.Sprintf("%s %d", operation, n))
	}
	sort.Strings(calls)
	amazon := time.Duration(r.ElapsedSeconds * r.Speed * float64(time.Second)).Round(time.Minute)
	i, s := r.Inventory, r.Shipments
	_, err := fmt.Fprintf(w, `
Done in %.1f s (%s on the pipeline's clock, %g times as fast).
  notifications   %6d   that Amazon sent, repeats included
  orders          %6d   that they were about, or should have been
  enriched        %6d   on the orders topic in their final state
  published       %6d   on EventBridge in their final state
  lost            %6d
  recovered       %6d   of %d whose last notification Amazon dropped: searches found them
  published twice %6d   event ids
  merchant's      %s
  Amazon's        %s
  dead letters    %6d
  stock updates   %6d   of %d SKUs
    applied       %6d   by %d feeds and %d single calls
    rejected      %6d   by Amazon, or unsent: of SKUs that Amazon fulfils there are %d
    superseded    %6d   by a newer update before they were sent
    excluded      %6d   managed by another service
    failed        %6d
  drifted         %6d   SKUs that somebody changed at Amazon: %d found, %d corrected
  unresolved      %6d   stock updates
  feeds double    %6d
  shipments       %6d   of %d packages, %d of them letters; corrections and wrong ones included
    confirmed     %6d   by Amazon
    rejected      %6d   for items that the order does not have
    superseded    %6d   by a newer record of their package
  unresolved      %6d   shipments
  confirmed twice %6d
  cancellations   %6d   of orders that the warehouse could not ship: %d accepted by Amazon, %d unresolved
  calls to Amazon   %s; throttled %d
`, r.ElapsedSeconds, amazon, r.Speed,
		r.Orders.Notifications, r.Orders.Distinct, r.Orders.Enriched, r.Orders.Published,
		r.Orders.Lost, r.Recovered, r.Orders.Unnotified, r.Orders.PublishedTwice, r.Waits.Merchant, r.Waits.Amazon, r.DeadLetters,
		i.Updates, i.SKUs, i.Applied, i.Feeds, i.Patches, i.Rejected, i.AmazonFulfils, i.Superseded, i.Excluded, i.Failed, i.Drifts, i.DriftsFound, i.DriftsCorrected,
		i.Unresolved, i.FeedsDouble,
		s.Requested, s.Packages, s.Letters, s.Confirmed, s.Rejected, s.Superseded, s.Unresolved, s.ConfirmedTwice,
		r.Cancellations.Requested, r.Cancellations.Accepted, r.Cancellations.Unresolved, strings.Join(calls, ", "), r.SPAPI.Throttled)
	return err
}
