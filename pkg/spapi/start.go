package spapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// ErrLate is why a request was not sent: StartBy's time was over.
var ErrLate = errors.New("the time by which the request had to start has passed")

// StartBy returns a context whose writing calls start before t, in real time, or
// not at all: then they fail with NotSent and ErrLate. The time is checked when
// the request is made and once more when it is written. It does not bound the
// answer, which is waited for until Config.Timeout. The zero time sets no bound.
//
// It is for a caller that may act only for a while, because another process may
// own its work afterwards.
func StartBy(ctx context.Context, t time.Time) context.Context {
	if t.IsZero() {
		return ctx
	}
	return context.WithValue(ctx, startKey{}, startTime{t})
}

type startKey struct{}

// startTime is the time before which a request must start; zero for any time.
type startTime struct{ time.Time }

// startBy is what StartBy has set.
func startBy(ctx context.Context) startTime {
	t, _ := ctx.Value(startKey{}).(startTime)
	return t
}

// over returns ErrLate when a request may not start any more.
func (t startTime) over() error {
	if t.IsZero() || time.Now().Before(t.Time) {
		return nil
	}
	return ErrLate
}

// guard lets the request's body be read only while the request may start. A
// connection that is shared with other requests cannot be watched as
// NewOnceTransport watches its own; but the body is read last, and without it
// no server carries a request out.
func (t startTime) guard(req *http.Request) {
	if t.IsZero() || req.Body == nil || req.Body == http.NoBody {
		return
	}
	req.Body = &lateBody{ReadCloser: req.Body, startBy: t}
	if again := req.GetBody; again != nil {
		req.GetBody = func() (io.ReadCloser, error) {
			body, err := again()
			if err != nil {
				return nil, err
			}
			return &lateBody{ReadCloser: body, startBy: t}, nil
		}
	}
}

// lateBody is a request's body, which fails with notSentError when its first
// byte is asked for too late.
type lateBody struct {
	io.ReadCloser
	startBy startTime
	begun   bool
}

// Read is io.Reader's.
func (b *lateBody) Read(p []byte) (int, error) {
	if !b.begun {
		if err := b.startBy.over(); err != nil {
			return 0, &notSentError{err}
		}
		b.begun = true
	}
	return b.ReadCloser.Read(p)
}
