package acls

import (
	"slices"

	"github.com/sellerstream/sellerstream/schemas"
)

// outsiders stand in the table of topics and are no roles of ours.
func outsiders() []string { return append(services(), "console", operator) }

// services produce and consume by clients and groups of their own. Each has the
// topics of one purpose: who counts stock cannot ship, who ships cannot change
// stock, and a consumer of orders does not get the keys of buyer data by that.
func services() []string {
	return []string{"upstream-stock", "upstream-shipments", "upstream-cancellations", "downstream", "downstream-buyers"}
}

// operator is who uses the commands that the runbook orders while the pipeline runs. What
// changes topics, or moves a processor, has a user of its own.
const operator = "operator"

// ofOperator adds the commands' needs to those of the table.
func (l Layout) ofOperator(needed []ACL) []ACL {
	for _, command := range []string{"doctor", "deadletters", "replay"} {
		for _, acl := range commands()[command](l) {
			if !slices.Contains(needed, acl) {
				needed = append(needed, acl)
			}
		}
	}
	return needed
}

// commands are the operator's commands that do more than read and write what the
// table says the operator does.
func commands() map[string]func(Layout) []ACL {
	return map[string]func(Layout) []ACL{
		"topics plan":  func(l Layout) []ACL { return l.all(Describe, DescribeConfigs) },
		"topics apply": func(l Layout) []ACL { return l.all(Describe, Create, AlterConfigs) }, // who may alter may describe
		"doctor": func(l Layout) []ACL {
			needed := append(l.all(Describe, DescribeConfigs), ACL{TransactionalID, l.TransactionalPrefix + "-", Prefixed, Describe},
				ACL{Group, l.Prefix, Prefixed, Describe})
			for _, t := range schemas.Topics() { // how the accounts stand
				if slices.Contains(t.Readers, "console") || t.Name == schemas.Switches {
					needed = append(needed, l.topic(t.Name, Read))
				}
			}
			if l.Exclusions != "" {
				needed = append(needed, ACL{Topic, l.Exclusions, Literal, Read})
			}
			return needed
		},
		"upgrade": func(l Layout) []ACL {
			return []ACL{l.topic(schemas.Switches, Read), l.topic(schemas.Switches, Write), {Group, l.Prefix, Prefixed, Describe}}
		},
		"deadletters":    Layout.deadLetters,
		"tail":           Layout.records,
		"alerts":         func(l Layout) []ACL { return []ACL{l.topic(schemas.Alerts, Read)} },
		"lag":            func(l Layout) []ACL { return append(l.records(), ACL{Group, l.Prefix, Prefixed, Describe}) },
		"replay":         Layout.replay,
		"replay --reset": Layout.reset,
		"state export":   Layout.stateExport,
		"state import":   Layout.stateImport,
	}
}

// deadLetters is what it takes to see what was set aside, and to write records
// back to the topics that they can come from. Those topics are read too, for records
// whose letter holds only a part.
func (l Layout) deadLetters() []ACL {
	needed := []ACL{
		l.topic(schemas.DeadLetters, Read), l.topic(schemas.DeadLettersResolved, Read), l.topic(schemas.DeadLettersResolved, Write),
		{TransactionalID, l.TransactionalPrefix + "-deadletters", Literal, Write},
	}
	for _, t := range schemas.Topics() {
		if !t.Compacted() && t.Name != schemas.Replays && slices.ContainsFunc(t.Readers, IsRole) {
			needed = append(needed, l.topic(t.Name, Read), l.topic(t.Name, Write))
		}
	}
	return needed
}

// replay is what it takes to publish and to copy records of any topic.
func (l Layout) replay() []ACL {
	return append(l.records(),
		l.topic(schemas.Replays, Write), l.topic(schemas.DeadLettersResolved, Write), // to close the letters of what is replayed
		ACL{Group, l.Prefix, Prefixed, Describe},
		ACL{Group, l.Prefix + "replay.", Prefixed, Read},
		ACL{TransactionalID, l.TransactionalPrefix + "-replay-", Prefixed, Write})
}

// reset is what it takes to move a processor.
func (l Layout) reset() []ACL {
	needed := l.records()
	for _, role := range Roles() {
		if processes(role) {
			needed = append(needed, l.topic(schemas.StatePrefix+role, Write),
				ACL{Group, l.Prefix + role, Literal, Read},
				l.units(role))
		}
	}
	return needed
}

// units is what it takes to write as the units of a role do.
func (l Layout) units(role string) ACL {
	return ACL{TransactionalID, l.TransactionalPrefix + "-" + role + "-", Prefixed, Write}
}

// stateExport is what it takes to read all that a pipeline remembers and has not read.
func (l Layout) stateExport() []ACL {
	return append(l.all(Read), ACL{Group, l.Prefix, Prefixed, Describe})
}

// stateImport is what it takes to write it, and to see that nothing runs.
func (l Layout) stateImport() []ACL {
	needed := append(l.stateExport(), ACL{TransactionalID, l.TransactionalPrefix + "-import", Literal, Write},
		ACL{TransactionalID, l.TransactionalPrefix + "-deadletters", Literal, Write}, // to fence a `deadletters retry`
		ACL{Group, l.Prefix + "events", Literal, Read})
	for _, role := range Roles() {
		if processes(role) {
			needed = append(needed, l.units(role)) // to fence their owners
		}
	}
	for _, t := range schemas.Topics() {
		if t.Compacted() || slices.ContainsFunc(t.Readers, IsRole) {
			needed = append(needed, l.topic(t.Name, Write))
		}
	}
	return needed
}

// Roles are the roles of the table that run in the pipeline.
func Roles() []string {
	var roles []string
	for _, t := range schemas.Topics() {
		for _, name := range slices.Concat(t.Writers, t.Readers) {
			if !slices.Contains(roles, name) && !slices.Contains(outsiders(), name) {
				roles = append(roles, name)
			}
		}
	}
	return roles
}

// IsRole reports whether a part runs in the pipeline.
func IsRole(part string) bool { return slices.Contains(Roles(), part) }

// Parts are all that need permissions: the roles, the services around them, the
// operator, and commands that need more than the operator does.
func Parts() []string {
	return slices.Concat(Roles(), services(), []string{operator, "topics plan", "topics apply", "doctor", "upgrade", "deadletters", "tail", "alerts", "lag", "replay", "replay --reset", "state export", "state import"})
}
