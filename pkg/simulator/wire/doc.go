// Package wire owns how Amazon's answers, messages and documents are written and
// read: times, JSON and GZIP.
package wire
