package config

import (
	"strings"
	"testing"
	"time"
)

func TestTheEndOfOrdersV0(t *testing.T) {
	t.Parallel()
	lastDay := time.Date(2027, time.March, 27, 23, 59, 59, 0, time.UTC)
	for _, test := range []struct {
		api  string
		now  time.Time
		says string
	}{
		{Orders2026, lastDay.AddDate(10, 0, 0), ""},
		{OrdersV0, lastDay, ""},
		{OrdersV0, lastDay.Add(time.Second), "Amazon ended Orders v0"},
		{"v1", lastDay, "write one of 2026-01-01, v0"},
		{"", lastDay, "write one of 2026-01-01, v0"},
	} {
		cfg, faults := Default(), &Faults{File: "f"}
		cfg.Orders.API = test.api
		(&validator{cfg: &cfg, faults: faults}).orders(test.now)
		switch err := faults.orNil(); {
		case test.says == "" && err != nil:
			t.Errorf("%q at %v: %v", test.api, test.now, err)
		case test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)):
			t.Errorf("%q at %v: %v, want %q", test.api, test.now, err, test.says)
		}
	}
}
