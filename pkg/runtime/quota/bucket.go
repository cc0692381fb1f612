package quota

import (
	"math"
	"time"

	"golang.org/x/time/rate"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	// MaxElapsed caps the time since the checkpoint that a new owner counts. That time
	// is the difference between two clocks, which can disagree; the cap bounds the
	// tokens that this costs.
	MaxElapsed = 5 * time.Minute

	// reserveSpan is how far ahead a checkpoint reserves tokens. Those that are not
	// spent are lost at a handover, so it is short.
	reserveSpan = 2 * time.Second

	// lowestShare is the least share of the rate that throttling can halve it to.
	lowestShare = 1.0 / 16
	// recovery is the share of the rate that each answer regains.
	recovery = 1.0 / 20

	// spread bounds the rates that Amazon's headers and the state can give a bucket:
	// between a twentieth of its limit and twenty times that. A header with a slip of
	// the comma must neither stop an account for years nor let it call without end.
	spread = 20
	// longest bounds every span of time that is computed from a rate.
	longest = 366 * 24 * time.Hour
)

// Bucket is the token bucket of one (account, operation). It starts at the
// first method that is given a time.
//
// Calls arrive at Amazon later than they are sent, and that costs tokens only
// where Amazon's bucket is full meanwhile: what would flow in is lost there,
// and must not flow in here. A call that is under way may not have arrived, so
// the bucket holds at most the burst less the calls under way; of the rest one
// token stays unspent, for calls that an earlier owner left under way.
//
// Tokens are reserved before they are spent: Take hands out a checkpoint when the block
// that the last one reserved is used up, and the caller must commit it with the call's
// intent. So a new owner can count too few tokens, but never too many. It is used by
// one goroutine.
type Bucket struct {
	account   string
	operation string
	limit     Limit               // configured, or Amazon's default
	from      *schemas.QuotaState // where to start from; nil for full or empty
	full      bool

	tokens    *rate.Limiter       // nil before the start; holds room() at most
	underWay  int                 // calls whose token was taken and whose answer has not come
	granted   float64             // rate that Amazon grants, as far as we know
	reserved  int                 // tokens that the promise covers and Take has not given yet
	promise   *schemas.QuotaState // the last checkpoint that was handed out
	spent     bool                // whether a token was taken since the last throttle
	owed      time.Time           // no token before: it leaves to other roles what they may have spent
	void      int                 // calls under way whose tokens the last throttle made void
	throttled bool                // whether the rate is below the granted one
}

// NewFull is the bucket of a pair that nobody can have called before.
func NewFull(account, operation string, limit Limit) *Bucket {
	return &Bucket{account: account, operation: operation, limit: limit.usable(operation), full: true}
}

// NewEmpty is the bucket of a pair whose past is unknown.
func NewEmpty(account, operation string, limit Limit) *Bucket {
	return &Bucket{account: account, operation: operation, limit: limit.usable(operation)}
}

// Resume is the bucket that checkpoint describes, at a new owner.
func Resume(checkpoint *schemas.QuotaState, limit Limit) *Bucket {
	return &Bucket{account: checkpoint.Account, operation: checkpoint.Operation, limit: limit.usable(checkpoint.Operation), from: checkpoint}
}

// Take spends a token, if there is one. checkpoint, if not nil, must be
// committed before the call that the token is for starts.
func (b *Bucket) Take(now time.Time) (checkpoint *schemas.QuotaState, ok bool) {
	b.start(now)
	if now.Before(b.owed) || !b.tokens.AllowN(now, 1) {
		return nil, false
	}
	b.spent = true
	b.underWay++
	b.tokens.SetBurstAt(b.at(now), b.room())
	left := b.left(now)
	if b.reserved > 0 {
		b.reserved--
		// When the bucket was full for a while the block has become void: a new
		// owner would take the time since the checkpoint for tokens.
		if level(b.promise, b.capacity(), now) <= left {
			return nil, true
		}
	}
	// Only tokens that are there: under load each call has its own checkpoint,
	// and a handover loses nothing.
	b.reserved = max(0, min(int(b.rate()*reserveSpan.Seconds())-1, int(left)))
	b.promise = b.Checkpoint(now)
	return b.promise, true
}

// Next is when Take will succeed, if nobody takes before. It is zero when that
// depends on an answer.
func (b *Bucket) Next(now time.Time) time.Time {
	b.start(now)
	if b.room() == 0 {
		return time.Time{}
	}
	missing := 1 - b.left(now)
	if missing <= 0 {
		return now
	}
	// A microsecond more than the quotient, so that rounding cannot wake the
	// caller a moment too early, over and over.
	return now.Add(span(missing/b.rate()) + time.Microsecond)
}

