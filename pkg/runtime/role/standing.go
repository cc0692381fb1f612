package role

import (
	"time"

	"github.com/sellerstream/sellerstream/schemas"
)

// Standing takes what the state of a role says about one account. Package
// accountstatus shows it.
type Standing interface {
	// Now is the moment of the pipeline's clock at which the state is read.
	Now() time.Time
	// Work takes a piece of work without an outcome: since when it waits, its name, such
	// as "order 302-...", and whether Amazon knows about it and has not answered.
	Work(since time.Time, name string, underWay bool)
	// Urgent notes that a piece of work that Work took goes before the account's other work.
	Urgent(since time.Time)
	// Tried notes how many tries of a piece of work that Work took have failed.
	Tried(times int32)
	// Call takes a call that the work needs.
	Call(operation string)
	// Quantity takes a quantity that waits for a feed or a call of its own.
	Quantity()
	// Unchecked takes one that waits first to learn who fulfils its SKU, where the account asks.
	Unchecked()
	// GaveUp takes why a piece of work was given up; nil for none.
	GaveUp(why *schemas.Failure)
	// Doubt takes a writing call whose answer was lost.
	Doubt(d Doubt)
	// Wait takes why an operation's calls do not go on, besides their quota.
	Wait(w Wait)
	// Feed takes a feed that Amazon has, or may have.
	Feed(f Feed)
	// Backfill takes how far the backfill of the account's orders is.
	Backfill(b Backfill)
	// Absent takes a part of orders that Amazon leaves out.
	Absent(a Absent)
	// Notifications is to be filled with how notifications come.
	Notifications() *Notifications
}

// Doubt is a writing call whose answer was lost: Amazon may carry it out until a
// time. Those of single SKUs are taken together.
type Doubt struct {
	Operation     string    `json:"operation"`
	MarketplaceID string    `json:"marketplaceId,omitzero"` // of createFeed
	SKUs          int       `json:"skus"`                   // that it is about
	Since         time.Time `json:"since,omitzero"`         // when the first of them was sent; zero where a version before wrote it
	Until         time.Time `json:"until"`                  // when the last of them is over
}

// Wait is what holds an operation's calls up, besides their quota.
type Wait struct {
	Operation string    `json:"operation"`
	Parked    bool      `json:"parked"` // Amazon refuses the account's credentials
	Reason    string    `json:"reason"`
	Since     time.Time `json:"since"`
	Until     time.Time `json:"until"`           // when the next call is tried
	Blame     string    `json:"blame,omitzero"`  // whose fault it is, as pkg/runtime/blame names it; "" where that is not known
	Alerts    []string  `json:"alerts,omitzero"` // types of the alerts that have reported it
}

// Feed is a feed that Amazon has, or may have.
type Feed struct {
	ID            string    `json:"feedId,omitzero"` // none while createFeed is under way
	Type          string    `json:"feedType"`
	MarketplaceID string    `json:"marketplaceId,omitzero"`
	Phase         string    `json:"phase"`           // as FeedLaneState and FeedState have it
	Status        string    `json:"status,omitzero"` // Amazon's processingStatus, as last seen
	Messages      int       `json:"messages,omitzero"`
	Since         time.Time `json:"since,omitzero"` // when it was submitted, or meant to be
	Stuck         bool      `json:"stuck,omitzero"`
	// Blocks is whether no other feed of the account is submitted before this one ends.
	Blocks bool `json:"-"`
	// Report is whether it has ended, and its report is to be read.
	Report bool `json:"-"`
}

// Notifications is what the state knows of an account's order notifications, and
// of the searches for what they did not bring.
type Notifications struct {
	Last     time.Time `json:"last,omitzero"`     // when the last one came
	Silent   time.Time `json:"silent,omitzero"`   // when the alert about a silence that still lasts was raised
	Searched time.Time `json:"searched,omitzero"` // changes up to here have been searched
	Found    int64     `json:"found"`             // orders or changes that a search found first
}

// Absent is a part of orders that Amazon has left out of all its last answers in which it
// could be expected.
type Absent struct {
	Part    string `json:"part"`    // of orders.included_data, or BUYER or RECIPIENT
	About   string `json:"about"`   // which orders should carry it
	Answers int    `json:"answers"` // how many of them in a row came without it
	// Maybe is whether the account's orders may have none, whatever its roles.
	Maybe bool `json:"maybe,omitzero"`
}

// Backfill is how far the backfill of an account's orders is.
type Backfill struct {
	Since     time.Time `json:"since"`              // orders placed since then are read
	Until     time.Time `json:"until"`              // and up to then
	Cursor    time.Time `json:"cursor"`             // those placed from here to Until have been
	Begun     time.Time `json:"begun"`              // when it was asked for
	Finished  time.Time `json:"finished,omitzero"`  // zero while it runs
	NotBefore time.Time `json:"notBefore,omitzero"` // when a page that failed is tried again
	Attempts  int32     `json:"attempts"`           // how often it has failed
	Read      int64     `json:"read"`               // orders that pages have shown
	Found     int64     `json:"found"`              // those of them that were not known
}
