package quota

import (
	"slices"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Shared divides the limits of the operations that roles share, by the switches: on returns
// the feed types about orders that are sent for an account. Each of them has a fixed share,
// and the role that sends listings has the rest. Where none is sent it has all.
//
// The sum of the parts is never more than Amazon's limit, nor is the sum of their bursts. That
// holds across a switch too. A share has no tokens at each new owner, since others may have
// spent them while it was switched off. Who leaves a share to another also leaves a burst of
// it: so much the processes may spend twice that see a switch at different times, which is a
// quarter of an hour for a feed.
func (l Limits) Shared(on func(account string) []string) Limits {
	return func(account, operation string) (Limit, bool) {
		of, share := model.IsShare(operation)
		sent := len(on(account))
		switch {
		case share:
			return l.Of(account, of).part(1, model.ShareBurst), true
		case sent > 0 && slices.Contains(model.SharedOperations(), operation):
			whole := l.Of(account, operation)
			return whole.part(model.ShareParts-sent, whole.Burst-sent*model.ShareBurst), true
		case l == nil:
			return Limit{}, false
		}
		return l(account, operation)
	}
}

// part is so many of ShareParts, with a burst of its own.
func (l Limit) part(parts, burst int) Limit {
	l.Share = float64(parts) / model.ShareParts
	l.Rate *= l.Share
	l.Burst = max(1, burst)
	return l
}

// left is how many tokens are left to the other roles when they are switched on.
func (l Limit) left() float64 { return (1 - l.share()) * model.ShareParts * model.ShareBurst }

// share is the part of Amazon's limit that this one is.
func (l Limit) share() float64 {
	if l.Share > 0 && l.Share < 1 {
		return l.Share
	}
	return 1
}
