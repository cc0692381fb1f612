// Package world owns the marketplace: the sellers' accounts, the orders that
// buyers place and that change over time, the packages that sellers confirmed, and
// the agenda of what happens there later.
package world
