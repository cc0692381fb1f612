// Package sqs owns the way from SQS into Kafka: it receives Amazon's
// notifications, decodes them, writes them to their topics, and deletes them
// from the queue once Kafka has acknowledged them, in that order. What it
// cannot read it sets aside in dead-letters, with the bytes and the reason.
//
// Delivery is at least once, as SQS's own is: a crash between the
// acknowledgement and the deletion brings a message again, and so does Amazon.
// Readers of order-changes, feed-notifications and listing-changes know the repeats by
// notificationId.
package sqs
