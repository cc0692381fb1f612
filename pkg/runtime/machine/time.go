package machine

import "time"

// Latest returns the latest of times. The zero time, which stands for none, is earlier
// than all others.
func Latest(first time.Time, others ...time.Time) time.Time {
	for _, t := range others {
		if t.After(first) {
			first = t
		}
	}
	return first
}

// Earliest returns the earliest of the times that are given: a zero time counts as not
// given.
func Earliest(first time.Time, others ...time.Time) time.Time {
	for _, t := range others {
		if first.IsZero() || !t.IsZero() && t.Before(first) {
			first = t
		}
	}
	return first
}
