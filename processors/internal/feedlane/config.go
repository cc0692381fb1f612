package feedlane

import (
	"cmp"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Config is what lanes need besides their items. A zero value means the default, if
// there is a default. The durations are on the pipeline's clock, except for Lease.
type Config struct {
	Role     string // whose lanes they are
	FeedType string // Amazon's, such as model.JSONListingsFeed
	// Item and Items are what a message is about, and what a feed brings, in words for
	// people: "SKU", "quantities". Twice is what a second feed with the same does: "it
	// may bring back an older quantity".
	Item, Items, Twice string
	// With Never, for items whose repeat Amazon may carry out as well, what a feed may have
	// carried out is not sent again, but ends Failed.
	Never bool
	// GivenUp is the outcome that the role gives an item with which patience is over.
	GivenUp string
	// Waits is the type of the alert that items wait while feeds fail.
	Waits string
	// Limits are the accounts' own; nil for Amazon's defaults.
	Limits quota.Limits
	// Accounts is the directory of the moment; it may be replaced while running.
	Accounts func() *account.Directory

	// Linger is how long the oldest item waits for others before a feed is begun, once
	// createFeed has a token. Default 30 s.
	Linger time.Duration
	// MaxMessages bounds a feed. Default 25,000, Amazon's limit for listings.
	MaxMessages int
	// Enough is how many waiting items are sent at once, without Linger. Default MaxMessages.
	Enough int
	// MaxUploads is how many documents a unit makes at the same time. Each is in memory
	// meanwhile. Default 2.
	MaxUploads int
	// FeedInterval is the least time from one feed of an account to the next, whatever their
	// marketplaces. Default none. An hour at most: for so long, and somewhat more, the
	// state knows an account's feeds.
	FeedInterval time.Duration

	// Lease is within which real time after its commit a writing call must have
	// started: less than the runtime's session timeout. Default 8 s.
	Lease time.Duration
	// CallTime is how long after its commit the answer to a writing call may come:
	// its lease and the client's timeout of a request. Default 30 s more than Lease.
	CallTime time.Duration
	// ApplyDelay is how late Amazon may carry out a call after the answer to it was
	// lost. Default 5 minutes.
	ApplyDelay time.Duration
	// ShowDelay is how late getFeeds may show a feed. Default 5 minutes.
	ShowDelay time.Duration
	// CommitTime is how much older than the end of its commit an intent can be: a
	// transaction's timeout. Default 30 s.
	CommitTime time.Duration
	// Patience is for how long an item is tried that Amazon neither takes nor refuses
	// for good. Default 6 hours.
	Patience time.Duration
}

// once reports whether Amazon refuses a repeat, so that no item may be in two feeds at a
// time. A quantity is absolute, so a repeat is harmless.
func (c *Config) once() bool { return c.FeedType != model.JSONListingsFeed }

func (c Config) withDefaults() Config {
	c.Linger = cmp.Or(c.Linger, 30*time.Second)
	c.MaxMessages = cmp.Or(c.MaxMessages, model.MaxFeedMessages)
	c.Enough = cmp.Or(c.Enough, c.MaxMessages)
	c.MaxUploads = cmp.Or(c.MaxUploads, 2)
	c.Lease = cmp.Or(c.Lease, 8*time.Second)
	c.CallTime = cmp.Or(c.CallTime, c.Lease+30*time.Second)
	c.ApplyDelay = cmp.Or(c.ApplyDelay, 5*time.Minute)
	c.ShowDelay = cmp.Or(c.ShowDelay, 5*time.Minute)
	c.CommitTime = cmp.Or(c.CommitTime, 30*time.Second)
	c.Patience = cmp.Or(c.Patience, 6*time.Hour)
	return c
}

// Quarantine is how long after a createFeed has ended without an answer getFeeds
// is sure to show the feed, if there is one.
func (c *Config) Quarantine() time.Duration { return c.ApplyDelay + c.ShowDelay }

// InheritedQuarantine is the same, after its intent was written, for a createFeed
// that another owner started: how that ended is not known.
func (c *Config) InheritedQuarantine() time.Duration { return c.InheritedCall() + c.ShowDelay }

// InheritedCall is how long after its intent was written a call that another
// owner started may be carried out.
func (c *Config) InheritedCall() time.Duration { return c.CommitTime + c.CallTime + c.ApplyDelay }
