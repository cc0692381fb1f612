package simulator

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
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
	// ReadLag is how late a changed order shows in getOrder and searchOrders,
	// in Clock's time. Default 0.
	ReadLag time.Duration
	// ItemsPerPage is how many items a page of Orders v0's getOrderItems has.
	// Default 100.
	ItemsPerPage int

	// BuyerMark begins whatever is a buyer's in an order (names, e-mail, address,
	// phone, wishes), by which it is found wherever it should not be. Default none.
	BuyerMark string

	// SKUs is how many listings each seller begins with (see Simulator.SKUs).
	// Default none.
	SKUs int
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

// DefaultQueue is the queue that exists when Config names none.
const DefaultQueue = "sellerstream-notifications"

// Window is a limit on how often something happens in any stretch of time.
type Window struct {
	Count int
	Per   time.Duration
}

// Application is an SP-API application as LWA knows it.
type Application struct {
	Name          string   // the name that accounts refer to
	ClientID      string   // LWA client id
	ClientSecrets []string // accepted secrets; two while one is being rotated
}

// Account is a seller and the authorization that it gave to its application.
type Account struct {
	account.Account
	RefreshToken string // LWA refresh token
	Queue        string // SQS queue for its notifications; default the first one; see Config.SubscribedOnly
}

// Sellers makes n accounts of one application, in Europe and North America in
// turn, with fixed ids and tokens. Every third account is in North America.
func Sellers(n int, application string) []Account {
	homes := []struct {
		region      model.Region
		marketplace string
		suffix      string
	}{
		{model.Europe, "A1PA6795UKMFR9", "de"},
		{model.NorthAmerica, "ATVPDKIKX0DER", "us"},
		{model.Europe, "A1F83G8C2ARO7P", "uk"},
	}
	accounts := make([]Account, 0, n)
	for i := range n {
		home := homes[i%len(homes)]
		seller := fmt.Sprintf("A%013d", 2_750_000_000_000+i)
		accounts = append(accounts, Account{
			Account: account.Account{
				ID:              fmt.Sprintf("seller-%d-%s", i+1, home.suffix),
				SellerID:        seller,
				AmazonAccountID: "amzn1.merchant.o." + seller,
				Region:          home.region,
				Application:     application,
				Marketplaces:    []string{home.marketplace},
			},
			RefreshToken: fmt.Sprintf("Atzr|simulated-%d", i+1),
		})
	}
	return accounts
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
	places := marketplaces()
	for i := range c.Accounts {
		a := &c.Accounts[i]
		directory = append(directory, a.Account)
		if a.Queue == "" {
			a.Queue = c.Queues[0]
		}
		faults = append(faults, a.check(applications, places))
	}
	_, err := account.NewDirectory(directory)
	return errors.Join(append(faults, err)...)
}

func (a *Account) check(applications map[string]bool, places map[string]marketplace) error {
	switch {
	case !a.Region.Valid():
		return fmt.Errorf("account %s: region %q is not na, eu or fe", a.ID, a.Region)
	case !applications[a.Application]:
		return fmt.Errorf("account %s: application %q is not configured", a.ID, a.Application)
	case a.RefreshToken == "":
		return fmt.Errorf("account %s: no refresh token", a.ID)
	case len(a.Marketplaces) == 0:
		return fmt.Errorf("account %s: no marketplace", a.ID)
	}
	for _, id := range a.Marketplaces {
		if _, ok := places[id]; !ok {
			return fmt.Errorf("account %s: the simulator has no marketplace %q; it has %s",
				a.ID, id, strings.Join(slices.Sorted(maps.Keys(places)), ", "))
		}
	}
	return nil
}

func (c *Config) defaults() {
	if len(c.Queues) == 0 {
		c.Queues = []string{DefaultQueue}
	}
	c.SQSLatency = latency(c.SQSLatency)
	c.EventBridgeLatency = latency(c.EventBridgeLatency)
	if c.VisibilityTimeout == 0 {
		c.VisibilityTimeout = 30 * time.Second
	}
	if c.PutEventsLimit == 0 {
		c.PutEventsLimit = 1 << 20
	}
	if c.ItemsPerPage == 0 {
		c.ItemsPerPage = 100
	}
	if c.CallsKept == 0 {
		c.CallsKept = 200_000
	}
	if c.EventsKept == 0 {
		c.EventsKept = 1_000_000
	}
	c.feedDefaults()
	if c.Clock == nil {
		c.Clock = clock.Real{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

func (c *Config) feedDefaults() {
	if c.FeedTimes == (FeedTimes{}) {
		c.FeedTimes = FeedTimes{Least: 30 * time.Second, Most: time.Minute}
	}
	if c.ListingsFeeds == (Window{}) {
		c.ListingsFeeds = Window{Count: 5, Per: 5 * time.Minute}
	}
	if c.DocumentLimit == 0 {
		c.DocumentLimit = 10 << 20
	}
}

func latency(configured time.Duration) time.Duration {
	switch {
	case configured == 0:
		return 5 * time.Millisecond
	case configured < 0:
		return 0
	}
	return configured
}
