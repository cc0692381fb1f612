package doctor_test

import (
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/operator/doctor"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// TestWhatRunMakesIsNoFailure: before the first run nothing is there that it makes, and
// each kind of it is one warning.
func TestWhatRunMakesIsNoFailure(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		roles   []string
		healthy bool
		status  doctor.Status // of what the role subscriptions makes
	}{
		"the role subscriptions runs": {[]string{"orders", "subscriptions"}, true, doctor.Warning},
		"it does not":                 {[]string{"orders"}, false, doctor.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.options = func(o *doctor.Options) { o.Roles = test.roles }
			for _, a := range w.Accounts() {
				w.DropSubscriptions(a.ID, model.OrderChangeNotification)
				w.DropSubscriptions(a.ID, model.FeedProcessingFinishedNotification)
			}
			w.config.Bridge.Queues[0].ARN = simulator.QueueARN("new")
			w.config.Bridge.Queues[0].URL = w.urls.QueueURL("new")
			report := w.examine(t)
			if report.Healthy() != test.healthy {
				t.Errorf("healthy: %t\n%s", report.Healthy(), table(report, false))
			}
			for check, want := range map[string]doctor.Status{
				"topics": doctor.Warning, "schemas": doctor.Warning, "units": doctor.OK, "positions": doctor.OK, "work": doctor.OK,
				"destination eu": test.status, "destination na": test.status, model.OrderChangeNotification: test.status, model.FeedProcessingFinishedNotification: test.status,
			} {
				for _, r := range report.Results {
					if r.Check == check && r.Status != want && !(check == "work" && r.Status == doctor.Skipped) {
						t.Errorf("%s: %+v, want %s", check, r, want)
					}
				}
			}
			text := table(report, false)
			if n := strings.Count(text, "warning  "+model.OrderChangeNotification); test.healthy && n != 1 {
				t.Errorf("%d warnings about one kind of subscription\n%s", n, text)
			}
		})
	}
}
