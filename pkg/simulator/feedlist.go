package simulator

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// feedSearch is a checked getFeeds request.
type feedSearch struct {
	kinds, marketplaces, statuses map[string]bool
	since, until                  time.Time
	size                          int
}

// feedPage is what a nextToken of getFeeds stands for.
type feedPage struct {
	seller  sellerKey
	search  feedSearch
	before  string // the last feed that was shown
	expires time.Time
}

func (s *Simulator) getFeeds(r *spapiRequest) answer {
	page, err := s.requestedFeeds(r)
	if err != nil {
		return invalidInput(err.Error())
	}
	s.feeds.mu.Lock()
	defer s.feeds.mu.Unlock()
	result := struct {
		Feeds []shownFeed `json:"feeds"`
		Token string      `json:"nextToken,omitempty"`
	}{Feeds: []shownFeed{}}
	past := page.before == ""
	for _, f := range slices.Backward(s.feeds.of(page.seller).list) {
		if !past {
			past = f.id == page.before
			continue
		}
		shown := f.show(r.now)
		if r.now.Before(f.listed) || !page.search.match(&shown) {
			continue
		}
		if len(result.Feeds) == page.search.size {
			page.before, page.expires = result.Feeds[len(result.Feeds)-1].ID, r.now.Add(pageLifetime)
			result.Token = s.newID()
			s.feeds.keepPage(result.Token, page, r.now)
			break
		}
		result.Feeds = append(result.Feeds, shown)
	}
	return answer{status: http.StatusOK, contentType: jsonType, body: mustJSON(result)}
}

func (f *feedSearch) match(shown *shownFeed) bool {
	created := time.Time(shown.Created)
	return among(f.kinds, shown.Kind) && among(f.statuses, shown.Status) &&
		(len(f.marketplaces) == 0 || slices.ContainsFunc(shown.Marketplaces, func(id string) bool { return f.marketplaces[id] })) &&
		!created.Before(f.since) && !created.After(f.until)
}

// keepPage remembers an open page; call it with the lock held.
func (f *feeds) keepPage(token string, page feedPage, now time.Time) {
	for old, p := range f.pages {
		if !now.Before(p.expires) {
			delete(f.pages, old)
		}
	}
	f.pages[token] = page
}

// requestedFeeds is the page that a request asks for.
func (s *Simulator) requestedFeeds(r *spapiRequest) (feedPage, error) {
	if complaint, bad := unknownParameter(r.query, "feedTypes", "marketplaceIds", "processingStatuses",
		"createdSince", "createdUntil", "pageSize", "nextToken"); bad {
		return feedPage{}, errors.New(complaint)
	}
	token := r.query.Get("nextToken")
	if !r.query.Has("nextToken") {
		search, err := readFeedSearch(r)
		return feedPage{seller: r.account.key(), search: search}, err
	}
	if len(r.query) > 1 {
		return feedPage{}, errors.New("the nextToken must be the only parameter")
	}
	s.feeds.mu.Lock()
	defer s.feeds.mu.Unlock()
	page, known := s.feeds.pages[token]
	if !known || page.seller != r.account.key() || !r.now.Before(page.expires) {
		return feedPage{}, errors.New("the nextToken is unknown or has expired")
	}
	return page, nil
}

func readFeedSearch(r *spapiRequest) (feedSearch, error) {
	search := feedSearch{since: r.now.Add(-feedRetention), until: r.now, size: 10}
	var err error
	for name, into := range map[string]*map[string]bool{"feedTypes": &search.kinds, "marketplaceIds": &search.marketplaces} {
		if *into, err = valuesOf(r.query, name, nil); err != nil {
			return feedSearch{}, err
		}
		if len(*into) > 10 {
			return feedSearch{}, fmt.Errorf("%s has more than 10 values", name)
		}
	}
	if search.statuses, err = valuesOf(r.query, "processingStatuses", []string{cancelled, done, fatal, inProgress, inQueue}); err != nil {
		return feedSearch{}, err
	}
	if len(search.kinds) == 0 {
		return feedSearch{}, errors.New("either feedTypes or nextToken is required")
	}
	for name, into := range map[string]*time.Time{"createdSince": &search.since, "createdUntil": &search.until} {
		if !r.query.Has(name) {
			continue
		}
		if *into, err = readTime(r.query, name); err != nil {
			return feedSearch{}, err
		}
	}
	if given := r.query.Get("pageSize"); given != "" {
		search.size, err = strconv.Atoi(given)
		if err != nil || search.size < 1 || search.size > 100 {
			return feedSearch{}, errors.New("the pageSize must be between 1 and 100")
		}
	}
	return search, nil
}
