// Package stock owns the sellers' listings, and the feeds and patches that change
// their quantities: which came into being, how each goes, and what was applied.
package stock
