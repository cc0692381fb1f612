// Package simulatortest owns what tests of several rooms of the simulator share, and the
// tests of what calls it: a running one, calls to each of its endpoints, and a clock that
// only a test moves.
package simulatortest
