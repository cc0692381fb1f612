package stock

import (
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/simulator/documents"
	"github.com/sellerstream/sellerstream/pkg/simulator/exchange"
	"github.com/sellerstream/sellerstream/pkg/simulator/fault"
	"github.com/sellerstream/sellerstream/pkg/simulator/notify"
	"github.com/sellerstream/sellerstream/pkg/simulator/world"
)

// Stock is the sellers' listings and feeds.
type Stock struct {
	world     *world.World
	agenda    *world.Agenda
	documents *documents.Store
	notifier  *notify.Notifier
	faults    *fault.Faults
	clock     clock.Clock
	logger    *slog.Logger
	config    Config
	listings  *listings
	feeds     feeds
	reports   reports
}

// Config describes how listings and feeds behave.
type Config struct {
	SKUs          int  // how many listings each seller begins with
	EveryAmazons  int  // every so many-th of them is fulfilled by Amazon; 0 for none
	AcceptUnknown bool // reports changes of SKUs that are not listed as accepted, and applies nothing
	Times         FeedTimes
	Notifications FeedNotifications
	Throttle      Window // of JSON_LISTINGS_FEED, for each seller and region
	Random        *rand.Rand
}

// Window is a limit on how often something happens in any stretch of time.
type Window struct {
	Count int
	Per   time.Duration
}

// FeedNotifications describes how disorderly the notifications of finished feeds
// are. Shares are between 0 and 1.
type FeedNotifications struct {
	Lost        float64 // never sent
	Duplicated  float64 // sent 2 to 10 times, byte for byte
	Early       float64 // sent up to 11 s before getFeed shows the end
	AccountOnly float64 // without the sellerId, which is optional
}

// New makes the listings of every seller.
func New(desk *exchange.Desk, w *world.World, agenda *world.Agenda, store *documents.Store, n *notify.Notifier, c Config) *Stock {
	return &Stock{
		world: w, agenda: agenda, documents: store, notifier: n, faults: desk.Faults, clock: desk.Clock, logger: desk.Logger,
		config: c, listings: newListings(w.Accounts(), c.SKUs, c.EveryAmazons, desk.Clock.Now()), feeds: newFeeds(c.Random),
		reports: reports{sellers: make(map[world.SellerKey][]*report)},
	}
}
