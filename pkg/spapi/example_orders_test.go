package spapi_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/spapi"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// ExamplePages lists orders, two on a page. A page is a call, and the quota of
// searchOrders is one in three minutes: ask for pages of 100.
func ExamplePages() {
	ctx := context.Background()
	fast := clock.NewScaled(time.Now(), 3600)
	e := beginAt(fast)
	defer e.stop()
	e.place(3)
	_ = clock.Sleep(ctx, fast, 5*time.Minute) // Amazon finds orders two minutes after a change

	request := model.SearchOrdersRequest{LastUpdatedAfter: fast.Now().Add(-24 * time.Hour), MaxResultsPerPage: 2}
	for page, err := range spapi.Pages(ctx, 100, e.seller.SearchOrders, request) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(len(page.Orders), "orders")
	}
	// Output:
	// 2 orders
	// 1 orders
}

// Example_quota paces calls by the limit of their operation, and by the rate that Amazon
// names in its answers. A Seller waits for nothing by itself.
func Example_quota() {
	e := begin()
	defer e.stop()
	ctx := context.Background()
	limit, _ := model.Describe(model.GetOrder)
	limiter := rate.NewLimiter(rate.Limit(limit.Rate), limit.Burst)
	for _, id := range e.place(3) {
		if err := limiter.Wait(ctx); err != nil {
			fmt.Println(err)
			return
		}
		_, meta, err := e.seller.GetOrder(ctx, model.GetOrderRequest{OrderID: id})
		if err != nil {
			fmt.Println(err)
			return
		}
		if meta.RateLimit > 0 { // this seller's own
			limiter.SetLimit(rate.Limit(meta.RateLimit))
		}
	}
	fmt.Println(limiter.Limit(), "a second, burst", limiter.Burst())
	// Output: 0.5 a second, burst 30
}

// Example_throttled spends the burst of an operation and takes Amazon's refusal.
func Example_throttled() {
	e := begin()
	defer e.stop()
	id := e.place(1)[0]
	limit, _ := model.Describe(model.GetOrder)
	for calls := 1; ; calls++ {
		_, _, err := e.seller.GetOrder(context.Background(), model.GetOrderRequest{OrderID: id})
		var failed *model.Error
		switch {
		case err == nil:
			continue
		case errors.As(err, &failed) && failed.Class == model.Throttled:
			wait := max(failed.RetryAfter, time.Duration(float64(time.Second)/limit.Rate))
			fmt.Println(calls > limit.Burst, "- nothing happened: the next call in", wait)
		default:
			fmt.Println(err)
		}
		return
	}
	// Output: true - nothing happened: the next call in 2s
}

// ExampleSeller_GetOrderV0 reads an order with its buyer data. The Seller gets the
// restricted token that this takes by itself; it is good for all orders for an hour.
func ExampleSeller_GetOrderV0() {
	e := begin()
	defer e.stop()
	answer, _, err := e.seller.GetOrderV0(context.Background(), model.GetOrderV0Request{
		OrderID: e.place(1)[0], DataElements: []string{model.DataBuyerInfo},
	})
	if err != nil {
		fmt.Println(err) // Forbidden: the application lacks the roles that buyer data needs
		return
	}
	fmt.Println(answer.Order.BuyerInfo != nil, answer.Order.ShippingAddress != nil)
	// Output: true false
}
