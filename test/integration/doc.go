// Package integration holds the tests of the whole pipeline on real parts: the
// built binary as a process, Apache Kafka, a schema registry, and moto for SQS
// and EventBridge. Only Amazon's Selling Partner API is simulated.
package integration
