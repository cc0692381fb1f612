// Package subscriptions sees that Amazon sends the notifications that the
// pipeline lives on: each application has a destination, the SQS queue that the
// bridge reads, in each of its regions, and each seller account subscribes to
// ORDER_CHANGE and FEED_PROCESSING_FINISHED there.
//
// Creating is not idempotent at Amazon, and subscriptions are known to vanish
// without a word. So the keeper looks, creates what is missing, takes a 409 for
// an answer to look again, and comes back within the hour. One process of a
// fleet does so at a time; if two did, nothing would be made twice.
//
// The configuration says which order changes are wanted. A subscription of ours with
// another filter is replaced, the new one first where Amazon lets two stand.
//
// What it did not make and does not need (duplicates, subscriptions that go to
// other queues) is reported, and removed only by Prune.
package subscriptions
