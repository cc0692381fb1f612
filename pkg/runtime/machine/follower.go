package machine

// Follower is a Machine that wants to hear when something about an account is
// no longer what it was: its configuration has changed, or its calls may go on.
// It is heard of while the unit runs only: a Machine that is built anew asks its
// directory and its limits anew.
type Follower interface {
	// Changed takes the names of changed accounts, those of the unit only. What
	// waits because of the account (parked, held) should be tried at once. Like
	// Record, it must not wait for anything.
	Changed(tx *Tx, accounts []string)
}
