package schemas

import (
	"fmt"
	"time"
)

// WrongUnit reports how a time that a producer wrote in another unit than
// milliseconds must be corrected, and "" for any other time. A unit is told by
// the range of its numbers: it is taken for the one that puts the time within ten
// years of now, if milliseconds do not.
func WrongUnit(t, now time.Time) (remedy string) {
	const years = 10
	number := t.UnixMilli()
	from, to := now.AddDate(-years, 0, 0).UnixMilli(), now.AddDate(years, 0, 0).UnixMilli()
	within := func(n int64) bool { return from <= n && n <= to }
	switch {
	case within(number):
		return ""
	case number > 0 && number <= to/1000 && within(number*1000):
		return fmt.Sprintf("the number %d looks like seconds since 1970: write milliseconds, that is 1,000 times as much", number)
	case within(number / 1000):
		return fmt.Sprintf("the number %d looks like microseconds since 1970: write milliseconds, a thousandth of it", number)
	case within(number / 1_000_000):
		return fmt.Sprintf("the number %d looks like nanoseconds since 1970: write milliseconds, a millionth of it", number)
	}
	return ""
}
