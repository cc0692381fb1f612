package simulator

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/runtime/account"
)

// Config describes which Amazon to simulate. The zero value of an optional field
// means its default.
type Config struct {
	Applications []Application // SP-API applications; at least one
	Accounts     []Account     // seller accounts; at least one
	Queues       []string      // names of SQS queues that exist at start; DefaultQueue when empty
	EventBuses   []string      // EventBridge buses besides "default"

	// Rates replaces Amazon's default quota of an operation, by operation name.
	Rates map[string]Rate
	// ApplicationRates replaces Amazon's limit of an operation that the accounts of an
	// application share in a region, or sets one.
	ApplicationRates map[string]Rate
	// ReadLag is how late a changed order shows in getOrder and searchOrders,
	// in Clock's time. Default 0.
	ReadLag time.Duration
	// ItemsPerPage is how many items a page of Orders v0's getOrderItems has.
	// Default 100.
	ItemsPerPage int

	// Lenient ignores parameters and members of the SP-API's requests that an operation
	// does not have, as Amazon does. Otherwise they are refused: they are mistakes.
	Lenient bool

	// BuyerMark begins whatever is a buyer's in an order (names, e-mail, address,
	// phone, wishes), by which it is found wherever it should not be. Default none.
	BuyerMark string

	// SKUs is how many listings each seller begins with (see Simulator.SKUs).
	// Default none.
	SKUs int
	// EveryAmazons has Amazon fulfil every so many-th of these listings. Default 0, none.
	EveryAmazons int
	// AcceptUnknownSKUs reports messages and patches of SKUs that are not listed
	// as accepted and applies nothing, as Amazon was seen to do. Otherwise they
	// are refused with the code 13013.
	AcceptUnknownSKUs bool
	// ListingsLag is how late an applied quantity shows in getListingsItem's
	// fulfillmentAvailability, in Clock's time. Default 0.
	ListingsLag time.Duration
	// FeedTimes is how long feeds take that no Rule scripts. Default 30 to 60 s.
	FeedTimes FeedTimes
	// FeedNotifications describes what goes wrong with the notifications of finished
	// feeds. Default nothing.
	FeedNotifications FeedNotifications
	// ListingsFeeds is the throttle of JSON_LISTINGS_FEED, for each seller and
	// region. Default 5 in any 5 minutes, Amazon's since May 2025.
	ListingsFeeds Window
	// DocumentLimit bounds an upload, in bytes. Default 10 MiB, which is what
	// Amazon advises not to exceed.
	DocumentLimit int64
	// DocumentsURL is where presigned URLs lead, without a path, when Documents
	// is mounted rather than served by Start.
	DocumentsURL string

	// SubscribedOnly sends a seller's notifications where its subscriptions say,
	// as Amazon does. Otherwise they go to the account's queue, subscribed or not.
	SubscribedOnly bool
	// SeveralSubscriptions lets a seller have several subscriptions of one type whose
	// filters differ. Otherwise a second one is refused with 409.
	SeveralSubscriptions bool

	// ListingNotifications sends what becomes of quantities and listings to the account's
	// queue, as a rule of EventBridge does. With SubscribedOnly subscriptions decide.
	ListingNotifications bool
	// SQSLatency and EventBridgeLatency are the least real time until these
	// answer. Default 5 ms: below 2 ms the AWS SDK for Go was seen to drop good
	// answers and to retry silently. A negative value means none.
	SQSLatency         time.Duration
	EventBridgeLatency time.Duration
	// VisibilityTimeout is that of new queues, in real time. Default 30 s, as Amazon's.
	VisibilityTimeout time.Duration
	// PutEventsLimit bounds the total size of the entries of one PutEvents
	// request, in bytes. Default 1 MiB, Amazon's limit since January 2026
	// (256 KiB before).
	PutEventsLimit int

	// CallsKept bounds how many calls the ledger keeps for each part, and
	// EventsKept how many EventBridge entries are kept; older ones are dropped
	// and counted. Defaults 200,000 and 1,000,000.
	CallsKept  int
	EventsKept int

	Seed   uint64       // seeds all randomness: same seed, same marketplace
	Clock  clock.Clock  // Amazon's time; default the real clock
	Logger *slog.Logger // default discards
}

// complete fills the defaults in and reports every fault at once.
func (c *Config) complete() error {
	c.defaults()
	var faults []error
	applications := make(map[string]bool)
	for _, a := range c.Applications {
		if a.Name == "" || a.ClientID == "" || len(a.ClientSecrets) == 0 {
			faults = append(faults, fmt.Errorf("application %q needs a name, a client id and a client secret", a.Name))
		}
		applications[a.Name] = true
	}
	if t := c.FeedTimes; t.Least < 0 || t.Most < t.Least {
		faults = append(faults, fmt.Errorf("feeds cannot take %s to %s", t.Least, t.Most))
	}
	if c.ItemsPerPage < 0 {
		faults = append(faults, fmt.Errorf("a page of %d items: a page has at least one", c.ItemsPerPage))
	}
	if len(c.Accounts) == 0 {
		faults = append(faults, errors.New("no accounts: the simulator needs at least one seller"))
	}
	directory := make([]account.Account, 0, len(c.Accounts))
	for i := range c.Accounts {
		a := &c.Accounts[i]
		directory = append(directory, a.Account)
		if a.Queue == "" {
			a.Queue = c.Queues[0]
		}
		faults = append(faults, a.Check(applications))
	}
	_, err := account.NewDirectory(directory)
	return errors.Join(append(faults, err)...)
}

func (c *Config) defaults() {
	if len(c.Queues) == 0 {
		c.Queues = []string{DefaultQueue}
	}
	c.SQSLatency = max(cmp.Or(c.SQSLatency, 5*time.Millisecond), 0)
	c.EventBridgeLatency = max(cmp.Or(c.EventBridgeLatency, 5*time.Millisecond), 0)
	c.VisibilityTimeout = cmp.Or(c.VisibilityTimeout, 30*time.Second)
	c.PutEventsLimit = cmp.Or(c.PutEventsLimit, 1<<20)
	c.ItemsPerPage = cmp.Or(c.ItemsPerPage, 100)
	c.CallsKept = cmp.Or(c.CallsKept, 200_000)
	c.EventsKept = cmp.Or(c.EventsKept, 1_000_000)
	c.FeedTimes = cmp.Or(c.FeedTimes, FeedTimes{Least: 30 * time.Second, Most: time.Minute})
	c.ListingsFeeds = cmp.Or(c.ListingsFeeds, Window{Count: 5, Per: 5 * time.Minute})
	c.DocumentLimit = cmp.Or(c.DocumentLimit, 10<<20)
	c.Clock = cmp.Or(c.Clock, clock.Clock(clock.Real{}))
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
}
