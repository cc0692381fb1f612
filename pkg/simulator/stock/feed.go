package stock

import (
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/fault"
	"github.com/sellerstream/sellerstream/pkg/simulator/wire"
	"github.com/sellerstream/sellerstream/pkg/simulator/world"
)

// Feed statuses (Feeds 2021-06-30).
const (
	inQueue    = "IN_QUEUE"
	inProgress = "IN_PROGRESS"
	done       = "DONE"
	cancelled  = "CANCELLED"
	fatal      = "FATAL"
)

// FeedStatuses are the statuses that a feed can have.
func FeedStatuses() []string { return []string{cancelled, done, fatal, inProgress, inQueue} }

// Retention is how long Amazon shows a feed.
const Retention = 90 * 24 * time.Hour

// FeedTimes describes how long feeds take: from least to most, evenly distributed,
// in the simulator's time. The first third of it they are IN_QUEUE. Each feed
// takes its own time, so that two at once can end in either order. In Europe they
// were seen to take about 30 minutes.
type FeedTimes struct {
	Least time.Duration // default 30 s
	Most  time.Duration // default 60 s
}

// feed is a feed on its way.
type feed struct {
	FeedSubmission
	account  *world.Account
	content  *feedContent
	listed   time.Time // since when getFeeds shows it
	started  time.Time
	shownEnd time.Time // since when getFeed shows how it ended
	result   string    // id of its report
	outcome  fault.FeedOutcome
}

// feeds are the feeds of all sellers, and what decides how they go.
type feeds struct {
	mu        sync.Mutex
	random    *rand.Rand
	sellers   map[world.SellerKey]*sellerFeeds
	submitted map[world.SellerKey][]time.Time // newest JSON_LISTINGS_FEED submissions
}

func newFeeds(random *rand.Rand) feeds {
	return feeds{random: random, sellers: make(map[world.SellerKey]*sellerFeeds), submitted: make(map[world.SellerKey][]time.Time)}
}

// sellerFeeds are the feeds of one seller, oldest first.
type sellerFeeds struct {
	list []*feed
	byID map[string]*feed
	next int64
}

func (f *feeds) of(key world.SellerKey) *sellerFeeds {
	own := f.sellers[key]
	if own == nil {
		// Every seller's ids begin alike: an id is unique only with its seller.
		own = &sellerFeeds{byID: make(map[string]*feed), next: 50_000_020_000}
		f.sellers[key] = own
	}
	return own
}

// newID is the id of a seller's next feed.
func (o *sellerFeeds) newID() string {
	o.next++
	return strconv.FormatInt(o.next, 10)
}

// add lets a feed come into being, and returns those that Amazon would
// forget by then.
func (o *sellerFeeds) add(f *feed) (forgotten []*feed) {
	for len(o.list) > 0 && f.Created.Sub(o.list[0].Created) > Retention {
		forgotten = append(forgotten, o.list[0])
		delete(o.byID, o.list[0].FeedID)
		o.list = o.list[1:]
	}
	o.list = append(o.list, f)
	o.byID[f.FeedID] = f
	return forgotten
}

// ShownFeed is a feed as getFeed and getFeeds show it.
type ShownFeed struct {
	ID           string    `json:"feedId"`
	Kind         string    `json:"feedType"`
	Marketplaces []string  `json:"marketplaceIds,omitempty"`
	Created      wire.Time `json:"createdTime"`
	Status       string    `json:"processingStatus"`
	Started      wire.Time `json:"processingStartTime,omitzero"`
	Ended        wire.Time `json:"processingEndTime,omitzero"`
	Result       string    `json:"resultFeedDocumentId,omitempty"`
}

// show is what a caller sees of a feed at a time.
func (f *feed) show(now time.Time) ShownFeed {
	shown := ShownFeed{
		ID: f.FeedID, Kind: f.FeedType, Marketplaces: f.Marketplaces, Created: wire.Time(f.Created), Status: f.statusAt(now),
		Started: wire.Time(f.started),
	}
	if ended(shown.Status) {
		shown.Ended, shown.Result = wire.Time(f.Ended), f.result
	}
	return shown
}

func (f *feed) statusAt(now time.Time) string {
	if ended(f.Status) && now.Before(f.shownEnd) {
		return inProgress
	}
	return f.Status
}

func ended(status string) bool { return status == done || status == fatal || status == cancelled }
