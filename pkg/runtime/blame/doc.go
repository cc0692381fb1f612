// Package blame says whose fault a failed call is (containment rule 4). Of is the
// table: it looks at one error alone. A Tally looks at many: items, and then
// accounts, that fail alike are blamed on what they share.
//
// The package is pure: time is always an argument. Other packages act on a blame:
// package executor turns it into a machine.Outcome, package breaker counts a host's,
// package lane waits and tells people.
package blame
