package ordersv0

import (
	"errors"
	"fmt"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// MaxPages is how many pages of items an order may have. Amazon gives no number;
// an order has few.
const MaxPages = 20

// maxItems is how many items of an order are, as with Orders 2026-01-01.
const maxItems = 5000

// Part is the part of an order that has been fetched: its head, and the pages of items
// so far.
type Part struct {
	head       model.OrderV0
	items      []model.OrderItemV0
	incomplete []string // of the pages; see model.Order.Incomplete
	next       string   // token of the page to fetch; "" for the first
	paging     model.Paging
}

// Begin is an order whose head has been fetched.
func Begin(head *model.OrderV0) Part { return Part{head: *head} }

// Pages is how many pages have been fetched.
func (p *Part) Pages() int { return p.paging.Pages() }

// Request asks for the next page of the order's items.
func (p *Part) Request() *model.GetOrderItemsV0Request {
	return &model.GetOrderItemsV0Request{OrderID: p.head.OrderID, NextToken: p.next}
}

// Add takes a page of the order's items, and returns the order when it is complete. It
// fails for pages that are no order's, or lead to no end.
func (p *Part) Add(page *model.OrderItemPageV0) (*model.Order, error) {
	if page.OrderID != p.head.OrderID {
		return nil, errors.New("the answer is about another order, or out of turn")
	}
	p.items = append(p.items, page.Items...)
	p.incomplete = append(p.incomplete, page.Incomplete...)
	switch {
	case len(p.items) > maxItems:
		return nil, fmt.Errorf("it has more than %d items", maxItems)
	case page.NextToken != "" && len(page.Items) == 0:
		return nil, errors.New("a page of its items is empty and names a next one")
	}
	p.next = page.NextToken
	if err := p.paging.Next(p.next, MaxPages); err != nil || p.next != "" {
		return nil, err
	}
	whole := Order(&p.head, p.items)
	whole.Incomplete = append(p.incomplete, p.head.Incomplete...)
	return whole, nil
}
