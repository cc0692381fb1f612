package machine

// Follower is a Machine that wants to hear when an account changes: it has another
// configuration, or its calls may go on. It hears of that only while the unit runs. A
// Machine that is built anew asks its directory and its limits anyway.
type Follower interface {
	// Changed takes the names of changed accounts, those of the unit only. What
	// waits because of the account (parked, held) should be tried at once; a parked
	// account stays parked until one call has succeeded. Like Record, it must not wait
	// for anything.
	Changed(tx *Tx, accounts []string)
}
