package spapi

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// The operations of the Feeds API 2021-06-30 besides the documents, which are
// in upload.go and report.go. All their errors are *model.Error.

// callFeeds makes the calls of Feeds 2021-06-30.
func (s *Seller) callFeeds(ctx context.Context, request any) (any, Meta, error) {
	switch req := request.(type) {
	case *model.UploadFeedRequest:
		return s.UploadFeed(ctx, *req)
	case *model.CreateFeedRequest:
		return s.CreateFeed(ctx, *req)
	case *model.GetFeedRequest:
		return s.GetFeed(ctx, *req)
	case *model.GetFeedsRequest:
		return s.GetFeeds(ctx, *req)
	case *model.CancelFeedRequest:
		return s.CancelFeed(ctx, *req)
	case *model.ReadFeedReportRequest:
		return s.ReadFeedReport(ctx, *req)
	}
	return nil, Meta{}, ErrUnknownRequest
}

// CreateFeed submits an uploaded document (createFeed; default quota one in 120
// seconds, burst 15; a JSON_LISTINGS_FEED has a second one of 5 in 5 minutes).
//
// Amazon knows no idempotency key, so it is sent at most once, over a connection
// that carries nothing else meanwhile (NewOnceTransport), and not after the time of StartBy. An error with
// NotSent means that nothing happened; model.Ambiguous and model.Malformed that
// Amazon may have a feed now, to be looked for with GetFeeds before it is
// submitted again. See also model.Error.InputDocumentRefused.
func (s *Seller) CreateFeed(ctx context.Context, req model.CreateFeedRequest) (*model.CreateFeedResponse, Meta, error) {
	create := newCall(model.CreateFeed)
	create.body = req
	switch {
	case req.FeedType == "" || req.InputFeedDocumentID == "":
		return nil, Meta{}, s.invalid(create.Name, "a feed needs a type and an input document")
	case len(req.MarketplaceIDs) == 0 || len(req.MarketplaceIDs) > 25 || slices.Contains(req.MarketplaceIDs, ""):
		return nil, Meta{}, s.invalid(create.Name, "a feed needs 1 to 25 marketplace ids")
	case req.FeedType == model.JSONListingsFeed && len(req.MarketplaceIDs) > 1:
		return nil, Meta{}, s.invalid(create.Name, "a JSON_LISTINGS_FEED is for exactly one marketplace")
	}
	var answer model.CreateFeedResponse
	meta, err := s.send(ctx, create, &answer)
	if err != nil {
		return nil, meta, err
	}
	if !identifier(answer.FeedID, maxFeedID) { // Amazon has a feed, by a name that getFeeds may tell
		return nil, meta, s.unreadable(create, "the answer's field feedId is missing or is no id of Amazon's")
	}
	return &answer, meta, nil
}

// GetFeed reads how a feed is doing (getFeed; default quota 2 a second, burst 15).
func (s *Seller) GetFeed(ctx context.Context, req model.GetFeedRequest) (*model.Feed, Meta, error) {
	get, err := s.feed(model.GetFeed, req.FeedID)
	if err != nil {
		return nil, Meta{}, err
	}
	var answer model.Feed
	meta, err := s.send(ctx, get, &answer)
	if err != nil {
		return nil, meta, err
	}
	if !strings.EqualFold(answer.FeedID, req.FeedID) || answer.ProcessingStatus == "" {
		return nil, meta, s.unreadable(get, "the answer is about another feed, or about none")
	}
	boundFeed(&answer)
	return &answer, meta, nil
}

// GetFeeds lists feeds, a page at a time (getFeeds; default quota one in 45
// seconds, burst 10). Amazon keeps feeds for 90 days.
func (s *Seller) GetFeeds(ctx context.Context, req model.GetFeedsRequest) (*model.GetFeedsResponse, Meta, error) {
	query, wrong := feedsQuery(req)
	if wrong != "" {
		return nil, Meta{}, s.invalid(model.GetFeeds, wrong)
	}
	get := newCall(model.GetFeeds)
	get.query = query
	var answer model.GetFeedsResponse
	meta, err := s.send(ctx, get, &answer)
	if err != nil {
		return nil, meta, err
	}
	if answer.Feeds == nil {
		return nil, meta, s.unreadable(get, "the answer holds no list of feeds")
	}
	if len(answer.NextToken) > maxPageToken {
		return nil, meta, s.unreadable(get, fmt.Sprintf("the answer's field nextToken has more than %d bytes", maxPageToken))
	}
	for i := range answer.Feeds {
		boundFeed(&answer.Feeds[i])
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
	end, err := s.feed(model.CancelFeed, req.FeedID)
	if err != nil {
		return nil, Meta{}, err
	}
	meta, err := s.send(ctx, end, nil)
	if err != nil {
		return nil, meta, err
	}
	return &model.CancelFeedResponse{}, meta, nil
}

// feed is a call about one feed.
func (c *caller) feed(operation, id string) (call, error) {
	if id == "" {
		return call{}, c.invalid(operation, "the feed id is empty")
	}
	return newCall(operation, id), nil
}
