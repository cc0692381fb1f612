package buyerdata

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/blame"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// failsAfter wraps a number of keys, and no more.
type failsAfter struct {
	*KeyFile
	left int
	deaf error // of all that is to be unwrapped
}

func (f *failsAfter) Unwrap(ctx context.Context, owner Owner, from *schemas.BuyerKey) ([]byte, error) {
	if f.deaf != nil {
		return nil, f.deaf
	}
	return f.KeyFile.Unwrap(ctx, owner, from)
}

func (f *failsAfter) Wrap(ctx context.Context, into *schemas.BuyerKey) ([]byte, error) {
	if f.left--; f.left < 0 {
		return nil, errors.New("no key today")
	}
	return f.KeyFile.Wrap(ctx, into)
}

// TestAPageSealsEachOrderWithItsKey: with the one that it has, or a new one. Where none can
// be had, the rest of the page comes without what is about its buyers.
func TestAPageSealsEachOrderWithItsKey(t *testing.T) {
	t.Parallel()
	ids := []string{"202-1234567-0000001", "202-1234567-0000002", "202-1234567-0000003", "202-1234567-0000004"}
	const name = "Zoë Müller"
	for _, left := range []int{-1, 0, 1, 9} {
		wrapper := &failsAfter{KeyFile: keyFile(t, GenerateKey()), left: 1}
		keys := NewKeys(wrapper)
		_, known, err := keys.New(t.Context(), Owner{testOwner.Account, ids[0]})
		if err != nil {
			t.Fatal(err)
		}
		if wrapper.left = left; left < 0 {
			keys = NewKeys()
		}
		guard := NewSealer(keys, new(blame.Tally), time.Now, slog.New(slog.DiscardHandler)).Guard(func(_ context.Context, call machine.Call) machine.Result {
			page := &model.SearchOrdersResponse{}
			for i, id := range ids {
				o := model.Order{OrderID: id}
				if i != 3 { // this one has no buyer data, so that it needs no key
					o.Buyer = &model.Buyer{Name: name}
				}
				page.Orders = append(page.Orders, o)
			}
			return machine.Result{Call: call, Outcome: machine.Done{Response: page}}
		})
		res := guard(t.Context(), machine.Call{Operation: model.SearchOrders, Request: &PageRequest{
			Account: testOwner.Account, Search: &model.SearchOrdersRequest{}, Keys: map[string]*schemas.BuyerKey{ids[0]: known},
		}})
		if _, ok := res.Call.Request.(*PageRequest); !ok {
			t.Errorf("the result is of a %T", res.Call.Request)
		}
		answer := res.Outcome.(machine.Done).Response.(*PageAnswer)
		text, _ := json.Marshal(answer.Page)
		if strings.Contains(string(text), name) || answer.Page.Orders[1].Buyer != nil {
			t.Errorf("%d keys: the page has %s", left, text)
		}
		for i, id := range ids {
			sealed, want := answer.Of(i), i <= left || i == 3 && left >= 0
			if (sealed != nil) != want {
				t.Errorf("%d keys: order %d is sealed: %t", left, i, sealed != nil)
			}
			if sealed == nil || i == 3 {
				continue
			}
			fields, err := keys.Open(t.Context(), Owner{testOwner.Account, id}, sealed.Data, sealed.Key)
			if err != nil || fields["buyer.name"] != name || (sealed.Key.KeyID == known.KeyID) != (i == 0) {
				t.Errorf("%d keys: order %d: %v, %v", left, i, fields, err)
			}
		}
	}
}

// TestAnOrdersKeyConcernsItsOrderAlone: one that cannot be unwrapped, or is lost, leaves that
// order to be read by itself, with no new key. When several fail, the rest is not tried.
func TestAnOrdersKeyConcernsItsOrderAlone(t *testing.T) {
	t.Parallel()
	for name, deaf := range map[string]error{"refused": errors.New("access denied"), "lost": ErrLost} {
		for keyed, want := range map[int]int{1: 5, 2: 4, 3: 0, 6: 0} {
			wrapper := &failsAfter{KeyFile: keyFile(t, GenerateKey()), left: 100, deaf: deaf}
			keys, known := NewKeys(wrapper), map[string]*schemas.BuyerKey{}
			page := &model.SearchOrdersResponse{}
			for n := range 6 {
				id := fmt.Sprintf("202-1234567-%07d", n)
				page.Orders = append(page.Orders, model.Order{OrderID: id, Buyer: &model.Buyer{Name: "Zoë"}})
				if n < keyed {
					_, record, err := keys.New(t.Context(), Owner{testOwner.Account, id})
					if err != nil {
						t.Fatal(err)
					}
					known[id] = record
				}
			}
			guard := NewSealer(keys, new(blame.Tally), time.Now, slog.New(slog.DiscardHandler)).Guard(func(context.Context, machine.Call) machine.Result {
				return machine.Result{Outcome: machine.Done{Response: page}}
			})
			answer := guard(t.Context(), machine.Call{Request: &PageRequest{Account: testOwner.Account, Search: &model.SearchOrdersRequest{}, Keys: known}}).Outcome.(machine.Done).Response.(*PageAnswer)
			sealed := 0
			for i := range page.Orders {
				if answer.Of(i) != nil {
					sealed++
				}
				if i < keyed && answer.Of(i) != nil || page.Orders[i].Buyer != nil {
					t.Errorf("%s, %d: order %d is sealed with another key, or not withheld", name, keyed, i)
				}
			}
			if sealed != want {
				t.Errorf("%s: %d orders with such a key leave %d sealed, want %d", name, keyed, sealed, want)
			}
		}
	}
}
