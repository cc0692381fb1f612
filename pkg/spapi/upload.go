package spapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// feedDocument is createFeedDocument's and getFeedDocument's answer. Its URL
// stays in this package.
type feedDocument struct {
	FeedDocumentID       string `json:"feedDocumentId"`
	URL                  string `json:"url" answer:"max=8192"`
	CompressionAlgorithm string `json:"compressionAlgorithm"`
}

// UploadFeed makes a document of req.Feed (createFeedDocument; default quota 0.5
// a second, burst 15) and uploads it. A feed with faults is
// model.Invalid and costs no call. The document is written as it is sent, so
// that a feed of any size needs no memory of its own.
func (s *Seller) UploadFeed(ctx context.Context, req model.UploadFeedRequest) (*model.UploadFeedResponse, Meta, error) {
	if req.Feed == nil {
		return nil, Meta{}, s.invalid(model.CreateFeedDocument, "there is no feed to upload")
	}
	if faults := req.Feed.Faults(); len(faults) > 0 {
		return nil, Meta{}, s.faulty(faults)
	}
	hash := sha256.New()
	size, err := io.Copy(hash, req.Feed.Reader())
	if err != nil {
		return nil, Meta{}, &model.Error{Class: model.Invalid, Operation: model.CreateFeedDocument, Account: s.account, Err: err}
	}
	create := newCall(model.CreateFeedDocument)
	create.body = map[string]string{"contentType": req.Feed.ContentType()}
	var answer feedDocument
	meta, err := s.send(ctx, create, &answer)
	if err != nil {
		return nil, meta, err
	}
	if !identifier(answer.FeedDocumentID, maxDocumentID) {
		return nil, meta, s.unreadable(create, "the answer's field feedDocumentId is missing or is no id of Amazon's")
	}
	if err := answer.check(); err != nil {
		return nil, meta, s.unreadable(create, err.Error())
	}
	if err := s.upload(ctx, answer.URL, req.Feed, size); err != nil {
		return nil, meta, err
	}
	return &model.UploadFeedResponse{
		FeedDocumentID: answer.FeedDocumentID, SHA256: hex.EncodeToString(hash.Sum(nil)), Bytes: size,
	}, meta, nil
}

// faulty names the first faults of a feed.
func (c *caller) faulty(faults []model.FeedFault) error {
	const named = 3
	var texts []string
	for _, fault := range faults[:min(named, len(faults))] {
		texts = append(texts, fault.Error())
	}
	if more := len(faults) - named; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more faults", more))
	}
	return c.invalid(model.CreateFeedDocument, "Amazon would not take the feed: "+strings.Join(texts, "; "))
}

// upload writes the feed to a presigned URL.
func (c *caller) upload(ctx context.Context, to string, feed model.FeedDocument, size int64) error {
	at, refusal := c.documentURL(model.CreateFeedDocument, to)
	if refusal != nil {
		return refusal
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, "", io.NopCloser(feed.Reader()))
	if err != nil {
		return c.broken(model.CreateFeedDocument, err)
	}
	req.URL, req.Host, req.ContentLength = at, at.Host, size
	// An upload may be repeated, also by the transport.
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(feed.Reader()), nil }
	req.Header.Set("Content-Type", feed.ContentType())
	resp, refusal := c.transfer(model.CreateFeedDocument, req)
	if refusal != nil {
		return refusal
	}
	return resp.Body.Close()
}
