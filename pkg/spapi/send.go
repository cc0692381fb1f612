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

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// maxAnswer bounds an answer: an order of a thousand lines is about 2 MiB.
const maxAnswer = 8 << 20

// Meta is what an answer says besides its body.
type Meta struct {
	// RateLimit is the pair's rate in requests per second
	// (x-amzn-RateLimit-Limit); 0 when Amazon sent none.
	RateLimit float64
	RequestID string // x-amzn-RequestId
}

// call is one request before it has a host and a token.
type call struct {
	operation string
	method    string
	path      string // escaped
	query     url.Values
	body      any // sent as JSON; nil for none
	writes    bool
	success   int  // the status of a success; 0 means 200
	once      bool // sent over NewOnceTransport
}

// caller is who makes a call: a seller, or an application alone.
type caller struct {
	client  *Client
	http    *http.Client
	once    *http.Client // for what must not be sent twice
	base    *url.URL
	account string // "" for an application alone
	key     tokenKey
	token   func(context.Context) (token, error)
}

// access is where the token of a request comes from, and what its refusal does.
type access struct {
	token   func(context.Context) (token, error)
	refused func(token) (newChance bool)
}

// send makes one request, once, and decodes a success into answer, unless that
// is nil. Its error is always a *model.Error.
func (c *caller) send(ctx context.Context, call call, answer any) (Meta, error) {
	return c.sendWith(ctx, access{c.token, func(t token) bool { return c.client.lwa.tokens.refused(c.key, t) }}, call, answer)
}

func (c *caller) sendWith(ctx context.Context, access access, call call, answer any) (Meta, error) {
	if call.once {
		// http.Client, when its own Timeout ends, keeps only the text of the error,
		// and with it not whether anything was sent.
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
		return Meta{}, &model.Error{Class: model.Invalid, Operation: call.operation, Account: c.account, Err: err}
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
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	meta := Meta{RateLimit: rateLimit(resp.Header), RequestID: shorten(resp.Header.Get("x-amzn-RequestId"), 100)}
	switch {
	case resp.StatusCode != cmp.Or(call.success, http.StatusOK):
		refusal := classify(call, c.account, resp, body)
		if refusal.Class == model.Unauthorized || refusal.Class == model.Forbidden {
			refusal.StaleToken = access.refused(token)
		}
		return meta, refusal
	case answer == nil:
		return meta, nil
	case err != nil:
		return meta, c.lost(call, err)
	case len(body) > maxAnswer:
		return meta, c.lost(call, fmt.Errorf("the answer is larger than %d MiB", maxAnswer>>20))
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return meta, c.lost(call, fmt.Errorf("the answer is not what the model says: %s", decodeFault(err)))
	}
	return meta, nil
}

// line is what carries a call.
func (c *caller) line(call call) *http.Client {
	if call.once {
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
	req, err := http.NewRequestWithContext(ctx, call.method, at.JoinPath(call.path).String(), body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	if call.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// lost is a request without a whole answer, or one that did not get on its way.
func (c *caller) lost(call call, err error) *model.Error {
	e := &model.Error{Class: model.Unavailable, Operation: call.operation, Account: c.account, NotSent: unsent(err), Err: err}
	if call.writes && !e.NotSent {
		e.Class = model.Ambiguous
	}
	return e
}

// unsent says whether err is certain to have come before the request was
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
	named.Operation, named.Account, named.TokenMissing = call.operation+" ("+refusal.Operation+")", c.account, true
	return &named
}

// decodeFault says where decoding failed without quoting the value, which
// could be a buyer's.
func decodeFault(err error) string {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &kind):
		return fmt.Sprintf("field %s at byte %d has the wrong type", kind.Field, kind.Offset)
	case errors.As(err, &syntax):
		return fmt.Sprintf("no valid JSON at byte %d", syntax.Offset)
	}
	return "a value is malformed"
}