// Tokens returns how many tokens there are, for people to look at. Next tells when a
// call may go.
func (b *Bucket) Tokens(now time.Time) float64 {
	b.start(now)
	return b.left(now)
}

// Learn takes note of an answer that was not throttled: a rate that was halved regains
// a twentieth of the limit, and granted, if not 0, is the limit (the answer's
// x-amzn-RateLimit-Limit, in requests per second), unless a lower one is configured
// than Amazon's default, and within the bounds of spread. The checkpoint, if not nil,
// should be committed: a new owner must not count on a higher rate.
func (b *Bucket) Learn(granted float64, now time.Time) *schemas.QuotaState {
	b.start(now)
	was := b.rate()
	if granted > 0 && !math.IsInf(granted, 0) {
		b.granted = b.bounded(granted * b.limit.share())
	}
	next := b.granted
	if b.throttled {
		next = min(b.granted, was+b.granted*recovery)
		b.throttled = next < b.granted
	}
	if next != was {
		b.tokens.SetLimitAt(b.at(now), rate.Limit(next))
	}
	if next >= was {
		return nil
	}
	b.promise = b.Checkpoint(now)
	return b.promise
}

// Answered takes note that the call of one token has ended, however it did. It
// comes before Learn or Throttled. The checkpoint, if not nil, should be
// committed: no tokens flowed in for the calls under way, and a new owner would
// take the time since the last checkpoint for tokens.
func (b *Bucket) Answered(now time.Time) *schemas.QuotaState {
	b.start(now)
	if b.underWay == 0 { // an answer to an earlier owner's call is none of ours
		return nil
	}
	b.underWay--
	b.void = max(0, b.void-1)
	b.tokens.SetBurstAt(b.at(now), b.room())
	left := b.left(now)
	if b.promise == nil || level(b.promise, b.capacity(), now) <= left {
		return nil
	}
	b.reserved = min(b.reserved, int(left))
	b.promise = b.Checkpoint(now)
	return b.promise
}

// Return takes note, in place of Answered, that a call was never made: its
// token is there again, unless a 429 has shown meanwhile that Amazon's bucket
// was empty. The checkpoint, if not nil, should be committed, as Answered's;
// there is none for the token itself, since a new owner that does not know of
// it only thinks that there is one less.
func (b *Bucket) Return(now time.Time) *schemas.QuotaState {
	b.start(now)
	if b.underWay == 0 || b.void > 0 {
		return b.Answered(now)
	}
	// As if it had not been taken: had it stayed, there would have been room for
	// one more all the time.
	b.underWay--
	b.fill(now, b.left(now)+1)
	b.reserved++ // the last promise counts it as spent
	return nil
}

// Throttled takes note of a 429: Amazon's bucket is empty, so ours is too, and
// the rate is halved, once for all calls that were sent before the first 429.
// The checkpoint should be committed: a new owner must not think otherwise.
func (b *Bucket) Throttled(now time.Time) *schemas.QuotaState {
	b.start(now)
	if b.spent {
		b.spent, b.throttled = false, true
		b.tokens.SetLimitAt(b.at(now), rate.Limit(max(b.rate()/2, b.granted*lowestShare, b.floor())))
	}
	b.fill(now, min(0, b.left(now)))
	b.reserved, b.void = 0, b.underWay
	b.promise = b.Checkpoint(now)
	return b.promise
}

// SetLimit puts another limit in force: the tokens that are there stay, as
// far as it has room for them. The checkpoint, if not nil, should be committed.
func (b *Bucket) SetLimit(limit Limit, now time.Time) *schemas.QuotaState {
	if limit = limit.usable(b.operation); limit == b.limit {
		return nil
	}
	was := b.limit
	b.limit = limit
	if b.tokens == nil {
		return nil
	}
	left := b.left(now)
	if limit.share() < was.share() {
		left -= limit.left()
	}
	b.granted, b.throttled = limit.Rate, false
	b.tokens.SetLimitAt(b.at(now), rate.Limit(limit.Rate))
	b.fill(now, left)
	b.reserved = min(b.reserved, int(b.left(now)))
	b.promise = b.Checkpoint(now)
	return b.promise
}

// Checkpoint is the bucket's state, less what is reserved.
func (b *Bucket) Checkpoint(now time.Time) *schemas.QuotaState {
	b.start(now)
	return &schemas.QuotaState{
		Account:   b.account,
		Operation: b.operation,
		Tokens:    b.left(now) - float64(b.reserved),
		Rate:      b.rate(),
		// Rounded up to what Avro can hold, so that nobody reads time that has not passed.
		Time: now.Add(time.Millisecond - 1).Truncate(time.Millisecond),
	}
}

