package inventory

import (
	"cmp"
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/runtime/share"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/internal/feedlane"
)

// defaultChannel is the fulfillment channel of the merchant's own stock. A SKU can have
// more, the supply sources of multi-location inventory, each with its own quantity.
const defaultChannel = "DEFAULT"

// Settings are an account's own. Zero values mean the defaults.
type Settings struct {
	ProductType string // for updates that name none; default "PRODUCT", which fits all
	Channel     string // fulfillment channel for updates that name none; default "DEFAULT", the merchant's own stock
	IssueLocale string // language of Amazon's words, such as "en_US"; default Amazon's
	AllowFBA    bool   // quantities go to every SKU, whoever fulfils it; nobody asks
	Reserve     bool   // merchant's orders that a warehouse's number has not seen are taken off what is sent
	SendUnknown bool   // so do those of a SKU that Amazon says it does not have; by default they wait for FulfillmentWait
}

// Config is what the processor needs besides its input. A zero value means the
// default where there is one. The durations are on the pipeline's clock, except for
// Lease.
type Config struct {
	// Accounts is the directory of the moment; it may be replaced while running.
	Accounts func() *account.Directory
	// Settings are an account's. nil gives every account the defaults.
	Settings func(account string) Settings
	// Excluded reports whether another service manages the SKU at this moment: its
	// updates are not sent. nil excludes none.
	Excluded func(account, sku string) bool
	// Limits are the accounts' own; nil for Amazon's defaults.
	Limits quota.Limits
	// Sharing is the unit's: what accounts share of the limits of their applications. nil
	// has no such limits.
	Sharing *share.Unit

	// Linger is how long the oldest update waits for others before a feed is cut,
	// once createFeed has a token. Default 30 s, a quarter of what a token takes
	// under Amazon's limit: an account that has been quiet answers soon, and one that
	// is busy waits for its token anyway, not for this.
	Linger time.Duration
	// Enough is how many pending SKUs are sent at once, without Linger. Default MaxMessages.
	Enough int
	// MaxMessages and MaxBytes bound a feed. Default 25,000, Amazon's limit, and 10 MiB.
	MaxMessages int
	MaxBytes    int
	// MaxUploads is how many documents a unit makes at the same time. Each is in memory
	// meanwhile. Default 2.
	MaxUploads int

	// FeedInterval is the least time from one feed of an account to the next, whatever their
	// marketplaces. Default none: the next one waits for the end of the one before in its
	// marketplace, and for a token of createFeed. An hour at most: for so long, and
	// somewhat more, the state knows an account's feeds.
	FeedInterval time.Duration

	// PatchLinger is how long a small set waits for others before it is sent by
	// patchListingsItem. Default 2 s.
	PatchLinger time.Duration
	// PatchBelow is the largest set of SKUs of a feed's marketplace that is sent by
	// patches, those that wait for their patch included. From a larger set as many
	// at a time are sent by patches while a feed is under way, once they have waited for
	// Linger: the next feed may be half an hour off. Default 100, which are done in
	// 20 s. Negative: patches are for the urgent only.
	PatchBelow int
	// PatchMost is how many SKUs of an account may wait for a patch, urgent ones
	// and those behind a stuck feed included; more go into the next feed. Default
	// 500, which take 100 s, less than a createFeed token. Negative: never patch.
	PatchMost int

	// Lease is within which real time after its commit a writing call must have
	// started: less than the runtime's session timeout. Default 8 s.
	Lease time.Duration
	// CallTime is how long after its commit the answer to a writing call may come:
	// its lease and the client's timeout of a request. That is all the real time in
	// the quarantine, here on the pipeline's clock. Default 38 s.
	CallTime time.Duration
	// ApplyDelay is how late Amazon may carry out a call after the answer to it was
	// lost. Default 5 minutes.
	ApplyDelay time.Duration
	// ShowDelay is how late getFeeds may show a feed. Default 5 minutes.
	ShowDelay time.Duration

	// CommitTime is how much older than the end of its commit an intent can be: a
	// transaction's timeout. Default 30 s.
	CommitTime time.Duration

	// Patience is for how long an update is tried that Amazon neither takes nor
	// refuses for good, with growing waits, before it is given up; and MaxAttempts how
	// often at least. Defaults 6 hours and 5.
	Patience    time.Duration
	MaxAttempts int
	// NotListed reports whether Amazon's code means that the SKU is not listed in the
	// marketplace; it is then tried in the account's others. Default NotListed.
	NotListed func(code string) bool
	// Transient reports whether Amazon's code means that the same may work later.
	// Default Transient.
	Transient func(code string) bool

	// FulfillmentWait is how long the first quantity of a SKU waits to learn who fulfils it, and
	// that of a SKU that Amazon does not have to be listed. Default 0: nothing waits, and
	// SKUs that Amazon fulfils are sent quantities too.
	FulfillmentWait time.Duration

	// MaxSales bounds the recent orders of a unit. Beyond it the one that was placed first is
	// forgotten: what was sold by then is not known any more. Default 200,000.
	MaxSales int

	// AuditEvery is how often the report of all listings of an account is asked for. Default
	// 0: never. Each account has its own time within the first hour.
	AuditEvery time.Duration

	// SeenWithin is how long an accepted quantity is looked for at Amazon before it is given up
	// as UNSEEN. Default 0: nothing is looked for, and what Amazon accepts is APPLIED.
	SeenWithin time.Duration
	// LookAfter is how long a quantity that nothing else shows waits for its first look.
	// Default 5 minutes.
	LookAfter time.Duration
	// Accepted makes an outcome ACCEPTED of what Amazon takes and has not shown yet.
	Accepted bool
}

