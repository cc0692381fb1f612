package pipeline

import (
	"github.com/sellerstream/sellerstream/pkg/config"
	"github.com/sellerstream/sellerstream/pkg/quota"
)

// limits are the quotas that the configuration names in place of Amazon's
// defaults.
type limits map[limitKey]quota.Limit

type limitKey struct{ account, operation string }

func newLimits(accounts []config.Account) limits {
	l := limits{}
	for _, a := range accounts {
		for operation, q := range a.Quotas {
			l[limitKey{a.ID, operation}] = quota.Limit{Rate: q.Rate, Burst: q.Burst}
		}
	}
	return l
}

func (l limits) of(account, operation string) (quota.Limit, bool) {
	limit, ok := l[limitKey{account, operation}]
	return limit, ok
}
