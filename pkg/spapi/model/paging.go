package model

import (
	"errors"
	"fmt"
)

// Paging follows one list of Amazon's from page to page, and ends one that has no
// end (containment rule 1). The zero value is before the first page.
//
// A circle of tokens is found with one token in memory, as Brent's algorithm does:
// the one that stood where the number of pages was last a power of two. A circle
// that begins within the first n pages and is n pages long is found within 4n pages.
type Paging struct {
	pages int
	mark  string
}

// Next takes the token that a page names for the next one. The list ends with "", and
// Paging is then ready for another. An error means that the list is not to be followed:
// its tokens go in a circle, or it has more pages than most.
func (p *Paging) Next(token string, most int) error {
	if token == "" {
		*p = Paging{}
		return nil
	}
	if token == p.mark {
		return errors.New("the token of the next page leads back to one that was read")
	}
	if p.pages++; p.pages >= most {
		return fmt.Errorf("the list has more than %d pages", most)
	}
	if p.pages&(p.pages-1) == 0 {
		p.mark = token
	}
	return nil
}

// Pages is how many pages have named a next one.
func (p *Paging) Pages() int { return p.pages }

// Page is the answer of an operation that lists a page at a time.
type Page interface {
	// Next returns the token of the next page; "" on the last one.
	Next() string
}

// PageRequest is the request of such an operation.
type PageRequest[Request any] interface {
	// After returns the request for the page that a token names.
	After(token string) Request
}

// Next implements Page.
func (r *SearchOrdersResponse) Next() string {
	if r.Pagination == nil {
		return ""
	}
	return r.Pagination.NextToken
}

// After implements PageRequest.
func (r SearchOrdersRequest) After(token string) SearchOrdersRequest {
	r.PaginationToken = token
	return r
}

// Next implements Page.
func (r *GetFeedsResponse) Next() string { return r.NextToken }

// After implements PageRequest.
func (r GetFeedsRequest) After(token string) GetFeedsRequest {
	r.NextToken = token
	return r
}

// Next implements Page.
func (p *SubscriptionPage) Next() string { return p.NextToken }

// After implements PageRequest.
func (r GetSubscriptionsRequest) After(token string) GetSubscriptionsRequest {
	r.NextToken = token
	return r
}
