// Package scenario owns stretches of business: orders that are placed and change,
// what upstream services say about stock, how warehouses ship, and whether the
// marketplace shows in the end what they said.
package scenario
