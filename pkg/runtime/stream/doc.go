// Package stream is the runtime of the processors: it runs a machine.Machine
// per partition on Kafka, exactly once.
//
// A unit is one partition number of one processor: that partition of each of
// its input topics and of its state topics. One goroutine runs a unit and
// nothing in a unit is shared. A processor and process have one group client,
// for membership and advisory offset commits only, and each unit has a client
// of its own, which is its transactional producer, the restorer of its state
// and its consumer at once.
//
// What holds, cited in the code by its number:
//
//	(1) One owner. A unit's transactional id is stable, and its owner calls
//	    InitProducerID before anything else, so that Kafka refuses every later
//	    write of an earlier owner.
//	(2) The state is the truth. Positions of the inputs are records of the
//	    state topic, written in the transaction of what they stand for. Group
//	    offsets are advisory: they make ordinary lag tools work.
//	(3) A restore sees everything. The new owner commits a claim after it has
//	    fenced, and reads the state up to it: nothing can be committed before
//	    the claim that is not read, and nothing by others after it.
//	(4) All or nothing. State changes, outputs, dead letters and positions of a
//	    tick are one transaction. Every produce is known to have succeeded
//	    before it is committed, since Kafka commits happily what remains of a
//	    transaction in which a produce has failed.
//	(5) Calls follow commits. A call starts after the transaction that asked
//	    for it has committed, and no transaction is open while a call or a wait
//	    lasts.
//	(6) Nothing is skipped. A record is applied, or it is a dead letter in the
//	    same transaction as the position after it. State that cannot be read, a
//	    position outside the log, partitions that do not fit, or a record that
//	    Kafka refuses stop the unit, and only it (containment rule 3): it says
//	    why and what heals it, and tries again with growing waits. A record that
//	    is too large for its topic stops nothing: see odd.
//	(7) Memory never outlives a failure. When a transaction fails, its client
//	    and its machine are dropped and built again from the committed state.
//	(8) Revoked drains, lost drops. A unit that is handed over finishes its
//	    calls and commits; one that was lost writes nothing any more.
//	(9) What is not known is kept. Entries of the state whose kind this version
//	    does not know stay as they are, are counted, and are never written over:
//	    the unit stops before it does.
package stream
