// Package ledger owns the record of every call to every part of the simulator,
// which tests take as the oracle of what really happened.
package ledger