// NotListed knows the codes by which Amazon says that a SKU is not listed in a
// marketplace: 13013 of a processing report ("This SKU does not exist in your
// Amazon inventory"), NOT_FOUND of the Listings Items API.
func NotListed(code string) bool { return code == "13013" || code == "NOT_FOUND" }

// Transient knows the codes by which Amazon says that it failed by itself.
// They are those of the API's own errors: of processing reports Amazon
// publishes none.
func Transient(code string) bool {
	return slices.Contains([]string{"InternalFailure", "INTERNAL_FAILURE", "INTERNAL_ERROR", "ServiceUnavailable", "SERVICE_UNAVAILABLE"}, code)
}

func (c Config) withDefaults() Config {
	c.Linger = cmp.Or(c.Linger, 30*time.Second)
	c.MaxMessages = cmp.Or(c.MaxMessages, model.MaxFeedMessages)
	c.Enough = cmp.Or(c.Enough, c.MaxMessages)
	c.MaxBytes = cmp.Or(c.MaxBytes, model.MaxFeedBytes)
	c.MaxUploads = cmp.Or(c.MaxUploads, 2)
	c.PatchLinger = cmp.Or(c.PatchLinger, 2*time.Second)
	c.PatchBelow = cmp.Or(c.PatchBelow, 100)
	c.PatchMost = cmp.Or(c.PatchMost, 500)
	c.Lease = cmp.Or(c.Lease, 8*time.Second)
	c.CallTime = cmp.Or(c.CallTime, c.Lease+30*time.Second)
	c.ApplyDelay = cmp.Or(c.ApplyDelay, 5*time.Minute)
	c.ShowDelay = cmp.Or(c.ShowDelay, 5*time.Minute)
	c.CommitTime = cmp.Or(c.CommitTime, 30*time.Second)
	c.Patience = cmp.Or(c.Patience, 6*time.Hour)
	c.MaxAttempts = cmp.Or(c.MaxAttempts, 5)
	c.MaxSales = cmp.Or(c.MaxSales, 200_000)
	c.LookAfter = cmp.Or(c.LookAfter, 5*time.Minute)
	if c.Settings == nil {
		c.Settings = func(string) Settings { return Settings{} }
	}
	if c.Excluded == nil {
		c.Excluded = func(string, string) bool { return false }
	}
	if c.NotListed == nil {
		c.NotListed = NotListed
	}
	if c.Transient == nil {
		c.Transient = Transient
	}
	return c
}

// feeds is what feedlane needs of it.
func (c *Config) feeds() feedlane.Config {
	return feedlane.Config{
		Role: Processor, FeedType: model.JSONListingsFeed, Item: "SKU", Items: "quantities", Twice: "it may bring back an older quantity", Waits: alertWaits,
		Limits: c.Limits, Linger: c.Linger, MaxMessages: c.MaxMessages, Enough: c.Enough, MaxUploads: c.MaxUploads, FeedInterval: c.FeedInterval,
		Lease: c.Lease, CallTime: c.CallTime, ApplyDelay: c.ApplyDelay, ShowDelay: c.ShowDelay, CommitTime: c.CommitTime, Patience: c.Patience,
	}
}

// inheritedPatch is how long after its intent was written a patch that another
// owner started may be carried out.
func (c *Config) inheritedPatch() time.Duration {
	feeds := c.feeds()
	return feeds.InheritedCall()
}

func (c *Config) settings(account string) Settings {
	s := c.Settings(account)
	s.ProductType = cmp.Or(s.ProductType, "PRODUCT")
	s.Channel = cmp.Or(s.Channel, defaultChannel)
	return s
}

// channel is the one whose quantity an update is; nil for one that says nothing.
func (c *Config) channel(account string, u *update) string {
	named := ""
	if u != nil {
		named = u.common.Value().channel
	}
	return cmp.Or(named, c.settings(account).Channel)
}

// marketplaces are an account's, home first; none when it is not configured.
func (c *Config) marketplaces(id string) []string {
	if a, ok := c.Accounts().ByID(id); ok {
		return a.Marketplaces
	}
	return nil
}

// sellerID is "" when the account is not configured: the call then ends there.
func (c *Config) sellerID(id string) string {
	if a, ok := c.Accounts().ByID(id); ok {
		return a.SellerID
	}
	return ""
}

// Operations are the operations whose quota the processor owns.
func Operations() []string {
	return []string{
		model.CreateFeedDocument, model.CreateFeed, model.GetFeeds, model.CancelFeed,
		model.PatchListingsItem, model.GetListingsItem, model.SearchListingsItems,
		model.CreateReport, model.GetReport, model.GetReportDocument,
	}
}
