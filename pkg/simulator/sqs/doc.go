// Package sqs owns the queues, and the SQS endpoint through which they are used.
// Visibility and long polls are real time: they bound how long real work may take.
package sqs
