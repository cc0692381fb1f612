// Package chance owns the simulator's randomness: a stream of numbers for each
// purpose, so that what the marketplace holds does not depend on how many calls
// are made to it, and the ids that Amazon would give.
package chance
