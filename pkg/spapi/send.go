package spapi

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"github.com/sellerstream/sellerstream/pkg/platform/boundedhttp"
	"github.com/sellerstream/sellerstream/pkg/spapi/internal/answers"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// maxAnswer bounds an answer in bytes, with containment rule 1's transport: an
// order of a thousand lines is about 2 MiB.
const maxAnswer = 8 << 20

// maxAnswers bounds the bytes of large answers that a client reads and decodes at a
// time. They take about ten times as much memory.
const maxAnswers = 2 * maxAnswer

// Meta is what an answer says besides its body.
type Meta struct {
	// RateLimit is the pair's rate in requests per second
	// (x-amzn-RateLimit-Limit); 0 when Amazon sent none.
	RateLimit float64
	RequestID string // x-amzn-RequestId
}

// call is one request before it has a host and a token.
type call struct {
	model.Operation
	path  string // escaped
	query url.Values
	body  any // sent as JSON; nil for none

	odd *[]answers.Oddity // where those of the answer go; nil for nowhere
}

// newCall is a call of an operation. parameters take the places of those in its path.
func newCall(operation string, parameters ...string) call {
	row, _ := model.Describe(operation)
	return call{Operation: row, path: fill(row.Path, parameters)}
}

// caller is who makes a call: a seller, or an application alone.
type caller struct {
	client  *Client
	http    *http.Client
	once    *http.Client // for what must not be sent twice
	base    *url.URL
	account string   // "" for an application alone
	key     tokenKey // of a seller's token; that of a grantless one has its scope besides
	token   func(context.Context, model.Scope) (token, error)
}

// access is where the token of a request comes from, and what its refusal does.
type access struct {
	token   func(context.Context) (token, error)
	refused func(token) (newChance bool)
}

// send makes one request, once, and decodes a success into answer, unless that
// is nil. Its error is always a *model.Error.
func (c *caller) send(ctx context.Context, call call, answer any) (Meta, error) {
	key := c.key
	key.scope = string(call.Scope)
	return c.sendWith(ctx, access{
		token:   func(ctx context.Context) (token, error) { return c.token(ctx, call.Scope) },
		refused: func(t token) bool { return c.client.lwa.tokens.refused(key, t) },
	}, call, answer)
}

func (c *caller) sendWith(ctx context.Context, access access, call call, answer any) (Meta, error) {
	if call.Once {
		// When its own Timeout ends, http.Client keeps only the text of the error,
		// which does not say whether anything was sent.
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.client.timeout)
		defer cancel()
	}
	token, err := access.token(ctx)
	if err != nil {
		return Meta{}, c.notSent(call, err)
	}
	req, err := c.request(ctx, call)
	if err != nil {
		return Meta{}, &model.Error{Class: model.Invalid, Operation: call.Name, Account: c.account, Err: err}
	}
	if call.InDoubt() {
		start := startBy(ctx)
		if err := start.over(); err != nil {
			return Meta{}, c.lost(call, &notSentError{err})
		}
		if !call.Once {
			start.guard(req)
		}
	}
	req.Header.Set("x-amz-access-token", token.Secret().Reveal())
	resp, err := c.line(call).Do(req)
	var unsigned *model.Error
	switch {
	case errors.As(err, &unsigned):
		return Meta{}, c.notSent(call, unsigned)
	case err != nil:
		return Meta{}, c.lost(call, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	meta := Meta{RateLimit: rateLimit(resp.Header), RequestID: shorten(resp.Header.Get("x-amzn-RequestId"), 100)}
	switch {
	case resp.StatusCode != cmp.Or(call.Success, http.StatusOK):
		refusal := classify(&c.client.decoder, call, c.account, resp, body)
		if refusal.Class == model.Unauthorized || refusal.Class == model.Forbidden {
			refusal.StaleToken = access.refused(token)
		}
		return meta, refusal
	case answer == nil:
		return meta, nil
	case err != nil:
		return meta, c.lost(call, err)
	}
	return meta, c.decode(call, body, answer)
}

// decode reads the body of a success into answer.
func (c *caller) decode(call call, body []byte, answer any) error {
	if raw, ok := answer.(*json.RawMessage); ok {
		if len(body) > 0 && !json.Valid(body) {
			return c.unreadable(call, "the answer is no JSON")
		}
		*raw = body
		return nil
	}
	odd, err := c.client.decoder.Decode(body, answer)
	for _, o := range odd {
		c.client.odd(call.Name, o.Path, string(o.Kind))
	}
	if err != nil {
		return c.unreadable(call, err.Error())
	}
	if call.odd != nil {
		*call.odd = odd
	}
	return nil
}

// line is what carries a call.
func (c *caller) line(call call) *http.Client {
	if call.Once {
		return c.once
	}
	return c.http
}

// request is the call as HTTP, without its access token.
func (c *caller) request(ctx context.Context, call call) (*http.Request, error) {
	var body io.Reader
	if call.body != nil {
		text, err := json.Marshal(call.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	at := *c.base
	at.RawQuery = call.query.Encode()
	req, err := http.NewRequestWithContext(ctx, call.Method, at.JoinPath(call.path).String(), body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	if call.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// lost is the error of a request without a whole answer, or of one that was not sent.
func (c *caller) lost(call call, err error) *model.Error {
	var large *boundedhttp.TooLargeError
	if errors.As(err, &large) { // it would be so again
		return c.unreadable(call, fmt.Sprintf("the answer is larger than %d MiB", large.Limit>>20))
	}
	e := &model.Error{Class: model.Unavailable, Operation: call.Name, Account: c.account, NotSent: unsent(err), Err: err}
	if call.InDoubt() && !e.NotSent {
		e.Class = model.Ambiguous
	}
	return e
}

// unreadable is the error of a request whose answer cannot be used.
func (c *caller) unreadable(call call, why string) *model.Error {
	return &model.Error{
		Class: model.Malformed, Operation: call.Name, Account: c.account,
		Status: cmp.Or(call.Success, http.StatusOK), Message: why,
	}
}

// unsent reports whether err is certain to have come before the request was
// written: there was no connection to write it to, or none of it was written.
func unsent(err error) bool {
	var none *notSentError
	var network *net.OpError
	return errors.As(err, &none) || errors.As(err, &network) && network.Op == "dial"
}

// notSent names the call that could not be made, and what was missing for it.
func (c *caller) notSent(call call, err error) *model.Error {
	var refusal *model.Error
	if !errors.As(err, &refusal) {
		refusal = &model.Error{Class: model.Unavailable, Operation: tokenOperation, Err: err}
	}
	named := *refusal
	named.Operation, named.Account, named.TokenMissing = call.Name+" ("+refusal.Operation+")", c.account, true
	return &named
}
