package spapi

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// onceTransport is what NewOnceTransport makes.
type onceTransport struct{ pool *http.Transport }

// NewOnceTransport carries requests that must never be sent twice and never late. It
// keeps connections of its own, each for one request at a time, and uses them again.
// They have HTTP/1.1: where an HTTP/2 connection is written, its requests cannot be told
// apart. No byte of a request goes to a second connection, whatever becomes of the
// first: http.Transport replays a request that it believes the server did not read.
//
// StartBy's time is checked again when the first byte of the request is written,
// because a process that was stopped between its own check and the write would send
// what is another process's to send by now. A stop between that last check and the
// system call remains possible.
//
// A connection that turns out to be closed before a byte was written is replaced. When
// RoundTrip fails and no byte of the request was or will be written, the caller's
// error is a model.Error with NotSent.
//
// base gives the dialer, proxy, TLS configuration and timeouts; nil is
// NewTransport().
func NewOnceTransport(base *http.Transport) http.RoundTripper {
	if base == nil {
		base = NewTransport()
	}
	pool := base.Clone()
	pool.DisableKeepAlives = false
	pool.ForceAttemptHTTP2 = false
	pool.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	pool.Protocols = new(http.Protocols)
	pool.Protocols.SetHTTP1(true)
	dial := pool.DialContext
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	pool.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &leased{Conn: conn}, nil
	}
	pool.DialTLSContext = dialTLS(pool, dial)
	return onceTransport{pool}
}

// CloseIdleConnections is as http.Client expects it.
func (o onceTransport) CloseIdleConnections() { o.pool.CloseIdleConnections() }

// RoundTrip is http.RoundTripper.
func (o onceTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	for {
		l := &lease{ctx: req.Context(), startBy: startBy(req.Context())}
		sent := req.Clone(httptrace.WithClientTrace(l.ctx, &httptrace.ClientTrace{GotConn: l.take}))
		sent.GetBody = nil
		resp, err := o.pool.RoundTrip(sent)
		if err == nil || !l.on.CompareAndSwap(nil, &l.nowhere) {
			return resp, err
		}
		// The connection can report its end before it reports ours.
		late := l.over()
		if late != nil && !errors.Is(err, late) {
			err = fmt.Errorf("%w: %w", late, err)
		}
		if late != nil || !l.reused {
			return nil, &notSentError{err}
		}
		if req, err = rewound(req); err != nil {
			return nil, &notSentError{err}
		}
	}
}

// rewound returns a request that was not sent as it was before.
func rewound(req *http.Request) (*http.Request, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return req, nil
	}
	if req.GetBody == nil {
		return nil, errors.New("the connection was closed before the request was written")
	}
	body, err := req.GetBody()
	again := *req
	again.Body = body
	return &again, err
}

// dialTLS makes the TLS connection itself, to tell the bytes of its alerts from those
// of a request. (Behind a proxy http.Transport makes it, and an alert counts as sent:
// that errs on the safe side.)
func dialTLS(transport *http.Transport, dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		config := new(tls.Config)
		if transport.TLSClientConfig != nil {
			config = transport.TLSClientConfig.Clone()
		}
		config.NextProtos = []string{"http/1.1"}
		raw, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if config.ServerName == "" {
			if config.ServerName, _, err = net.SplitHostPort(address); err != nil {
				_ = raw.Close()
				return nil, err
			}
		}
		if transport.TLSHandshakeTimeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, transport.TLSHandshakeTimeout)
			defer cancel()
		}
		secured := tls.Client(raw, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			_ = raw.Close()
			return nil, err
		}
		return &leased{Conn: secured}, nil
	}
}

// lease is the time in which one request may begin to be written.
type lease struct {
	ctx     context.Context
	startBy startTime
	reused  bool // the connection has carried another request

	on      atomic.Pointer[leased] // the connection that something of it was written to
	nowhere leased                 // in on: nothing was written, and nothing will be
}

// take gives the lease to the connection that is to carry the request.
func (l *lease) take(got httptrace.GotConnInfo) {
	l.reused = got.Reused
	for conn := got.Conn; conn != nil; {
		switch c := conn.(type) {
		case *leased:
			c.lease.Store(l)
			return
		case interface{ NetConn() net.Conn }: // TLS behind a proxy
			conn = c.NetConn()
		default:
			return
		}
	}
}

// over returns why no request may begin now. It reads the time itself: in a
// process that was stopped the context's timer has not fired yet.
func (l *lease) over() error {
	if l.ctx.Err() != nil {
		return context.Cause(l.ctx)
	}
	if end, limited := l.ctx.Deadline(); limited && !time.Now().Before(end) {
		return context.DeadlineExceeded
	}
	return l.startBy.over()
}

// leased is a connection on which no request begins after its lease, and none that has
// begun on another connection. A request that has begun is written to its end.
type leased struct {
	net.Conn
	lease atomic.Pointer[lease] // of the newest request; nil while the connection is made
}

// Write is net.Conn's.
func (c *leased) Write(b []byte) (int, error) {
	l := c.lease.Load()
	if l == nil || l.on.Load() == c {
		return c.Conn.Write(b)
	}
	if err := l.over(); err != nil {
		return 0, err
	}
	if !l.on.CompareAndSwap(nil, c) {
		return 0, net.ErrClosed
	}
	n, err := c.Conn.Write(b)
	if n == 0 && err != nil {
		l.on.CompareAndSwap(c, nil)
	}
	return n, err
}

// notSentError is the error of a request before its first byte was written.
type notSentError struct{ err error }

func (e *notSentError) Error() string { return "nothing was sent: " + e.err.Error() }

func (e *notSentError) Unwrap() error { return e.err }