// left is how many tokens there are; less than none while it owes some.
func (b *Bucket) left(now time.Time) float64 {
	if now.Before(b.owed) {
		return -b.owed.Sub(now).Seconds() * b.rate()
	}
	return b.tokens.TokensAt(now)
}

// at is now, or when the bucket owes nothing any more: the limiter is as of then.
func (b *Bucket) at(now time.Time) time.Time {
	if now.Before(b.owed) {
		return b.owed
	}
	return now
}

// ceiling is the highest rate that may be learned. Whoever configures less than
// Amazon's default leaves the rest to another program of the same pair.
func (b *Bucket) ceiling() float64 {
	operation := b.operation
	if of, share := model.IsShare(operation); share {
		operation = of
	}
	amazons, ok := Default(operation)
	if ok && b.limit.Rate < amazons.Rate*b.limit.share() {
		return b.limit.Rate
	}
	return b.limit.Rate * spread
}

// floor is the lowest rate that may be learned.
func (b *Bucket) floor() float64 { return b.limit.Rate / spread }

// bounded returns a rate from outside, cut to what the bucket believes.
func (b *Bucket) bounded(rate float64) float64 {
	if math.IsNaN(rate) || math.IsInf(rate, 0) || rate <= 0 {
		return b.limit.Rate
	}
	return min(max(rate, b.floor()), b.ceiling())
}

// Rate is how many tokens come in a second.
func (b *Bucket) Rate() float64 {
	if b.tokens == nil {
		return b.limit.Rate
	}
	return b.rate()
}

func (b *Bucket) rate() float64 { return float64(b.tokens.Limit()) }

// capacity is the burst without the token that stays unspent.
func (b *Bucket) capacity() int { return max(1, b.limit.Burst-1) }

// room is how many tokens the bucket can hold now.
func (b *Bucket) room() int { return max(0, b.capacity()-b.underWay) }

func (b *Bucket) start(now time.Time) {
	if b.tokens != nil {
		return
	}
	b.granted = b.limit.Rate
	b.tokens = rate.NewLimiter(rate.Limit(b.limit.Rate), b.capacity())
	switch {
	case b.full:
		if _, share := model.IsShare(b.operation); share {
			b.fill(now, shareAtStart)
		}
	case b.from == nil:
		b.fill(now, 0)
	default:
		b.resume(now)
	}
	b.from = nil
}

// resume starts from min(burst, tokens + rate × elapsed). The checkpoint does not have
// the rate that Amazon granted: that was at least the rate in use, and the first answer
// names it again.
func (b *Bucket) resume(now time.Time) {
	from := *b.from
	from.Rate = b.bounded(from.Rate)
	tokens := max(level(&from, b.capacity(), now), -b.limit.left())
	if b.limit.share() < 1 && from.Rate > b.limit.Rate { // another role was switched on since
		from.Rate = b.limit.Rate
		tokens -= b.limit.left()
	}
	b.granted = max(b.granted, from.Rate)
	b.throttled = from.Rate < b.granted
	b.tokens.SetLimitAt(b.at(now), rate.Limit(from.Rate))
	b.fill(now, tokens)
}

// level returns how many tokens a checkpoint stands for at a new owner, at now.
func level(from *schemas.QuotaState, capacity int, now time.Time) float64 {
	elapsed, most := min(max(0, now.Sub(from.Time)), MaxElapsed), float64(capacity)
	if _, share := model.IsShare(from.Operation); share { // which is slow, and bounded all the same
		elapsed, most = max(0, now.Sub(from.Time)), shareAtStart
	}
	tokens := from.Tokens + max(0, from.Rate)*elapsed.Seconds()
	if math.IsNaN(tokens) {
		return 0
	}
	return min(tokens, most)
}

// fill sets the number of tokens at now; less than none is owed. The limiter has no method for it, but
// one that was emptied long enough ago holds as many.
func (b *Bucket) fill(now time.Time, level float64) {
	room := b.room()
	limit := b.tokens.Limit()
	if b.owed = (time.Time{}); level < 0 {
		now = now.Add(span(-level / float64(limit)))
		b.owed = now
	}
	level = min(max(level, 0), float64(room))
	b.tokens = rate.NewLimiter(limit, room)
	b.tokens.AllowN(now.Add(-span(level/float64(limit))), room)
}

// span is so many seconds, at most longest.
func span(seconds float64) time.Duration {
	if seconds >= longest.Seconds() {
		return longest
	}
	return time.Duration(max(0, seconds) * float64(time.Second))
}
