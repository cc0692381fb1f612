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
// within ten minutes, and then what changes. Amazon fulfils every tenth SKU. None of these is
// sent a quantity, and nothing else waits for longer than it may. Where Amazon refuses all
// searches, getListingsItem is asked for each SKU. What it has not told within the wait
// is sent, and told; all are known three hours later all the same. In both nothing is
// lost, and no call is throttled.
func TestTheFirstDay(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		refuses bool // the searches
		alerts  int
		most    int // SKUs of Amazon's that may be sent a quantity
	}{
		"by searches": {false, 0, 0},
		"one by one":  {true, 1, (newcomers - 4500) / 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := simulate(t, setup{
				seed: 1, accounts: 1, length: 4 * time.Hour, notes: true, calm: true, newcomers: newcomers, noSearches: test.refuses,
				config: inventory.Config{FulfillmentWait: 15 * time.Minute},
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
			if n := w.count.calls[model.GetListingsItem]; n > newcomers*11/10 || !test.refuses && n > newcomers/20 {
				t.Errorf("%d calls of getListingsItem for %d SKUs", n, newcomers)
			}
			if n := len(w.waits.broken); !test.refuses && n > 0 {
				t.Errorf("%d waited above %v, the first: %s", n, bound, w.waits.broken[0])
			}
		})
	}
}
