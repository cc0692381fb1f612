package config

import (
	"cmp"
	"regexp"
	"slices"
	"time"
)

// Whether quantities go to SKUs that Amazon fulfils, and when to those that it does not know.
const (
	FBARefuse   = "refuse"
	FBAAllow    = "allow"
	UnknownWait = "wait"
	UnknownSend = "send"
)

// Listings is how an account's quantities are sent to Amazon, unless an update says it.
type Listings struct {
	Scope       string `yaml:"scope"` // of earlier versions; see retiredScope
	ProductType string `yaml:"product_type"`
	Channel     string `yaml:"fulfillment_channel"`
	IssueLocale string `yaml:"issue_locale"`
	FBA         string `yaml:"fba"`
	Unknown     string `yaml:"unknown"`
	Reserve     *bool  `yaml:"reserve"` // nil leaves it open
}

// retiredScope is the one value of scope that is still taken: it says what holds
// for everybody now.
const retiredScope = "seller"

// WithoutEffect are the keys that are still taken and mean nothing any more, each with
// what to do.
func (c Config) WithoutEffect() (lines []string) {
	add := func(path string, l Listings) {
		if l.Scope == retiredScope {
			lines = append(lines, path+".scope: without effect, since a quantity is always the seller's: remove it")
		}
	}
	add("inventory.defaults", c.Inventory.Defaults)
	if c.Inventory.ReadBackShare != 0 || c.Inventory.ReadBackAfter != 0 {
		lines = append(lines, "inventory.read_back_share and read_back_after: without effect, since every accepted quantity is looked for: "+
			"remove them, and set look_after, or seen_within: 0s to look for none")
	}
	for i := range c.Accounts {
		file, path := c.Accounts[i].Place()
		add(file+": "+path+".inventory", c.Accounts[i].Inventory)
	}
	return lines
}

// Or is l, with defaults in place of what it leaves open.
func (l Listings) Or(defaults Listings) Listings {
	for _, field := range []struct{ own, other *string }{
		{&l.ProductType, &defaults.ProductType}, {&l.Channel, &defaults.Channel}, {&l.IssueLocale, &defaults.IssueLocale},
		{&l.FBA, &defaults.FBA}, {&l.Unknown, &defaults.Unknown},
	} {
		if *field.own == "" {
			*field.own = *field.other
		}
	}
	l.Reserve = cmp.Or(l.Reserve, defaults.Reserve)
	return l
}

// Inventory is the inventory processor. Its durations are on the pipeline's clock.
type Inventory struct {
	Defaults Listings `yaml:"defaults"` // for accounts that do not say otherwise

	Linger      time.Duration `yaml:"linger"`
	Enough      int           `yaml:"enough"`
	MaxMessages int           `yaml:"max_messages"`
	MaxBytes    int           `yaml:"max_bytes"`
	MaxUploads  int           `yaml:"max_uploads"`

	FeedInterval time.Duration `yaml:"feed_interval"` // 0: none

	PatchLinger time.Duration `yaml:"patch_linger"`
	PatchBelow  int           `yaml:"patch_below"` // 0: patches are for the urgent only
	PatchMost   int           `yaml:"patch_most"`  // 0: no patches

	ApplyDelay time.Duration `yaml:"apply_delay"`
	ShowDelay  time.Duration `yaml:"show_delay"`

	Patience       time.Duration `yaml:"patience"`
	MaxAttempts    int           `yaml:"max_attempts"`
	NotListedCodes []string      `yaml:"not_listed_codes"`
	TransientCodes []string      `yaml:"transient_codes"`

	FulfillmentWait time.Duration `yaml:"fulfillment_wait"`

	Accepted   bool          `yaml:"accepted"`    // an outcome ACCEPTED before the final one
	SeenWithin time.Duration `yaml:"seen_within"` // 0: nothing is looked for
	LookAfter  time.Duration `yaml:"look_after"`

	Audit Audit `yaml:"audit"`

	ReadBackShare float64       `yaml:"read_back_share"` // of earlier versions; see WithoutEffect
	ReadBackAfter time.Duration `yaml:"read_back_after"` // likewise

	MaxPending int `yaml:"max_pending"`
}

// Audit is the report of all listings of each account.
type Audit struct {
	Every time.Duration `yaml:"every"` // on the pipeline's clock; 0: never
}

// Feeds is the feeds processor.
type Feeds struct {
	StuckAfter time.Duration `yaml:"stuck_after"` // on the pipeline's clock
	Patience   time.Duration `yaml:"patience"`    // likewise
}

