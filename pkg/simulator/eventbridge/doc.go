// Package eventbridge owns the event buses: what they accepted, and the
// EventBridge endpoint that accepts it.
package eventbridge
