package spapi

import (
	"net/http"
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/exchange"
	"github.com/sellerstream/sellerstream/pkg/simulator/stock"
)

func (a *API) getFeeds(r *request) exchange.Answer {
	page, err := a.requestedFeeds(r)
	if err != nil {
		return invalid(err)
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
	q := r.read("feedTypes", "marketplaceIds", "processingStatuses", "createdSince", "createdUntil", "pageSize", "nextToken")
	if !r.query.Has("nextToken") {
		search := readFeedSearch(q, r.now)
		return feedPage{seller: r.account.Key(), search: search}, q.err
	}
	q.check(len(r.query) == 1, "the nextToken must be the only parameter")
	page, known := a.feedPages.find(r.query.Get("nextToken"), r.now)
	q.check(known && page.seller == r.account.Key(), "the nextToken is unknown or has expired")
	return page, q.err
}

func readFeedSearch(q *reader, now time.Time) feedSearch {
	search := feedSearch{since: now.Add(-stock.Retention), until: now}
	search.kinds = q.values("feedTypes", 10, nil)
	search.marketplaces = q.values("marketplaceIds", 10, nil)
	search.statuses = q.values("processingStatuses", len(stock.FeedStatuses()), stock.FeedStatuses())
	q.check(len(search.kinds) > 0, "either feedTypes or nextToken is required")
	if q.query.Has("createdSince") {
		search.since = q.time("createdSince")
	}
	if q.query.Has("createdUntil") {
		search.until = q.time("createdUntil")
	}
	search.size = q.number("pageSize", 10, 1, 100, "the pageSize must be between 1 and 100")
	return search
}
