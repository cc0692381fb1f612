package buyerdata

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/blame"
	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// kms is a wrapper that works while up.
type kms struct{ up *bool }

func (kms) Scheme() string { return "kms:" }

func (k kms) Wrap(context.Context, *schemas.BuyerKey) ([]byte, error) {
	if !*k.up {
		return nil, errors.New("KMS is down")
	}
	return make([]byte, KeyBytes), nil
}

func (k kms) Unwrap(ctx context.Context, _ Owner, _ *schemas.BuyerKey) ([]byte, error) {
	return k.Wrap(ctx, nil)
}

// TestKeysThatCannotBeHadAreOneAlert: three accounts' orders wait for 30 minutes,
// whatever is wrong with the keys. One alert tells, and Amazon is hardly asked.
func TestKeysThatCannotBeHadAreOneAlert(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		given, known bool // there is a wrapper; the orders have keys
		most         int  // calls to Amazon meanwhile
	}{
		"no key is configured":    {given: false},
		"KMS makes no keys":       {given: true, most: 1},
		"KMS unwraps no keys":     {given: true, known: true},
		"no key, and orders' own": {given: false, known: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now, up, asked, done := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), false, 0, 0
			var keys Keys
			if test.given {
				keys = NewKeys(kms{&up})
			}
			sealer := NewSealer(keys, new(blame.Tally), func() time.Time { return now }, slog.New(slog.DiscardHandler))
			execute := sealer.Guard(func(ctx context.Context, call machine.Call) machine.Result {
				asked++
				return answering(order())(ctx, call)
			})
			lanes, orders := lane.New(model.GetOrder, quota.Limits(nil).Of).In("orders", nil), map[*lane.Item]*Request{}
			for i := range 12 {
				owner := Owner{fmt.Sprint("account-", i%3), fmt.Sprint("order-", i)}
				item, req := &lane.Item{Key: owner.OrderID}, &Request{Read: &model.GetOrderRequest{}, Order: owner}
				if test.known {
					req.Key = &schemas.BuyerKey{Account: owner.Account, OrderID: owner.OrderID, WrappedBy: "kms:key", Wrapped: []byte("x")}
				}
				orders[item] = req
				lanes.Add(owner.Account, item, now)
			}
			var alerts []*schemas.Alert
			run := func(span time.Duration) {
				for end := now.Add(span); now.Before(end); now = now.Add(time.Second) {
					tx := machine.Tx{Now: now}
					var drawn []*lane.Item
					lanes.Draw(&tx, func(item *lane.Item) { drawn = append(drawn, item) })
					for _, item := range drawn {
						account := orders[item].Order.Account
						res := execute(t.Context(), machine.Call{Account: account, Operation: model.GetOrder, Key: item.Key, Request: orders[item]})
						lanes.Finish(&tx, account, item, &res)
						if _, ok := res.Outcome.(machine.Done); ok {
							done++
							continue
						}
						if res.Blame != blame.Ourselves || res.Shared == nil {
							t.Fatalf("%+v", res)
						}
						lanes.Add(account, item, now)
					}
					for _, out := range tx.Outputs {
						alerts = append(alerts, out.Value.(*schemas.Alert))
					}
				}
			}
			run(30 * time.Minute)
			if len(alerts) != 1 || alerts[0].EventType != "SettingBlocks" || alerts[0].Attributes["count"] != "3" {
				t.Errorf("told %+v", alerts)
			}
			if asked > test.most {
				t.Errorf("%d calls to Amazon", asked)
			}
			up = true
			if run(time.Minute); test.given && done != len(orders) {
				t.Errorf("%d orders go on when there are keys again", done)
			}
		})
	}
}
