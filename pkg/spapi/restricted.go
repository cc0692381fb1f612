package spapi

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// restrictedRead is a read of Orders v0 that brings buyer data: the one kind of
// call that is sent with a restricted data token. Such a token never leaves
// this file.
type restrictedRead struct {
	call
	elements []string
}

// callTokens makes the calls of Tokens 2021-03-01.
func (s *Seller) callTokens(ctx context.Context, request any) (any, Meta, error) {
	switch req := request.(type) {
	case *model.CreateRestrictedDataTokenRequest:
		return s.CreateRestrictedDataToken(ctx, *req)
	}
	return nil, Meta{}, ErrUnknownRequest
}

// CreateRestrictedDataToken makes sure that there is a token for buyer data
// (createRestrictedDataToken; default quota 1 a second, burst 10), and returns how long
// it is good. It is good for all of the seller's orders, for about an hour. A token
// that is at hand costs no request. A read without one gets one by itself and spends
// that quota: if you count it, call this first. Its error is a *model.Error.
func (s *Seller) CreateRestrictedDataToken(ctx context.Context, req model.CreateRestrictedDataTokenRequest) (*model.CreateRestrictedDataTokenResponse, Meta, error) {
	var meta atomic.Pointer[Meta] // the request's, if this caller's is the one that is made
	held, err := s.restrictedToken(ctx, req.DataElements, func(m Meta) { meta.Store(&m) })
	answered := Meta{}
	if m := meta.Load(); m != nil {
		answered = *m
	}
	if err != nil {
		var refusal *model.Error
		if !errors.As(err, &refusal) { // ctx has ended
			refusal = s.lost(newCall(model.CreateRestrictedDataToken), err)
		}
		return nil, answered, refusal
	}
	left := held.expires.Sub(s.client.clock.Now()).Round(time.Second)
	return &model.CreateRestrictedDataTokenResponse{ExpiresIn: int(left / time.Second)}, answered, nil
}

// read sends a call, with a restricted data token if it is to bring buyer data.
func (s *Seller) read(ctx context.Context, read restrictedRead, answer any) (Meta, error) {
	if len(read.elements) == 0 {
		return s.send(ctx, read.call, answer)
	}
	return s.sendWith(ctx, access{
		token: func(ctx context.Context) (token, error) {
			held, err := s.restrictedToken(ctx, read.elements, func(Meta) {})
			return held, forRead(err)
		},
		refused: func(t token) bool {
			// However fresh: what it was good for may have been withdrawn since.
			s.client.restricted.drop(s.restrictedKey(read.elements), t)
			return s.client.clock.Now().Sub(t.issued) >= freshFor
		},
	}, read.call, answer)
}

// restrictedToken is the token at hand, or a new one.
func (s *Seller) restrictedToken(ctx context.Context, elements []string, answered func(Meta)) (token, error) {
	for _, element := range elements {
		if element != model.DataBuyerInfo && element != model.DataShippingAddress {
			return token{}, s.invalid(model.CreateRestrictedDataToken, fmt.Sprintf("no data element is named %q", element))
		}
	}
	if len(elements) == 0 {
		return token{}, s.invalid(model.CreateRestrictedDataToken, "no data element is named")
	}
	return s.client.restricted.get(ctx, s.restrictedKey(elements), func(ctx context.Context) (token, error) {
		fresh, meta, err := s.askRestricted(ctx, elements)
		answered(meta)
		return fresh, err
	})
}

func (s *Seller) restrictedKey(elements []string) tokenKey {
	return tokenKey{client: s.key.client, owner: s.key.owner, region: s.key.region, revision: s.key.revision, scope: strings.Join(canonical(elements), ",")}
}

func canonical(elements []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(elements)))
}

// restrictedResource is Amazon's RestrictedResource.
type restrictedResource struct {
	Method       string   `json:"method"`
	Path         string   `json:"path"`
	DataElements []string `json:"dataElements"`
}

// resource describes a read, for any order, that a token is to open.
func resource(operation string, elements []string) restrictedResource {
	row, _ := model.Describe(operation)
	return restrictedResource{row.Method, row.Path, elements}
}

// askRestricted asks for a token for both reads of every order: a path that
// names no order is good for all of them (the sandbox case of Amazon's
// tokens_2021-03-01.json; Tokens API use case guide, "generic path").
func (s *Seller) askRestricted(ctx context.Context, elements []string) (token, Meta, error) {
	elements = canonical(elements)
	resources := []restrictedResource{resource(model.GetOrderV0, elements)}
	if slices.Contains(elements, model.DataBuyerInfo) { // the one element that items have
		resources = append(resources, resource(model.GetOrderItemsV0, []string{model.DataBuyerInfo}))
	}
	create := newCall(model.CreateRestrictedDataToken)
	create.body = struct {
		Resources []restrictedResource `json:"restrictedResources"`
	}{resources}
	var answer struct {
		Token     string `json:"restrictedDataToken" answer:"required,max=16384"`
		ExpiresIn int64  `json:"expiresIn" answer:"required"` // seconds
	}
	asked := s.client.clock.Now()
	meta, err := s.send(ctx, create, &answer)
	if err != nil {
		return token{}, meta, err
	}
	if answer.Token == "" || answer.ExpiresIn <= 0 {
		return token{}, meta, s.unreadable(create, "the answer holds no token")
	}
	life := time.Duration(min(answer.ExpiresIn, int64(time.Hour/time.Second))) * time.Second
	return newToken(answer.Token, asked, life), meta, nil
}

// forRead returns what a missing token means to the read. It says nothing about the
// order, nor about the read's own quota.
func forRead(err error) error {
	var refusal *model.Error
	if !errors.As(err, &refusal) {
		return err
	}
	named := *refusal
	switch refusal.Class {
	case model.Throttled:
		named.Class = model.Unavailable
	case model.Invalid, model.NotFound, model.Conflict:
		named.Class = model.Forbidden
		named.Remedy = "give the application the roles that buyer data needs, or do not ask for it"
	}
	return &named
}
