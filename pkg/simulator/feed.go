package simulator

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"
)

// Feed statuses (Feeds 2021-06-30).
const (
	inQueue    = "IN_QUEUE"
	inProgress = "IN_PROGRESS"
	done       = "DONE"
	cancelled  = "CANCELLED"
	fatal      = "FATAL"
)

// feedRetention is how long Amazon shows a feed.
const feedRetention = 90 * 24 * time.Hour

// FeedTimes describes how long feeds take: from least to most, evenly distributed,
// in the simulator's time. The first third of it they are IN_QUEUE. Each feed
// takes its own time, so that two at once can end in either order. In Europe they
// were seen to take about 30 minutes.
type FeedTimes struct {
	Least time.Duration // default 30 s
	Most  time.Duration // default 60 s
}

// FeedOutcome scripts how one feed goes. The zero value is a feed that goes well.
type FeedOutcome struct {
	// Queued and Processing are how long it is IN_QUEUE and IN_PROGRESS; 0 means
	// Config.FeedTimes. Hours of either make a stuck feed.
	Queued, Processing time.Duration
	// Status that it ends with: DONE, FATAL or CANCELLED; "" for what its
	// document deserves.
	Status string
	// Skipped is the share of its messages that a FATAL feed does not get to: 0
	// applies all, 1 none. The report, if there is one, knows nothing of them.
	Skipped float64
	// NoReport ends it without a resultFeedDocumentId, XMLReport with a report
	// as feeds in XML had, and Uncompressed with one that is not GZIP.
	NoReport, XMLReport, Uncompressed bool
	// Rejected is the share of its good messages that are refused, with
	// RejectCode, default "InternalError"; Warned is the share that get a warning.
	Rejected   float64
	RejectCode string
	Warned     float64
	// Unapplied is the share of its good messages that are reported as accepted
	// and never applied (selling-partner-api-models#5327).
	Unapplied float64
	// Unnotified loses its notification; Notifications sends it so many times.
	Unnotified    bool
	Notifications int
	// ShownLate is how much later than its notification getFeed shows its end.
	ShownLate time.Duration
}

func (o *FeedOutcome) check() error {
	for _, share := range []float64{o.Skipped, o.Rejected, o.Warned, o.Unapplied} {
		if share < 0 || share > 1 {
			return fmt.Errorf("a share is between 0 and 1, not %v", share)
		}
	}
	if o.Queued < 0 || o.Processing < 0 || o.ShownLate < 0 || o.Notifications < 0 {
		return errors.New("times and counts cannot be negative")
	}
	if o.Status != "" && !ended(o.Status) {
		return fmt.Errorf("a feed ends DONE, FATAL or CANCELLED, not %q", o.Status)
	}
	return nil
}

// feed is a feed on its way.
type feed struct {
	account      *Account
	id           string
	kind         string
	marketplaces []string
	document     string // id of its input document
	content      *feedContent
	created      time.Time
	listed       time.Time // since when getFeeds shows it
	status       string
	shownEnd     time.Time // since when getFeed shows how it ended
	started      time.Time
	ended        time.Time
	result       string // id of its report
	outcome      FeedOutcome
	applied      int    // messages whose change was taken over
	invalid      int    // messages that were refused
	sha256       string // of the document
	messages     int    // in the document
	double       string // why it should not exist; see FeedSubmission
	overlaps     bool
}

// feeds are the feeds of all sellers, and what decides how they go.
type feeds struct {
	mu        sync.Mutex
	random    *rand.Rand
	sellers   map[sellerKey]*sellerFeeds
	submitted map[sellerKey][]time.Time // newest JSON_LISTINGS_FEED submissions
	pages     map[string]feedPage       // open tokens of getFeeds
}

func newFeeds(seed uint64) feeds {
	return feeds{
		random:  rand.New(rand.NewPCG(seed, feedStream)),
		sellers: make(map[sellerKey]*sellerFeeds), submitted: make(map[sellerKey][]time.Time), pages: make(map[string]feedPage),
	}
}

// sellerFeeds are the feeds of one seller, oldest first.
type sellerFeeds struct {
	list []*feed
	byID map[string]*feed
	next int64
}

func (f *feeds) of(key sellerKey) *sellerFeeds {
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
	for len(o.list) > 0 && f.created.Sub(o.list[0].created) > feedRetention {
		forgotten = append(forgotten, o.list[0])
		delete(o.byID, o.list[0].id)
		o.list = o.list[1:]
	}
	o.list = append(o.list, f)
	o.byID[f.id] = f
	return forgotten
}

// shownFeed is a feed as getFeed and getFeeds show it.
type shownFeed struct {
	ID           string     `json:"feedId"`
	Kind         string     `json:"feedType"`
	Marketplaces []string   `json:"marketplaceIds,omitempty"`
	Created      timestamp  `json:"createdTime"`
	Status       string     `json:"processingStatus"`
	Started      *timestamp `json:"processingStartTime,omitempty"`
	Ended        *timestamp `json:"processingEndTime,omitempty"`
	Result       string     `json:"resultFeedDocumentId,omitempty"`
}

// show is what a caller sees of a feed at a time.
func (f *feed) show(now time.Time) shownFeed {
	shown := shownFeed{
		ID: f.id, Kind: f.kind, Marketplaces: f.marketplaces, Created: timestamp(f.created), Status: f.statusAt(now),
	}
	if !f.started.IsZero() {
		at := timestamp(f.started)
		shown.Started = &at
	}
	if ended(shown.Status) {
		at := timestamp(f.ended)
		shown.Ended, shown.Result = &at, f.result
	}
	return shown
}

func (f *feed) statusAt(now time.Time) string {
	if ended(f.status) && now.Before(f.shownEnd) {
		return inProgress
	}
	return f.status
}

func ended(status string) bool { return status == done || status == fatal || status == cancelled }
