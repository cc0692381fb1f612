package schemas

import (
	"slices"
	"strconv"
	"time"
)

// RetryChange is the OrderChange.changeType of a change that no notification
// brought: an operator has an order fetched again that was given up.
const RetryChange = "DeadLetterRetry"

// Headers of a record that `sellerstream deadletters retry` has put back on the
// topic that it came from.
const (
	// RetryOfHeader holds the id of the dead letter.
	RetryOfHeader = "retry-of"
	// RetryForHeader holds the role that had set the record aside. The topic's
	// other readers have handled it: our roles pass it over.
	RetryForHeader = "retry-for"
	// RetryTimeHeader holds the timestamp of the record that was set aside, in
	// milliseconds since 1970: what has no event time of its own is no newer for
	// being put back. Records that `sellerstream state import` wrote have it too.
	RetryTimeHeader = "retry-time"
)

// RetryTime reads a RetryTimeHeader.
func RetryTime(header []byte) (at time.Time, ok bool) {
	ms, err := strconv.ParseInt(string(header), 10, 64)
	if err != nil || ms <= 0 {
		return time.Time{}, false
	}
	return time.UnixMilli(ms).UTC(), true
}

// ForOthers reports whether a record of the topic (its logical name) is there again
// for another role than reader alone, by its RetryForHeader. A header that names
// no reader of the topic means nothing: it is a producer's own.
func ForOthers(topic, reader string, header []byte) bool {
	if len(header) == 0 || string(header) == reader {
		return false
	}
	t, ok := TopicOf(topic)
	return ok && slices.Contains(t.Readers, string(header))
}
