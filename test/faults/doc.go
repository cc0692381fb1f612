// Package faults proves the runtime against what happens to processes: three
// of them work on one log while they are killed, suspended past their session,
// added and stopped. What they wrote is then read as every consumer reads it,
// and nothing may be lost, doubled or out of order.
//
// It runs on a real broker where there is one (see package parts), at full
// size, and always on the embedded one, at a small size.
package faults
