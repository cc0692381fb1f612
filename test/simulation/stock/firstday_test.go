package stock

import (
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/inventory"
	"github.com/sellerstream/sellerstream/schemas"
)

// newcomers is the catalogue of an account on its first day.
const newcomers = 50_000

// TestTheFirstDay has an account begin whose warehouse sends its whole catalogue of 50,000 SKUs
// within ten minutes, and then what changes. Amazon fulfils every tenth SKU. With a wait
// of four hours none of these is sent a quantity. With the default wait, what has not been
// asked for in time is sent, and told; all are known three hours later all the same. In
// both nothing is lost, and no call is throttled.
func TestTheFirstDay(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		wait   time.Duration
		alerts int
		most   int // SKUs of Amazon's that may be sent a quantity
	}{
		{4 * time.Hour, 0, 0},
		{15 * time.Minute, 1, (newcomers - 4500) / 10},
	} {
		t.Run(test.wait.String(), func(t *testing.T) {
			t.Parallel()
			w := simulate(t, setup{
				seed: 1, accounts: 1, length: 4 * time.Hour, notes: true, calm: true, newcomers: newcomers,
				config: inventory.Config{FulfillmentWait: test.wait},
			})
			w.report(t)
			if n := w.count.alerts["FulfillmentUnknown"]; n != test.alerts {
				t.Errorf("%d alerts FulfillmentUnknown, want %d", n, test.alerts)
			}
			sh, sent, unknown := w.shops[0], 0, 0
			for i := range sh.skus {
				s := &sh.skus[i]
				if s.amazons && s.amazon >= 0 {
					sent++
				}
				value, err := sh.inventory.state.Get("sku/" + sh.id + "//" + skuName(int32(i)))
				state, ok := value.(*schemas.InventoryState)
				if err != nil || !ok || !s.unlisted && state.FulfilledBy != "AMAZON" && state.FulfilledBy != "MERCHANT" {
					unknown++
				}
			}
			t.Logf("%d of %d SKUs of Amazon's were sent a quantity", sent, newcomers/10)
			if sent > test.most || test.most > 0 && sent == 0 {
				t.Errorf("%d SKUs of Amazon's were sent a quantity, at most %d may be", sent, test.most)
			}
			if unknown > 0 {
				t.Errorf("of %d SKUs it is not known who fulfils them", unknown)
			}
			if n := w.count.calls[model.GetListingsItem]; n > newcomers*11/10 {
				t.Errorf("%d calls of getListingsItem for %d SKUs", n, newcomers)
			}
		})
	}
}
