// Package spapi owns the endpoints of the Selling Partner API: quotas,
// authorization, and what each operation reads, checks and answers. What they work
// on is not theirs. One file holds one API; a new operation is one entry in the list of
// operations (see serve.go), whose route, grant and quota package model knows.
package spapi
