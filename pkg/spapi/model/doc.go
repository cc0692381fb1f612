// Package model owns the requests, answers and errors of the SP-API
// operations as Go types. It has no HTTP, so that processors can ask for calls
// and read answers without being able to make one.
package model
