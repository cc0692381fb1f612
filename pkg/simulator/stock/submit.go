package stock

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/documents"
	"github.com/sellerstream/sellerstream/pkg/simulator/world"
)

// FeedOrder is a request to make a feed of a document.
type FeedOrder struct {
	Type         string            `json:"feedType"`
	Marketplaces []string          `json:"marketplaceIds"`
	Document     string            `json:"inputFeedDocumentId"` // its id
	Options      map[string]string `json:"feedOptions"`

	Now          time.Time     `json:"-"`
	Late, Hidden time.Duration `json:"-"` // how much later it comes into being, and getFeeds shows it
}

// What Amazon may say of a feed.
var (
	ErrThrottled     = errors.New("too many feeds in too short a time")
	ErrNoFeed        = errors.New("the seller has no such feed")
	ErrNotCancelable = errors.New("the feed is not IN_QUEUE")
)

// MissingError lists the fields that a FeedOrder lacks.
type MissingError string

func (e MissingError) Error() string { return "missing: " + string(e) }

// check refuses what needs no look at the document.
func (f *FeedOrder) check(a *world.Account) error {
	missing := ""
	if len(f.Marketplaces) == 0 {
		missing += "marketplaceIds;"
	}
	if f.Type == "" {
		missing += "feedType;"
	}
	if f.Document == "" {
		missing += "inputFeedDocumentId;"
	}
	switch {
	case missing != "":
		return MissingError(missing)
	case len(f.Marketplaces) > 25:
		return errors.New("more than 25 marketplaces")
	case f.Type != ListingsFeed && !oldListingsFeed(f.Type) && orderFeeds()[f.Type] == "":
		return fmt.Errorf("feeds of type %s are not simulated", f.Type)
	case f.Type == ListingsFeed && len(f.Marketplaces) > 1:
		return errors.New("a JSON_LISTINGS_FEED has one marketplace")
	}
	for _, id := range f.Marketplaces {
		if !slices.Contains(a.Marketplaces, id) {
			return fmt.Errorf("the seller does not sell in marketplace %s", id)
		}
	}
	return nil
}

// Submit makes a feed of a seller's, or returns why not: ErrThrottled, a
// MissingError or another reason.
func (s *Stock) Submit(a *world.Account, o FeedOrder) (FeedSubmission, error) {
	s.feeds.mu.Lock()
	defer s.feeds.mu.Unlock()
	if o.Type == ListingsFeed && !s.withinWindow(a, o.Now) {
		return FeedSubmission{}, ErrThrottled
	}
	if err := o.check(a); err != nil {
		return FeedSubmission{}, err
	}
	f := &feed{account: a, FeedSubmission: FeedSubmission{
		Account: a.ID, FeedType: o.Type, Marketplaces: o.Marketplaces, Document: o.Document,
	}}
	if err := s.readDocument(f); err != nil {
		return FeedSubmission{}, err
	}
	if f.FeedType == ListingsFeed {
		s.feeds.submitted[a.Key()] = append(s.feeds.submitted[a.Key()], o.Now)
	}
	f.FeedID = s.feeds.of(a.Key()).newID()
	if o.Late > 0 {
		at := o.Now.Add(o.Late)
		s.agenda.Schedule(at, func() {
			s.feeds.mu.Lock()
			defer s.feeds.mu.Unlock()
			s.submit(f, at, o.Hidden)
		})
	} else {
		s.submit(f, o.Now, o.Hidden)
	}
	return f.FeedSubmission, nil
}

// withinWindow reports whether the throttle of JSON_LISTINGS_FEED has room: so many
// submissions in any so long time. Call it with the lock held.
func (s *Stock) withinWindow(a *world.Account, now time.Time) bool {
	recent := s.feeds.submitted[a.Key()]
	for len(recent) > 0 && now.Sub(recent[0]) >= s.config.Throttle.Per {
		recent = recent[1:]
	}
	s.feeds.submitted[a.Key()] = recent
	return len(recent) < s.config.Throttle.Count
}

// readDocument takes an uploaded document over into a feed.
func (s *Stock) readDocument(f *feed) error {
	doc, ok := s.documents.Get(documents.Key{Seller: f.account.Key(), ID: f.Document})
	switch {
	case !ok:
		return fmt.Errorf("the seller has no document %s, or it is older than %s", f.Document, documents.Lifetime)
	case doc.ContentType == "":
		return fmt.Errorf("%s is a report", f.Document)
	case !doc.Uploaded:
		return fmt.Errorf("nothing was uploaded to %s", f.Document)
	}
	f.content = readFeed(doc.Body)
	if kind := orderFeeds()[f.FeedType]; kind != "" {
		f.content = readOrders(kind, doc.Body)
	}
	f.SHA256, f.Messages = f.content.sha256, len(f.content.messages)+len(f.content.orders)
	return nil
}

// Feed shows a seller's feed as it looks at a time.
func (s *Stock) Feed(a *world.Account, id string, now time.Time) (ShownFeed, error) {
	s.feeds.mu.Lock()
	defer s.feeds.mu.Unlock()
	f := s.feeds.of(a.Key()).byID[id]
	if f == nil {
		return ShownFeed{}, ErrNoFeed
	}
	return f.show(now), nil
}

// Listed shows the feeds that a seller is shown at a time, newest first.
func (s *Stock) Listed(a *world.Account, now time.Time) []ShownFeed {
	s.feeds.mu.Lock()
	defer s.feeds.mu.Unlock()
	var shown []ShownFeed
	for _, f := range slices.Backward(s.feeds.of(a.Key()).list) {
		if !now.Before(f.listed) {
			shown = append(shown, f.show(now))
		}
	}
	return shown
}

// Cancel ends a seller's feed that has not started.
func (s *Stock) Cancel(a *world.Account, id string, now time.Time) error {
	s.feeds.mu.Lock()
	defer s.feeds.mu.Unlock()
	f := s.feeds.of(a.Key()).byID[id]
	switch {
	case f == nil:
		return ErrNoFeed
	case f.statusAt(now) != inQueue:
		return ErrNotCancelable
	}
	s.finish(f, now, cancelled)
	return nil
}
