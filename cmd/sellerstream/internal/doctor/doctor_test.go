package doctor_test

import (
	"testing"

	"github.com/sellerstream/sellerstream/cmd/sellerstream/internal/doctor"
)

func TestAHealthySetup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settle(t)
	report := w.examine(t)
	t.Log(table(report, true))
	if report.Count(doctor.OK) != len(report.Results)-1 || !report.Healthy() {
		t.Errorf("not everything is ok")
	}
}
