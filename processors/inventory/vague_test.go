package inventory

import (
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/blame"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// TestAVaguelyRefusedPatchIsMadeASecondTime: a SKU that cannot be patched has its
// outcome after a minute and two calls. A refusal that all others share, for an hour, is no outcome.
func TestAVaguelyRefusedPatchIsMadeASecondTime(t *testing.T) {
	t.Parallel()
	no := refusedWith(model.Invalid, "InvalidInput")
	yes := machine.Done{Response: &model.ListingsItemSubmission{Status: model.SubmissionAccepted}}
	shared := &blame.Shared{Party: blame.Host, Cause: "invalid (400)", Count: 20}
	for name, test := range map[string]struct {
		ends []machine.Result // one after the other
		want string
	}{
		"a wrong SKU":                     {[]machine.Result{{Outcome: no}, {Outcome: no}}, "A 1 REJECTED InvalidInput"},
		"a passing refusal":               {[]machine.Result{{Outcome: no}, {Outcome: yes}}, "A 1 APPLIED"},
		"of all accounts":                 {[]machine.Result{{Outcome: no}, {Outcome: machine.Snooze{}, Shared: shared, Blame: blame.Host}, {Outcome: yes}}, "A 1 APPLIED"},
		"of all accounts, and once again": {[]machine.Result{{Outcome: no}, {Outcome: machine.Snooze{}, Shared: shared, Blame: blame.Host}, {Outcome: no}, {Outcome: yes}}, "A 1 APPLIED"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRuntime(t, Config{})
			u := updateOf("A", 1, testStart)
			u.Urgent = true
			calls := r.Take(u)
			for i, end := range test.ends {
				if end.Call = r.only(calls, model.PatchListingsItem); len(r.results) > 0 {
					t.Fatalf("%v before call %d", r.outcomes(), i)
				}
				calls = r.Tick(nil, end)
				if len(calls) == 0 {
					calls = r.Pass(blame.VagueFor + time.Second)
				}
			}
			equal(t, "outcomes", r.outcomes(), []string{test.want})
		})
	}
}
