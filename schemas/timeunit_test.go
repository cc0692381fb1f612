package schemas_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/property"
)

// A time of the last years is recognised in whatever unit it was written, and is
// never taken for another's in its own.
func TestATimeInAnotherUnitIsRecognised(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 7, 0, 0, 0, time.UTC)
	property.Check(t, func(t *rapid.T) {
		meant := now.Add(-time.Duration(rapid.Int64Range(-int64(5*time.Minute), int64(9*365*24*time.Hour)).Draw(t, "age")))
		for unit, number := range map[string]int64{
			"": meant.UnixMilli(), "seconds": meant.Unix(), "microseconds": meant.UnixMicro(), "nanoseconds": meant.UnixNano(),
		} {
			remedy := schemas.WrongUnit(time.UnixMilli(number), now)
			if (unit == "") != (remedy == "") || !strings.Contains(remedy, " "+unit) && unit != "" {
				t.Errorf("%v in %q: %q", meant, unit, remedy)
			}
		}
	})
	for _, odd := range []int64{0, -1, 1, -1 << 62, 1<<62 - 1, now.AddDate(-30, 0, 0).UnixMilli(), now.AddDate(30, 0, 0).UnixMilli()} {
		if remedy := schemas.WrongUnit(time.UnixMilli(odd), now); remedy != "" {
			t.Errorf("%d: %q", odd, remedy)
		}
	}
}
