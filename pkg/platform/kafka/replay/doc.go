// Package replay owns what a replay is, whatever it is done with: a part of a
// topic, fixed when it begins, and how far it has come in it. Both stand in the
// offsets of a consumer group of the replay's own, so that one that was
// interrupted goes on where it was, and one that is through is known to be.
//
// Copy is the kind that has records processed again: it copies them to another
// topic, each once, however often it is killed meanwhile.
package replay
