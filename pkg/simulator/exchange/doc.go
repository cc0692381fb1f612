// Package exchange owns what happens to every HTTP call of every part: it meets
// the scripted faults, its operation runs, the ledger records it, and it is
// answered.
package exchange
