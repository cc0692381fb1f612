package spapi

import (
	"net/http"
	"net/url"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/documents"
	"github.com/sellerstream/sellerstream/pkg/simulator/exchange"
	"github.com/sellerstream/sellerstream/pkg/simulator/lwa"
	"github.com/sellerstream/sellerstream/pkg/simulator/notify"
	"github.com/sellerstream/sellerstream/pkg/simulator/stock"
	"github.com/sellerstream/sellerstream/pkg/simulator/world"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// operation is one SP-API operation, as the table of package model or foreign describes it.
// Tests apart from this simulator compare both with Amazon's models.
type operation struct {
	model.Operation
	serve serve
}

// serve answers a request.
type serve func(*request) exchange.Answer

// request is an authorized request that is within its quota.
type request struct {
	*http.Request
	*exchange.Exchange
	account     *world.Account // nil for a grantless operation
	application string         // name of the one that calls
	region      model.Region
	query       url.Values
	elements    map[string]bool // the buyer's data that a restricted token opens
	now         time.Time
	lenient     bool // see Config
}

// API is the Selling Partner API of all regions.
type API struct {
	Amazon
	service    exchange.Service
	config     Config
	quotas     *quotas
	orderPages pages[orderPage]
	feedPages  pages[feedPage]
	carriers   map[string]bool // the codes that it takes
}

// Config describes how the operations behave.
type Config struct {
	Rates map[string]Rate // replace Amazon's default quotas, by operation name
	// ApplicationRates replace Amazon's limits of an application in a region.
	ApplicationRates map[string]Rate
	ItemsPerPage     int           // of Orders v0's getOrderItems
	ListingsLag      time.Duration // how late an applied quantity shows in fulfillmentAvailability
	// Lenient ignores parameters and members that an operation does not have, as
	// Amazon does. Otherwise they are refused.
	Lenient bool
}

// Amazon is what the operations read and change.
type Amazon struct {
	World     *world.World
	Agenda    *world.Agenda
	Tokens    *lwa.Tokens
	Stock     *stock.Stock
	Documents *documents.Store
	Notifier  *notify.Notifier
}
