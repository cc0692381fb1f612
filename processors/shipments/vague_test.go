package shipments

import (
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/blame"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// TestAVagueRefusalIsAskedForASecondTime: a wrong shipment has its outcome after a
// minute and two calls. A refusal that all others share, for an hour, is no outcome.
func TestAVagueRefusalIsAskedForASecondTime(t *testing.T) {
	t.Parallel()
	no := refusal(400, model.Invalid, "InvalidInput", "no such carrier")
	shared := &blame.Shared{Party: blame.Host, Cause: "invalid (400)", Count: 20}
	for name, test := range map[string]struct {
		ends []machine.Result // one after the other, an hour apart
		want string
	}{
		"a wrong shipment":                {[]machine.Result{{Outcome: no}, {Outcome: no}}, rejected},
		"a passing one":                   {[]machine.Result{{Outcome: no}, {Outcome: done()}}, confirmed},
		"of all accounts":                 {[]machine.Result{{Outcome: no}, {Outcome: machine.Park(no), Shared: shared, Blame: blame.Host}, {Outcome: done()}}, confirmed},
		"of all accounts, and once again": {[]machine.Result{{Outcome: no}, {Outcome: machine.Snooze{}, Shared: shared, Blame: blame.Host}, {Outcome: no}, {Outcome: done()}}, confirmed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRuntime(t, Config{})
			calls := r.Take(known(orderID(1), 2, testStart), shipped("s1", orderID(1), "p1", 2, testStart))
			for i, end := range test.ends {
				if len(r.outcomes) > 0 || len(calls) != 1 {
					t.Fatalf("%d outcomes and %d calls before call %d", len(r.outcomes), len(calls), i)
				}
				end.Call = calls[0]
				calls = r.Tick(nil, end)
				if len(calls) == 0 {
					calls = r.Pass(time.Hour)
				}
			}
			if c := r.settled("s1"); c.Outcome != test.want {
				t.Errorf("%+v", c)
			}
		})
	}
}
