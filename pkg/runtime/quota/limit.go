// Package quota owns the token buckets that keep calls within Amazon's
// limits: one for each (account, operation) pair. It is pure: time is always an
// argument, and what must survive the owner is handed out as a checkpoint.
package quota

import "github.com/sellerstream/sellerstream/pkg/spapi/model"

// Limit is what Amazon calls a usage plan: so many requests per second, and at most Burst
// at once.
type Limit struct {
	Rate  float64
	Burst int
	// Share is the part of Amazon's limit that this is, where roles share one: a rate that
	// Amazon's header grants is divided alike. 0 is all of it.
	Share float64
}

const (
	// slowest and fastest bound a limit, in requests per second: one a week, and more
	// than any quota of Amazon's. mostAtOnce bounds its burst.
	slowest, fastest = 1.0 / (7 * 24 * 3600), 10_000
	mostAtOnce       = 100_000
)

// usable is the limit within bounds that buckets can reckon with. One without a rate
// is Amazon's default.
func (l Limit) usable(operation string) Limit {
	if !(l.Rate > 0) { // NaN is not greater either
		if amazons, ok := Default(operation); ok {
			l.Rate = amazons.Rate
		}
	}
	if !(l.Rate >= slowest) {
		l.Rate = slowest
	}
	return Limit{Rate: min(l.Rate, fastest), Burst: min(max(l.Burst, 1), mostAtOnce), Share: l.Share}
}

// Limits gives the limit of an account's operation where it is not Amazon's default.
// nil has Amazon's default for all.
type Limits func(account, operation string) (Limit, bool)

// Of is the limit of an account's operation, without one Amazon's default.
func (l Limits) Of(account, operation string) Limit {
	if l != nil {
		if limit, ok := l(account, operation); ok {
			return limit
		}
	}
	limit, _ := Default(operation)
	return limit
}

// Default is Amazon's default limit of an operation. One that the table of
// package model does not have is not ok.
func Default(operation string) (limit Limit, ok bool) {
	row, ok := model.Describe(operation)
	return Limit{Rate: row.Rate, Burst: row.Burst}, ok
}

// OfApplication is Amazon's default limit of an operation for all accounts of an
// application in a region together; not ok where there is none. Amazon states no burst:
// it is taken for what comes in a second.
func OfApplication(operation string) (limit Limit, ok bool) {
	row, _ := model.Describe(operation)
	return Limit{Rate: row.ApplicationRate, Burst: max(1, int(row.ApplicationRate))}, row.ApplicationRate > 0
}
