package simulatortest

import (
	"net/url"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// OneQuantity is a patch that sets a quantity to 17.
const OneQuantity = `{"productType":"PRODUCT","patches":[{"op":"merge","path":"/attributes/fulfillment_availability","value":[{"fulfillment_channel_code":"DEFAULT","quantity":17}]}]}`

// Seller calls a simulator whose clock is moved by hand.
type Seller struct {
	*Amazon
	Clock       *Clock
	Region      model.Region
	AccessToken string
	ID          string // Amazon's
}

// Sell starts a simulator with listings, and logs its German seller in.
func Sell(t *testing.T, change func(*simulator.Config)) *Seller {
	t.Helper()
	clock := NewClock()
	a := Start(t, func(c *simulator.Config) {
		c.Clock, c.SKUs = clock, 20
		if change != nil {
			change(c)
		}
	})
	return a.Seller(1, clock)
}

// Seller logs the nth seller in.
func (a *Amazon) Seller(n int, c *Clock) *Seller {
	a.T.Helper()
	account := a.Accounts()[n-1]
	return &Seller{a, c, account.Region, a.Token(SellerToken(n)), account.SellerID}
}

// Call makes a call of the SP-API.
func (s *Seller) Call(method, path, body string) Reply {
	s.T.Helper()
	return s.Do(s.Operation(s.Region, method, s.AccessToken, path, body))
}

// Item is the path of a SKU, with more of a query.
func (s *Seller) Item(sku, query string) string {
	return "/listings/2021-08-01/items/" + s.ID + "/" + url.PathEscape(sku) + "?marketplaceIds=" + Germany + query
}
