package spapi

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// onceTransport is what NewOnceTransport makes.
type onceTransport struct{ base *http.Transport }

// NewOnceTransport carries requests that must never be sent twice and never late. Each
// has a connection of its own (HTTP/1.1, never reused) and is not replayed whatever
// happens to that connection: http.Transport replays a request that it believes the
// server did not read. StartBy's time is checked again when the first byte of the
// request is written, because a process that was stopped between its own check and the
// write would send what is another process's to send by now. A stop between that last
// check and the system call remains possible.
//
// When RoundTrip fails and no byte of the request was or will be written, the caller's
// error is a model.Error with NotSent.
//
// base gives the dialer, proxy, TLS configuration and timeouts; nil is
// NewTransport().
func NewOnceTransport(base *http.Transport) http.RoundTripper {
	if base == nil {
		base = NewTransport()
	}
	return onceTransport{base.Clone()}
}

// RoundTrip is http.RoundTripper.
func (o onceTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	l := &lease{ctx: req.Context(), startBy: startBy(req.Context())}
	transport := o.base.Clone()
	transport.DisableKeepAlives = true
	transport.ForceAttemptHTTP2 = false
	transport.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetHTTP1(true)
	dial := transport.DialContext
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return leased{Conn: conn, lease: l, counts: true}, nil
	}
	transport.DialTLSContext = l.dialTLS(transport, dial)
	sent := req.Clone(l.ctx)
	sent.GetBody = nil
	resp, err := transport.RoundTrip(sent)
	if err != nil && l.state.CompareAndSwap(fresh, sealed) {
		// The connection can report its end before it reports ours.
		if late := l.startBy.over(); late != nil && !errors.Is(err, late) {
			err = fmt.Errorf("%w: %w", late, err)
		}
		return nil, &notSentError{err}
	}
	return resp, err
}

// dialTLS makes the TLS connection itself, to tell the bytes of a handshake
// from those of the request. (Behind a proxy http.Transport makes it, and the
// handshake counts as sent: that errs on the safe side.)
func (l *lease) dialTLS(transport *http.Transport, dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	config := new(tls.Config)
	if transport.TLSClientConfig != nil {
		config = transport.TLSClientConfig.Clone()
	}
	config.NextProtos = []string{"http/1.1"}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
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
		secured := tls.Client(leased{Conn: raw, lease: l}, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			_ = raw.Close()
			return nil, err
		}
		return leased{Conn: secured, lease: l, counts: true}, nil
	}
}

// The states of a request.
const (
	fresh  = iota // nothing of it was written
	begun         // something was
	sealed        // nothing was, and nothing will be
)

// lease is the time in which one request may begin to be written.
type lease struct {
	ctx     context.Context
	startBy startTime
	state   atomic.Int32
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

// leased is a connection on which no request begins after the lease. A request that has
// begun is written to its end.
type leased struct {
	net.Conn
	lease  *lease
	counts bool // whether what is written is the request
}

// Write is net.Conn's.
func (c leased) Write(b []byte) (int, error) {
	if c.counts && c.lease.state.Load() == begun {
		return c.Conn.Write(b)
	}
	if err := c.lease.over(); err != nil {
		return 0, err
	}
	if c.counts && !c.lease.state.CompareAndSwap(fresh, begun) && c.lease.state.Load() == sealed {
		return 0, net.ErrClosed
	}
	return c.Conn.Write(b)
}

// notSentError is the error of a request before its first byte was written.
type notSentError struct{ err error }

func (e *notSentError) Error() string { return "nothing was sent: " + e.err.Error() }

func (e *notSentError) Unwrap() error { return e.err }