func defaultInventory() Inventory {
	return Inventory{
		Defaults: Listings{ProductType: "PRODUCT", Channel: "DEFAULT", FBA: FBARefuse, Unknown: UnknownWait},
		Linger:   30 * time.Second, Enough: 25_000, MaxMessages: 25_000, MaxBytes: 10 << 20, MaxUploads: 2,
		PatchLinger: 2 * time.Second, PatchBelow: 100, PatchMost: 500,
		ApplyDelay: 5 * time.Minute, ShowDelay: 5 * time.Minute,
		Patience: 6 * time.Hour, MaxAttempts: 5, NotListedCodes: []string{"13013", "NOT_FOUND"},
		TransientCodes: []string{
			"InternalFailure", "INTERNAL_FAILURE", "INTERNAL_ERROR", "ServiceUnavailable", "SERVICE_UNAVAILABLE",
		},
		FulfillmentWait: 15 * time.Minute, Audit: Audit{Every: 24 * time.Hour}, Accepted: true, SeenWithin: 24 * time.Hour, LookAfter: 5 * time.Minute, MaxPending: 1_000_000,
	}
}

var (
	// Product types and fulfillment channel codes are Amazon's own; these are the
	// characters of all that it lists.
	amazonCode = regexp.MustCompile(`^[A-Z0-9_]{1,100}$`)
	localeText = regexp.MustCompile(`^[a-z]{2}_[A-Z]{2}$`)
)

func (v *validator) inventory() {
	c := v.cfg.Inventory
	v.listings("inventory.defaults", c.Defaults.Or(defaultInventory().Defaults))
	v.duration("inventory.linger", c.Linger, time.Second, time.Hour)
	v.between("inventory.enough", c.Enough, 1, 25_000)
	// Amazon takes 25,000 messages, and advises 10 MiB.
	v.between("inventory.max_messages", c.MaxMessages, 1, 25_000)
	v.between("inventory.max_bytes", c.MaxBytes, 1<<16, 10<<20)
	v.between("inventory.max_uploads", c.MaxUploads, 1, 100)
	// The state knows the feeds of somewhat more than the last hour.
	v.duration("inventory.feed_interval", c.FeedInterval, 0, time.Hour)
	v.duration("inventory.patch_linger", c.PatchLinger, 100*time.Millisecond, time.Hour)
	v.between("inventory.patch_below", c.PatchBelow, 0, 10_000)
	v.between("inventory.patch_most", c.PatchMost, 0, 10_000)
	v.duration("inventory.apply_delay", c.ApplyDelay, time.Second, time.Hour)
	v.duration("inventory.show_delay", c.ShowDelay, time.Second, time.Hour)
	v.duration("inventory.patience", c.Patience, 10*time.Minute, 7*24*time.Hour)
	v.between("inventory.max_attempts", c.MaxAttempts, 1, 100)
	v.codes("inventory.not_listed_codes", c.NotListedCodes)
	v.codes("inventory.transient_codes", c.TransientCodes)
	v.duration("inventory.fulfillment_wait", c.FulfillmentWait, time.Minute, 24*time.Hour)
	v.duration("inventory.seen_within", c.SeenWithin, 0, 6*24*time.Hour) // less than a SKU is remembered
	v.duration("inventory.look_after", c.LookAfter, time.Minute, time.Hour)
	if every := c.Audit.Every; every != 0 { // 0: never
		v.duration("inventory.audit.every", every, time.Hour, 7*24*time.Hour)
	}
	v.between("inventory.max_pending", c.MaxPending, 1000, 10_000_000)
	v.duration("feeds.stuck_after", v.cfg.Feeds.StuckAfter, time.Minute, 7*24*time.Hour)
	v.duration("feeds.patience", v.cfg.Feeds.Patience, 10*time.Minute, 7*24*time.Hour)
}

// codes checks a list of Amazon's codes. An empty one would be that of every issue
// without a code.
func (v *validator) codes(path string, codes []string) {
	if slices.Contains(codes, "") {
		v.fault(path, "a code is empty: remove it, or write the code that Amazon gives, such as 13013")
	}
}

// listings checks what an account, or the default, says; what is empty is open.
func (v *validator) listings(path string, l Listings) {
	if l.Scope != "" && l.Scope != retiredScope {
		v.fault(path+".scope", "%q is not possible: Amazon keeps one quantity of a SKU for all marketplaces of a seller and region, so one sent for a marketplace "+
			"overwrites the others. Remove the key, and have producers send one number for each SKU; where marketplaces need numbers of their own, list them under different SKUs", l.Scope)
	}
	if l.FBA != "" {
		v.oneOf(path+".fba", l.FBA, FBARefuse, FBAAllow)
	}
	if l.Unknown != "" {
		v.oneOf(path+".unknown", l.Unknown, UnknownWait, UnknownSend)
	}
	if l.ProductType != "" && !amazonCode.MatchString(l.ProductType) {
		v.fault(path+".product_type", "%q is not a product type as Amazon writes them, such as LUGGAGE, or PRODUCT for all", l.ProductType)
	}
	if l.Channel != "" && !amazonCode.MatchString(l.Channel) {
		v.fault(path+".fulfillment_channel", "%q is not a fulfillment channel code, such as DEFAULT for the merchant's own stock", l.Channel)
	}
	if l.IssueLocale != "" && !localeText.MatchString(l.IssueLocale) {
		v.fault(path+".issue_locale", "%q is not a locale, such as en_US", l.IssueLocale)
	}
}
