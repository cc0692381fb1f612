package lane

import (
	"time"

	"github.com/sellerstream/sellerstream/pkg/quota"
	"github.com/sellerstream/sellerstream/schemas"
)

// ProbeAfter is how long a parked lane waits before it tries one call, to see
// whether somebody has mended the account.
const ProbeAfter = 15 * time.Minute

// lane is the pending work of one account for one operation.
type lane struct {
	account string
	queue   Queue
	bucket  *quota.Bucket // nil until the first draw
	from    *schemas.QuotaState
	known   bool // whether the account has a past, so that its burst may be spent

	inFlight  int
	heldUntil time.Time // no draw before
	parked    bool      // one call at a time, until one succeeds
	probeAt   time.Time // no draw before while parked

	wake  time.Time // when the lane wants to be looked at; its place in Lanes' heap
	place int       // 1 + index in that heap; 0 when not in it
}

// draw takes out the next item that may be called now.
func (l *lane) draw(now time.Time) (*Item, *schemas.QuotaState) {
	if l.heldUntil.After(now) || l.parked && (l.inFlight > 0 || l.probeAt.After(now)) {
		return nil, nil
	}
	if due := l.queue.Due(); due.IsZero() || due.After(now) {
		return nil, nil
	}
	checkpoint, ok := l.bucket.Take(now)
	if !ok {
		return nil, nil
	}
	item := l.queue.Pop(now)
	item.inFlight = true
	l.inFlight++
	return item, checkpoint
}

// next is when draw may have something, or zero when only an event changes that.
func (l *lane) next(now time.Time) time.Time {
	if l.queue.Len() == 0 || l.parked && l.inFlight > 0 {
		return time.Time{}
	}
	token := l.bucket.Next(now)
	if token.IsZero() {
		return token
	}
	if l.parked {
		token = latest(token, l.probeAt)
	}
	return latest(l.queue.Due(), l.heldUntil, token)
}

// open makes the bucket, once: from its checkpoint; full for an account
// without a past; else empty.
func (l *lane) open(operation string, limit func(account string) quota.Limit) {
	switch {
	case l.bucket != nil:
		return
	case l.from != nil:
		l.bucket = quota.Resume(l.from, limit(l.account))
	case l.known:
		l.bucket = quota.NewEmpty(l.account, operation, limit(l.account))
	default:
		l.bucket = quota.NewFull(l.account, operation, limit(l.account))
	}
	l.from = nil
}

func latest(times ...time.Time) time.Time {
	var last time.Time
	for _, t := range times {
		if t.After(last) {
			last = t
		}
	}
	return last
}
