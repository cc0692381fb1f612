// Package eventbridge owns the way out of Kafka: it reads the output topics as
// a plain consumer group and publishes their records as events with PutEvents.
//
// EventBridge has no idempotency key, so events are delivered at least once.
// Without faults, joins and leaves of the group included, each is sent once.
// After a crash the one request that was under way is sent again, byte for
// byte, and consumers know it by the id inside its detail. Three rules make it so:
//
//  1. One request is under way in a process, and its offsets are committed
//     before the next one is sent.
//  2. A request holds at most one record of each partition. So an entry that
//     fails holds back what follows it in its partition, and with it the order
//     of its account, but nothing that was accepted stands behind it.
//  3. A partition is given up only between requests: the callbacks of the group
//     wait until the request's offsets are committed.
package eventbridge
