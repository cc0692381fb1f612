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
	answer, failures := &PageAnswer{Page: page, Sealed: make([]*Sealed, len(page.Orders))}, 0
	for i := range page.Orders {
		o := &page.Orders[i]
		if !s.keys.Given() || failures == maxKeyFailures || model.CheckOrderID(o.OrderID) != nil {
			withholdOf(o)
			continue
		}
		lacks := lacking(o)
		var fields fieldSet
		fields.order(o)
		sealed, err := s.sealOf(ctx, Owner{Account: req.Account, OrderID: o.OrderID}, req.Keys[o.OrderID], fields)
		if err != nil {
			failures++
			o.Incomplete = append(o.Incomplete, lacks...)
			s.log.DebugContext(ctx, "an order of a page is left to be read by itself, since its buyer data cannot be encrypted",
				"account", req.Account, "operation", call.Operation, "order", o.OrderID, "error", err)
			continue
		}
		answer.Sealed[i] = &sealed
	}
	res.Outcome = machine.Done{Response: answer}
	return res
}

// maxKeyFailures is how many keys of a page may fail, each after its time, before the rest
// of it is withheld.
const maxKeyFailures = 3

// sealOf encrypts an order's fields with the key of a record or, where there is none, a new
// one. A lost key is no reason for a new one here: what reads the order by itself decides that.
func (s *Sealer) sealOf(ctx context.Context, owner Owner, record *schemas.BuyerKey, fields map[string]string) (Sealed, error) {
	if len(fields) == 0 {
		return Sealed{}, nil
	}
	var key *sealingKey
	if record != nil {
		data, err := s.keys.Unwrap(ctx, owner, record)
		if err != nil {
			return Sealed{}, err
		}
		key = &sealingKey{data, record}
	}
	return s.seal(ctx, owner, key, fields)
}
