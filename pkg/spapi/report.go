package spapi

import (
	"context"
	"net/http"

	"github.com/sellerstream/sellerstream/pkg/platform/boundedhttp"
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
	var report *model.FeedReport
	err = s.download(ctx, get, answer, s.client.reports, func(raw *source) (err error) {
		report, err = readReport(raw, answer.CompressionAlgorithm)
		return err
	})
	return report, meta, err
}

// download reads a document. Large ones of one budget are read one at a time.
func (c *caller) download(ctx context.Context, get call, document feedDocument, budget *boundedhttp.Budget, read func(*source) error) error {
	at, refusal := c.documentURL(get.Name, document.URL)
	if refusal != nil {
		return refusal
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "", nil)
	if err != nil {
		return c.broken(get.Name, err)
	}
	req.URL, req.Host = at, at.Host
	// Without it http.Transport would ask for gzip, inflate it without a limit,
	// and leave us to guess what compressionAlgorithm means then.
	req.Header.Set("Accept-Encoding", "identity")
	resp, refusal := c.transfer(get.Name, req)
	if refusal != nil {
		return refusal
	}
	defer resp.Body.Close()
	leave := func() {}
	defer func() { leave() }()
	if err := read(&source{
		from: resp.Body, contentType: resp.Header.Get("Content-Type"),
		large: func() (err error) {
			leave, err = budget.Enter(ctx, maxReport)
			return err
		},
	}); err != nil {
		return c.broken(get.Name, err)
	}
	return nil
}
