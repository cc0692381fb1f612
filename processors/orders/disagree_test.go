package orders

import (
	"fmt"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// TestALateReplicaTakesNothingBack: a read that shows what was before a buyer's wish, which
// moved no lastUpdatedTime and was emitted a moment ago, is asked again, also where a
// restart or a further notification comes between. A wish that follows soon is emitted
// within seconds.
func TestALateReplicaTakesNothingBack(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		restart, dirty bool
		numbers        []int // what the reads after the first one show
		want           []int32
	}{
		"late":                     {numbers: []int{1, 2}, want: []int32{2}},
		"late twice":               {numbers: []int{1, 1, 2}, want: []int32{2}},
		"late after a restart":     {restart: true, numbers: []int{1, 2}, want: []int32{2}},
		"late, and asked for anew": {dirty: true, numbers: []int{1, 2}, want: []int32{2}},
		"a wish that follows":      {numbers: []int{3}, want: []int32{2, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, a := newRuntime(t), newAmazon()
			at, reads := r.Now, 0
			wish := func(n int) any {
				change := notified(orderID(1), fmt.Sprint(n), r.Now)
				change.ChangeType = buyerRequestedChange
				return change
			}
			answer := func(call machine.Call) machine.Outcome {
				number := test.numbers[min(max(0, reads-1), len(test.numbers)-1)]
				if reads == 0 {
					number = 2
				}
				if reads++; reads == 2 && test.dirty {
					r.Take(wish(9))
				}
				return machine.Done{Response: &model.GetOrderResponse{Order: a.order(orderID(1), version{at: at, number: number})}}
			}
			r.Follow(time.Millisecond, r.Take(wish(1)), answer)
			if test.restart {
				r.Restart()
			}
			r.Follow(20*time.Second, r.Take(wish(2)), answer)
			var got []int32
			for _, event := range r.outputs {
				got = append(got, event.Items[0].QuantityOrdered)
			}
			if fmt.Sprint(got) != fmt.Sprint(test.want) || reads > 8 {
				t.Errorf("%v were emitted after %d reads, want %v", got, reads, test.want)
			}
		})
	}
}
