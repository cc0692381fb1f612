// Package fault owns the scripted rules: which calls they meet, and what goes
// wrong with those. It decides; the services do.
package fault
