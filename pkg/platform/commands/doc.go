// Package commands owns how messages name the command that a person should run.
package commands

// MakeBuyerKeys is the remedy for a key file that has no key.
const MakeBuyerKeys = "make one with `sellerstream buyer-key generate`"

// FindCarrier shows the codes that a carrier's name may mean.
const FindCarrier = "`sellerstream carriers find`"

// Doctor names the command that finds what is wrong with an account, or with all of
// them for "".
func Doctor(account string) string {
	if account == "" {
		return "`sellerstream doctor`"
	}
	return "`sellerstream doctor --account " + account + "`"
}
