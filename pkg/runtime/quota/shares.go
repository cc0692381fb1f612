package quota

import (
	"slices"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Shared divides the limits of the operations that roles share, by the switches: on returns
// the feed types about orders that are sent for an account. Each of them has a fixed share,
// and the role that sends listings has the rest. Where none is sent it has all.
//
// The sum of the parts is never more than Amazon's limit, and the sum of their bursts never
// more than its burst, unless one is configured that has not one token for each. That holds across a switch too. Who leaves a share to another role also leaves it three tokens,
// for what processes spend twice that see a switch at different times. And a share has half a
// token at most at a new owner, since it may have been switched off: so it makes no call in
// the time that half a token takes, in which the others see the switch. For a feed that is 8
// minutes.
func (l Limits) Shared(on func(account string) []string) Limits {
	return func(account, operation string) (Limit, bool) {
		of, share := model.IsShare(operation)
		sent := len(on(account))
		switch {
		case share:
			whole := l.Of(account, of)
			return whole.part(1, whole.shareBurst(sent)), true
		case sent > 0 && slices.Contains(model.SharedOperations(), operation):
			whole := l.Of(account, operation)
			return whole.part(model.ShareParts-sent, whole.Burst-sent*whole.shareBurst(sent)), true
		case l == nil:
			return Limit{}, false
		}
		return l(account, operation)
	}
}

// shareBurst is the burst of each of so many shares. One token at least is the rest's.
func (l Limit) shareBurst(shares int) int {
	return max(1, min(model.ShareBurst, (l.Burst-1)/max(1, shares)))
}

// part is so many of ShareParts, with a burst of its own.
func (l Limit) part(parts, burst int) Limit {
	l.Share = float64(parts) / model.ShareParts
	l.Rate *= l.Share
	l.Burst = max(1, burst)
	return l
}

// shareAtStart is how many tokens a share has at most at a new owner.
const shareAtStart = 0.5

// left is how many tokens are left to the other roles when they are switched on.
func (l Limit) left() float64 { return (1 - l.share()) * model.ShareParts * (model.ShareBurst + 1) }

// share is the part of Amazon's limit that this one is.
func (l Limit) share() float64 {
	if l.Share > 0 && l.Share < 1 {
		return l.Share
	}
	return 1
}
