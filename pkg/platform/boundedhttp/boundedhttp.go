// Package boundedhttp owns what an answer over HTTP may cost (containment rule
// 1). It bounds the bytes of an answer's body and header, and refuses to follow
// a redirect to another host, which would carry credentials there. It is for
// answers that are read as a whole: those of the schema registry, AWS, Login
// with Amazon, and the JSON answers of SP-API. Feed documents have bounds of
// their own.
package boundedhttp

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const (
	// MaxHeaderBytes bounds the header of an answer. A RoundTripper cannot: set it
	// as MaxResponseHeaderBytes of the http.Transport below.
	MaxHeaderBytes = 64 << 10

	maxRedirects = 3
	// maxHost is how much of a host's name, which can come from outside, an
	// error repeats.
	maxHost = 255
)

// TooLargeError is an answer that is larger than what is read of it. It comes
// from reading the body.
type TooLargeError struct {
	Host  string // that answered
	Limit int64  // bytes, after decompression
}

// Error names the host and the bound.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the answer of %s is larger than %s, the most that is read of it: "+
		"check that the configured URL leads to the right server", e.Host, size(e.Limit))
}

// RedirectError is an answer that sends its request to another host, or one redirect
// too many.
type RedirectError struct {
	Host string // that answered
	To   string // scheme and host of the redirect; "" where there were too many
}

// Error names both hosts.
func (e *RedirectError) Error() string {
	if e.To == "" {
		return e.Host + " redirects too often"
	}
	return fmt.Sprintf("%s redirects to %s, which is not followed: the request may hold credentials; "+
		"if that host is right, configure its URL", e.Host, e.To)
}

// Transport passes requests on to another RoundTripper and bounds what comes
// back. It is safe for concurrent use.
type Transport struct {
	next   http.RoundTripper
	limit  int64
	budget *Budget // nil for none
}

// NewTransport returns a Transport that lets at most limit bytes of an answer's
// body pass, counted after decompression.
func NewTransport(next http.RoundTripper, limit int64) *Transport {
	return &Transport{next: next, limit: limit}
}

// Within makes the transport take a share of a budget for each large answer, from when
// it turns out to be large until its body is closed. It returns the transport.
func (t *Transport) Within(b *Budget) *Transport {
	t.budget = b
	return t
}

// Connections returns a copy of http.DefaultTransport that reads at most
// MaxHeaderBytes of an answer's header.
func Connections() *http.Transport {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxResponseHeaderBytes = MaxHeaderBytes
	return transport
}

// KeepToHost makes a transport fail each request that a client makes because of a
// redirect to another host. It is for a client that follows such redirects and whose
// kind is not ours to choose: a transport sees the redirect of a request when it
// chooses the request's proxy.
func KeepToHost(transport *http.Transport) {
	proxy := transport.Proxy
	transport.Proxy = func(req *http.Request) (*url.URL, error) {
		if from := req.Response; from != nil && from.Request != nil {
			if err := redirectsAway(from.Request.URL, from); err != nil {
				return nil, err
			}
		}
		if proxy == nil {
			return nil, nil
		}
		return proxy(req)
	}
}

// Base returns what the transport passes requests on to.
func (t *Transport) Base() http.RoundTripper { return t.next }

// NewClient returns a client for answers of at most limit bytes, each read
// within timeout. It follows redirects within the same scheme, host and port.
func NewClient(base http.RoundTripper, limit int64, timeout time.Duration) *http.Client {
	return &http.Client{Transport: NewTransport(base, limit), Timeout: timeout, CheckRedirect: fewRedirects}
}

func fewRedirects(next *http.Request, earlier []*http.Request) error {
	if len(earlier) > maxRedirects {
		return &RedirectError{Host: next.URL.Host}
	}
	return nil
}

// RoundTrip implements http.RoundTripper. An answer that is too large fails
// when its body is read, so that its status is still known.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if away := redirectsAway(req.URL, resp); away != nil {
		_ = resp.Body.Close()
		return nil, away
	}
	bounded := bound(resp.Body, req.URL.Host, t.limit)
	if resp.ContentLength > t.limit && req.Method != http.MethodHead {
		bounded.left = exceeded
	}
	bounded.share = share{budget: t.budget, ctx: req.Context(), bytes: t.limit}
	if resp.ContentLength > 0 {
		bounded.share.bytes = min(t.limit, resp.ContentLength)
	}
	resp.Body = bounded
	return resp, nil
}

// CloseIdleConnections passes the call on, as http.Client expects of a chain.
func (t *Transport) CloseIdleConnections() {
	if closer, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

func redirectsAway(from *url.URL, resp *http.Response) error {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil
	}
	location := resp.Header.Get("Location")
	if location == "" {
		return nil
	}
	to, err := from.Parse(location)
	if err != nil {
		return &RedirectError{Host: from.Host, To: "what is no URL"}
	}
	if to.Scheme == from.Scheme && to.Host == from.Host && to.User == nil {
		return nil
	}
	return &RedirectError{Host: from.Host, To: fmt.Sprintf("%.*q", maxHost, to.Scheme+"://"+to.Host)}
}

// exceeded marks a body that is not read any further.
const exceeded = -1

// body is an answer's body up to its bound.
type body struct {
	io.ReadCloser
	left     int64
	tooLarge TooLargeError
	share    share
}

// Body returns a body of host's answer whose reading fails with a
// *TooLargeError behind limit bytes.
func Body(of io.ReadCloser, host string, limit int64) io.ReadCloser { return bound(of, host, limit) }

func bound(of io.ReadCloser, host string, limit int64) *body {
	return &body{ReadCloser: of, left: limit, tooLarge: TooLargeError{Host: host, Limit: limit}}
}

// Read reads up to the bound. A body of exactly the bound ends normally: one
// byte more is asked for before it is called too large.
func (b *body) Read(p []byte) (int, error) {
	if b.left == exceeded {
		return 0, &b.tooLarge
	}
	if len(p) == 0 {
		return 0, nil
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	most, err := b.share.most(len(p))
	if err != nil {
		return 0, err
	}
	n, err := b.ReadCloser.Read(p[:most])
	b.share.read += int64(n)
	if int64(n) > b.left {
		n, b.left = int(b.left), exceeded
		return n, &b.tooLarge
	}
	b.left -= int64(n)
	return n, err
}

// Close gives the answer's share of the budget back.
func (b *body) Close() error {
	b.share.end()
	return b.ReadCloser.Close()
}

// size writes a number of bytes for a person.
func size(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}
