package spapi

import (
	"context"
	"net/http"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// ReadFeedReport reads a feed's processing report (getFeedDocument, default
// quota one in 45 seconds, burst 10; then the download). A document that is no
// report, or that is larger than any report can be, is an answer with
// Unreadable: to ask again would bring the same. Everything that a repeat could
// mend is an error.
func (s *Seller) ReadFeedReport(ctx context.Context, req model.ReadFeedReportRequest) (*model.FeedReport, Meta, error) {
	if req.FeedDocumentID == "" {
		return nil, Meta{}, s.invalid(model.GetFeedDocument, "the document id is empty")
	}
	get := newCall(model.GetFeedDocument, req.FeedDocumentID)
	var answer feedDocument
	meta, err := s.send(ctx, get, &answer)
	if err != nil {
		return nil, meta, err
	}
	if err := answer.check(); err != nil {
		return nil, meta, s.unreadable(get, err.Error())
	}
	report, err := s.download(ctx, answer)
	return report, meta, err
}

func (c *caller) download(ctx context.Context, document feedDocument) (*model.FeedReport, error) {
	at, refusal := c.documentURL(model.GetFeedDocument, document.URL)
	if refusal != nil {
		return nil, refusal
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "", nil)
	if err != nil {
		return nil, c.broken(model.GetFeedDocument, err)
	}
	req.URL, req.Host = at, at.Host
	// Without it http.Transport would ask for gzip, inflate it without a limit,
	// and leave us to guess what compressionAlgorithm means then.
	req.Header.Set("Accept-Encoding", "identity")
	resp, refusal := c.transfer(model.GetFeedDocument, req)
	if refusal != nil {
		return nil, refusal
	}
	defer resp.Body.Close()
	leave := func() {}
	defer func() { leave() }()
	report, err := readReport(resp.Body, document.CompressionAlgorithm, func() (err error) {
		leave, err = c.client.reports.Enter(ctx, maxReport)
		return err
	})
	if err != nil {
		return nil, c.broken(model.GetFeedDocument, err)
	}
	return report, nil
}
