package exclusion

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/boundedhttp"
	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
)

const (
	requestTimeout = 30 * time.Second
	// maxTag bounds an ETag, which is kept and sent back.
	maxTag = 1024
)

// Endpoint is a list behind an HTTP URL, in a form that Parse reads.
type Endpoint struct {
	url    *url.URL
	token  secrets.Source
	client *http.Client
	most   int64 // bytes of an answer, inflated
}

// NewEndpoint asks rawURL by GET, with the secret of token as bearer token; a nil
// token sends none. It follows redirects only to the same scheme and host, so
// that the token goes nowhere else.
func NewEndpoint(rawURL string, token secrets.Source) (*Endpoint, error) {
	at, err := url.Parse(rawURL)
	if err != nil || at.Host == "" || at.Scheme != "https" && at.Scheme != "http" {
		return nil, errors.New("excluded SKUs: the URL does not start with https:// or http:// and a host")
	}
	transport := boundedhttp.Connections()
	transport.DisableKeepAlives = true // one request in a quarter of an hour
	return &Endpoint{
		url: at, token: token, most: maxBytes, client: boundedhttp.NewClient(transport, maxBytes, requestTimeout),
	}, nil
}

// String names the endpoint without its query, which may hold a secret.
func (e *Endpoint) String() string {
	return (&url.URL{Scheme: e.url.Scheme, Host: e.url.Host, Path: e.url.Path}).String()
}

// Load asks for the list, or whether last still holds. A refused token is read
// again from its source once, since it may have been rotated.
func (e *Endpoint) Load(ctx context.Context, last *List) (*List, error) {
	var token secrets.Secret
	if e.token != nil {
		var err error
		if token, err = e.token.Secret(ctx); err != nil {
			return nil, fmt.Errorf("the token for %s: %w", e, err)
		}
	}
	list, status, err := e.ask(ctx, last, token)
	if status == http.StatusUnauthorized && e.token != nil {
		if fresh, ok := secrets.Renew(ctx, e.token, token); ok {
			list, _, err = e.ask(ctx, last, fresh)
		}
	}
	return list, err
}

func (e *Endpoint) ask(ctx context.Context, last *List, token secrets.Secret) (list *List, status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.url.String(), http.NoBody)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", e, err)
	}
	req.Header.Set("Accept", "application/json, text/csv, text/plain")
	if !token.Empty() {
		req.Header.Set("Authorization", "Bearer "+token.Reveal())
	}
	if last != nil && last.tag != "" {
		req.Header.Set("If-None-Match", last.tag)
	}
	res, err := e.client.Do(req)
	if err != nil {
		var away *boundedhttp.RedirectError
		if errors.As(err, &away) {
			return nil, 0, fmt.Errorf("%s: %w", e, away)
		}
		return nil, 0, fmt.Errorf("%s: %w", e, boundedhttp.WithoutAnswer(err)) // err names the URL with its query
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusNotModified && last != nil:
		return last, res.StatusCode, nil
	case res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden:
		return nil, res.StatusCode, fmt.Errorf("%s answers %d %s: check exclusions.token", e, res.StatusCode, http.StatusText(res.StatusCode))
	case res.StatusCode != http.StatusOK:
		return nil, res.StatusCode, fmt.Errorf("%s answers %d %s", e, res.StatusCode, http.StatusText(res.StatusCode))
	}
	if list, err = e.read(res); err != nil {
		return nil, res.StatusCode, fmt.Errorf("%s: %w", e, err)
	}
	return list, res.StatusCode, nil
}

// read takes the list out of an answer. A page for people, such as that of a
// login, would pass for a list of SKUs: its type gives it away.
func (e *Endpoint) read(res *http.Response) (*List, error) {
	kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	accepted := []string{"application/json", "text/csv", "text/plain", "application/octet-stream"}
	if err != nil || !slices.Contains(accepted, kind) {
		return nil, fmt.Errorf("the answer's Content-Type is %.60q: it must be one of %v", res.Header.Get("Content-Type"), accepted)
	}
	list, err := parse(res.Body, e.most)
	if err != nil {
		return nil, err
	}
	if tag := res.Header.Get("ETag"); len(tag) <= maxTag {
		list.tag = tag
	}
	return list, nil
}
