package spapi

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/exchange"
	"github.com/sellerstream/sellerstream/pkg/simulator/stock"
	"github.com/sellerstream/sellerstream/pkg/simulator/world"
)

// feedSearch is a checked getFeeds request.
type feedSearch struct {
	kinds, marketplaces, statuses map[string]bool
	since, until                  time.Time
	size                          int
}

// feedPage is what a nextToken of getFeeds stands for.
type feedPage struct {
	seller world.SellerKey
	search feedSearch
	before string // the last feed that was shown
}

func (a *API) getFeeds(r *request) exchange.Answer {
	page, err := a.requestedFeeds(r)
	if err != nil {
		return invalidInput(err.Error())
	}
	result := struct {
		Feeds []stock.ShownFeed `json:"feeds"`
		Token string            `json:"nextToken,omitempty"`
	}{Feeds: []stock.ShownFeed{}}
	past := page.before == ""
	for _, shown := range a.Stock.Listed(r.account, r.now) {
		if !past {
			past = shown.ID == page.before
			continue
		}
		if !page.search.match(&shown) {
			continue
		}
		if len(result.Feeds) == page.search.size {
			page.before = result.Feeds[len(result.Feeds)-1].ID
			result.Token = a.feedPages.open(a.service.IDs.New(), page, r.now)
			break
		}
		result.Feeds = append(result.Feeds, shown)
	}
	return exchange.JSON(http.StatusOK, result)
}

func (f *feedSearch) match(shown *stock.ShownFeed) bool {
	created := time.Time(shown.Created)
	return among(f.kinds, shown.Kind) && among(f.statuses, shown.Status) &&
		(len(f.marketplaces) == 0 || slices.ContainsFunc(shown.Marketplaces, func(id string) bool { return f.marketplaces[id] })) &&
		!created.Before(f.since) && !created.After(f.until)
}

// requestedFeeds is the page that a request asks for.
func (a *API) requestedFeeds(r *request) (feedPage, error) {
	if complaint, bad := unknownParameter(r.query, "feedTypes", "marketplaceIds", "processingStatuses",
		"createdSince", "createdUntil", "pageSize", "nextToken"); bad {
		return feedPage{}, errors.New(complaint)
	}
	token := r.query.Get("nextToken")
	if !r.query.Has("nextToken") {
		search, err := readFeedSearch(r)
		return feedPage{seller: r.account.Key(), search: search}, err
	}
	if len(r.query) > 1 {
		return feedPage{}, errors.New("the nextToken must be the only parameter")
	}
	page, known := a.feedPages.find(token, r.now)
	if !known || page.seller != r.account.Key() {
		return feedPage{}, errors.New("the nextToken is unknown or has expired")
	}
	return page, nil
}

func readFeedSearch(r *request) (feedSearch, error) {
	search := feedSearch{since: r.now.Add(-stock.Retention), until: r.now, size: 10}
	var err error
	for name, into := range map[string]*map[string]bool{"feedTypes": &search.kinds, "marketplaceIds": &search.marketplaces} {
		if *into, err = valuesOf(r.query, name, nil); err != nil {
			return feedSearch{}, err
		}
		if len(*into) > 10 {
			return feedSearch{}, fmt.Errorf("%s has more than 10 values", name)
		}
	}
	if search.statuses, err = valuesOf(r.query, "processingStatuses", stock.FeedStatuses()); err != nil {
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
