package machine

import "github.com/sellerstream/sellerstream/pkg/runtime/role"

// Reasons are those of the dead letters with which AccountOf, Configured, Keyed and
// Unexpected set records aside.
func Reasons() []role.Reason {
	return []role.Reason{
		{Code: "unexpected_type", Remedy: "find who writes the topic with another schema; then discard it"},
		{Code: "account_mismatch", Remedy: "have the producer write key and account alike and send it again; then discard it"},
		{Code: "unknown_account", Remedy: "add the account under accounts:, then retry it; or discard it"},
	}
}

// SubjectReasons are those that InvalidEventTime and UnknownMarketplace return.
func SubjectReasons() []role.Reason {
	return append(role.Mistakes("no_event_time", "event_time_ahead"),
		role.Reason{Code: "unknown_marketplace", Remedy: "add the marketplace to the account, then retry it; or have the producer correct it"})
}
