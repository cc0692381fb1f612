package buyerdata

import (
	"context"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// PageRequest is a machine's search for orders that brings their buyer data.
type PageRequest struct {
	Account string // our name of it
	Search  *model.SearchOrdersRequest
	Keys    map[string]*schemas.BuyerKey // of orders that have one, by order id; others get a new one
}

// PageAnswer is what a machine gets for a PageRequest.
type PageAnswer struct {
	Page   *model.SearchOrdersResponse // without buyer data
	Sealed []*Sealed                   // of each order; nil where its data is withheld
}

// Of is what came with an order of the page; nil where its data is withheld.
func (a *PageAnswer) Of(order int) *Sealed {
	if order >= len(a.Sealed) {
		return nil
	}
	return a.Sealed[order]
}

// page carries out a search. It never waits for a key, since the few searches of an account
// are not to be spent on that: an order without a key keeps its data back, and what reads it
// by itself tells why.
func (s *Sealer) page(ctx context.Context, next Execute, call machine.Call, req *PageRequest) machine.Result {
	read := call
	read.Request = req.Search
	res := next(ctx, read)
	res.Call = call
	done, ok := res.Outcome.(machine.Done)
	if !ok {
		return res
	}
	page, ok := done.Response.(*model.SearchOrdersResponse)
	if !ok {
		withhold(done.Response)
		return res
	}
	answer, keyed := &PageAnswer{Page: page, Sealed: make([]*Sealed, len(page.Orders))}, s.keys.Given()
	for i := range page.Orders {
		o := &page.Orders[i]
		if !keyed || model.CheckOrderID(o.OrderID) != nil {
			withholdOf(o)
			continue
		}
		var fields fieldSet
		fields.order(o)
		sealed, err := s.sealOf(ctx, Owner{Account: req.Account, OrderID: o.OrderID}, req.Keys[o.OrderID], fields)
		if err != nil { // the next would fail as well, each after its time
			keyed = false
			s.log.DebugContext(ctx, "a page's orders are read one by one, since their buyer data cannot be encrypted",
				"account", req.Account, "operation", call.Operation, "error", err)
			continue
		}
		answer.Sealed[i] = &sealed
	}
	res.Outcome = machine.Done{Response: answer}
	return res
}

// sealOf encrypts an order's fields with the key of a record, if there is one.
func (s *Sealer) sealOf(ctx context.Context, owner Owner, record *schemas.BuyerKey, fields map[string]string) (Sealed, error) {
	if len(fields) == 0 {
		return Sealed{}, nil
	}
	key, err := s.known(ctx, owner, record)
	if err != nil {
		return Sealed{}, err
	}
	return s.seal(ctx, owner, key, fields)
}
