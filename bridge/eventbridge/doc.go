// Package eventbridge owns the way out of Kafka: it reads the output topics as
// a plain consumer group and publishes their records as events with PutEvents.
//
// EventBridge keeps no order and has no idempotency key, so events are delivered
// at least once, and consumers drop what they know by the id inside its detail.
// Without faults, joins and leaves of the group included, each is sent once, and
// the states of one entity (an order, a SKU, a feed, a package) in one partition come in
// their order.
// Four rules make it so:
//
//  1. Several requests are under way, and each may hold several entries of one
//     partition. A later state of an entity waits until the earlier one is
//     accepted or set aside. So an entry that fails holds back its entity only, until
//     as many records are open in its partition as can be named (maxOpen).
//  2. What is committed of a partition is the offset of its oldest record without
//     an answer and, beside it, which records behind that one have theirs
//     (progress.go). So the next owner sends again only what had no answer.
//  3. Commits run beside the requests. What was sent since the last one is
//     bounded: that much can come twice after a crash.
//  4. A partition is given up only when its requests have their answers and its
//     progress is committed: the callbacks of the group wait for it.
//
// Whose fault a failure is decides what slows down. An entry that is refused waits
// alone. Throttling, and requests that fail as a whole, slow the process
// (window.go).
package eventbridge
