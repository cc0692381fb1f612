// Package notify owns the notifications: who is subscribed to them, what they
// say, the queues that they go to, and the truth of what was notified.
package notify
