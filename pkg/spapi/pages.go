package spapi

import (
	"context"
	"fmt"
	"iter"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Pages follows a list from page to page. call is a method such as Seller.SearchOrders,
// and first the request for the first page:
//
//	for page, err := range spapi.Pages(ctx, 100, seller.SearchOrders, request) {
//
// Each page is one call, made when the loop comes to it: wait for quota in the loop, or
// in a call that wraps the method. An error ends the list. It is call's, or says that
// the list has more than most pages or leads back to one that was read.
func Pages[Request model.PageRequest[Request], Page model.Page](
	ctx context.Context, most int, call func(context.Context, Request) (Page, Meta, error), first Request,
) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		var paging model.Paging
		for request := first; ; {
			page, _, err := call(ctx, request)
			if !yield(page, err) || err != nil {
				return
			}
			token := page.Next()
			if err := paging.Next(token, most); err != nil {
				var none Page
				yield(none, fmt.Errorf("the pages of a list: %w", err))
				return
			}
			if token == "" {
				return
			}
			request = request.After(token)
		}
	}
}
