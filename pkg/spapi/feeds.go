package spapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// The operations of the Feeds API 2021-06-30 besides the documents, which are
// in upload.go and report.go. All their errors are *model.Error.

const feedsPath = "feeds/2021-06-30/"

// CreateFeed submits an uploaded document (createFeed; default quota one in 120
// seconds, burst 15; a JSON_LISTINGS_FEED has a second one of 5 in 5 minutes).
//
// Amazon knows no idempotency key, so it is sent at most once, over a connection
// of its own (NewOnceTransport), and nothing of it is written after ctx's
// deadline. An error with NotSent means that nothing happened; model.Ambiguous
// that Amazon may have a feed now, to be looked for with GetFeeds before it is
// submitted again. See also model.Error.InputDocumentRefused.
func (s *Seller) CreateFeed(ctx context.Context, req model.CreateFeedRequest) (*model.CreateFeedResponse, Meta, error) {
	create := call{
		operation: model.CreateFeed, method: http.MethodPost, path: feedsPath + "feeds",
		body: req, writes: true, success: http.StatusAccepted, once: true,
	}
	switch {
	case req.FeedType == "" || req.InputFeedDocumentID == "":
		return nil, Meta{}, s.invalid(create.operation, "a feed needs a type and an input document")
	case len(req.MarketplaceIDs) == 0 || len(req.MarketplaceIDs) > 25 || slices.Contains(req.MarketplaceIDs, ""):
		return nil, Meta{}, s.invalid(create.operation, "a feed needs 1 to 25 marketplace ids")
	case req.FeedType == model.JSONListingsFeed && len(req.MarketplaceIDs) > 1:
		return nil, Meta{}, s.invalid(create.operation, "a JSON_LISTINGS_FEED is for exactly one marketplace")
	}
	var answer model.CreateFeedResponse
	meta, err := s.send(ctx, create, &answer)
	if err != nil {
		return nil, meta, err
	}
	if answer.FeedID == "" {
		return nil, meta, s.lost(create, errors.New("the answer holds no feed id"))
	}
	return &answer, meta, nil
}

// GetFeed reads how a feed is doing (getFeed; default quota 2 a second, burst 15).
func (s *Seller) GetFeed(ctx context.Context, req model.GetFeedRequest) (*model.Feed, Meta, error) {
	get, err := s.feed(model.GetFeed, http.MethodGet, req.FeedID)
	if err != nil {
		return nil, Meta{}, err
	}
	var answer model.Feed
	meta, err := s.send(ctx, get, &answer)
	if err != nil {
		return nil, meta, err
	}
	if !strings.EqualFold(answer.FeedID, req.FeedID) || answer.ProcessingStatus == "" {
		return nil, meta, s.lost(get, errors.New("the answer is about another feed, or about none"))
	}
	return &answer, meta, nil
}

// GetFeeds lists feeds, a page at a time (getFeeds; default quota one in 45
// seconds, burst 10). Amazon keeps feeds for 90 days.
func (s *Seller) GetFeeds(ctx context.Context, req model.GetFeedsRequest) (*model.GetFeedsResponse, Meta, error) {
	query, wrong := feedsQuery(req)
	if wrong != "" {
		return nil, Meta{}, s.invalid(model.GetFeeds, wrong)
	}
	get := call{operation: model.GetFeeds, method: http.MethodGet, path: feedsPath + "feeds", query: query}
	var answer model.GetFeedsResponse
	meta, err := s.send(ctx, get, &answer)
	if err != nil {
		return nil, meta, err
	}
	if answer.Feeds == nil {
		return nil, meta, s.lost(get, errors.New("the answer holds no list of feeds"))
	}
	return &answer, meta, nil
}

// feedsQuery is the query of getFeeds, or what is wrong with the request.
func feedsQuery(req model.GetFeedsRequest) (query url.Values, wrong string) {
	if req.NextToken != "" { // "the only parameter", says the model
		return url.Values{"nextToken": {req.NextToken}}, ""
	}
	switch {
	case len(req.FeedTypes) == 0 || len(req.FeedTypes) > 10:
		return nil, "feeds are listed by 1 to 10 feed types, or by a next token"
	case len(req.MarketplaceIDs) > 10:
		return nil, "feeds are listed by at most 10 marketplaces"
	case req.PageSize < 0 || req.PageSize > 100:
		return nil, "a page has 1 to 100 feeds"
	}
	query = url.Values{}
	for name, values := range map[string][]string{
		"feedTypes": req.FeedTypes, "marketplaceIds": req.MarketplaceIDs, "processingStatuses": req.ProcessingStatuses,
	} {
		if slices.ContainsFunc(values, func(v string) bool { return !element(v) }) {
			return nil, "an element of " + name + " is empty or holds a comma"
		}
		if len(values) > 0 {
			query[name] = list(values)
		}
	}
	for name, at := range map[string]time.Time{"createdSince": req.CreatedSince, "createdUntil": req.CreatedUntil} {
		if !at.IsZero() {
			query.Set(name, at.UTC().Format("2006-01-02T15:04:05.000Z"))
		}
	}
	if req.PageSize > 0 {
		query.Set("pageSize", strconv.Itoa(req.PageSize))
	}
	return query, ""
}

// CancelFeed cancels a feed that is IN_QUEUE (cancelFeed; default quota 2 a
// second, burst 15). It can be repeated.
func (s *Seller) CancelFeed(ctx context.Context, req model.CancelFeedRequest) (*model.CancelFeedResponse, Meta, error) {
	end, err := s.feed(model.CancelFeed, http.MethodDelete, req.FeedID)
	if err != nil {
		return nil, Meta{}, err
	}
	end.writes = true
	meta, err := s.send(ctx, end, nil)
	if err != nil {
		return nil, meta, err
	}
	return &model.CancelFeedResponse{}, meta, nil
}

// feed is a call about one feed.
func (c *caller) feed(operation, method, id string) (call, error) {
	if id == "" {
		return call{}, c.invalid(operation, "the feed id is empty")
	}
	return call{operation: operation, method: method, path: feedsPath + "feeds/" + segment(id)}, nil
}
