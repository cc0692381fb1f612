// Package acls owns which of Kafka's permissions (ACLs) each role and each
// operator's command needs: the least, derived from the table of topics. What
// implies what is Kafka's: who may read or write may describe too.
package acls

import (
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sellerstream/sellerstream/schemas"
)

// ACL is an operation on a resource.
type ACL struct {
	Resource  Resource  `json:"resource" yaml:"resource"`
	Name      string    `json:"name" yaml:"name"`
	Pattern   Pattern   `json:"pattern" yaml:"pattern"`
	Operation Operation `json:"operation" yaml:"operation"`
}

// Resource is a type of resource, as kafka-acls.sh names its option.
type Resource string

// Pattern is how a resource's name is meant.
type Pattern string

// Operation is what may be done, as Kafka names it.
type Operation string

// What is used of Kafka's.
const (
	Topic           Resource = "topic"
	Group           Resource = "group"
	TransactionalID Resource = "transactional-id"

	Literal  Pattern = "literal"
	Prefixed Pattern = "prefixed"

	Read            Operation = "Read"
	Write           Operation = "Write"
	Create          Operation = "Create"
	Describe        Operation = "Describe"
	DescribeConfigs Operation = "DescribeConfigs"
	AlterConfigs    Operation = "AlterConfigs"
)

func (a ACL) String() string {
	name := string(a.Resource) + " " + a.Name
	if a.Pattern == Prefixed {
		name = string(a.Resource) + "s that begin with " + a.Name
	}
	return fmt.Sprintf("%s on %s", a.Operation, name)
}

// Code is the operation's number in Kafka's protocol.
func (o Operation) Code() kmsg.ACLOperation {
	code, _ := kmsg.ParseACLOperation(string(o)) // ours are all Kafka's
	return code
}

// Layout is how the table lies on a cluster.
type Layout struct {
	Prefix string // of topics and groups
	// TransactionalPrefix begins transactional ids; see stream.Options.
	TransactionalPrefix string
	// Exclusions is the topic of excluded SKUs, by its name on the wire; "" for none.
	Exclusions string
	// Needs are those of roles, by name, that the table does not know.
	Needs map[string]Needs
}

// Needs are what a role needs besides the topics that the table says it reads and writes.
type Needs struct {
	Exclusions bool   // to read the list of excluded SKUs
	Turns      string // to describe the topic, by its logical name, whose partitions say whose turn it is; "" for none
}

// Of is what a part of Parts needs.
func (l Layout) Of(part string) []ACL {
	if command, ok := commands()[part]; ok {
		return command(l)
	}
	var needed []ACL
	for _, t := range schemas.Topics() {
		if slices.Contains(t.Readers, part) {
			needed = append(needed, l.topic(t.Name, Read))
		}
		if slices.Contains(t.Writers, part) {
			needed = append(needed, l.topic(t.Name, Write))
		}
	}
	if part == operator {
		return l.ofOperator(needed)
	}
	if !IsRole(part) || len(needed) == 0 {
		return needed
	}
	if reads(part) {
		needed = append(needed, ACL{Group, l.Prefix + part, Literal, Read})
	}
	if processes(part) {
		needed = append(needed, l.units(part))
	}
	if turns := l.Needs[part].Turns; turns != "" {
		needed = append(needed, l.topic(turns, Describe))
	}
	if l.Exclusions != "" && l.Needs[part].Exclusions {
		needed = append(needed, ACL{Topic, l.Exclusions, Literal, Read})
	}
	return needed
}

// Optional is what a part runs without, at the price of a metric: it is granted with what the
// part needs, and nothing stops where it is missing.
func (l Layout) Optional(part string) []ACL {
	if part != "events" {
		return nil
	}
	return []ACL{l.topic(schemas.DeadLetters, Read), l.topic(schemas.DeadLettersResolved, Read)} // sellerstream_dead_letters_open
}

func (l Layout) topic(name string, o Operation) ACL { return ACL{Topic, l.Prefix + name, Literal, o} }

// all are operations on every topic of ours.
func (l Layout) all(operations ...Operation) []ACL {
	var needed []ACL
	for _, o := range operations {
		needed = append(needed, ACL{Topic, l.Prefix, Prefixed, o})
	}
	return needed
}

// records are Read on every topic of ours but the keys of buyer data: who looks for a
// fault sees that data encrypted.
func (l Layout) records() []ACL {
	var needed []ACL
	for _, t := range schemas.Topics() {
		if t.Name != schemas.BuyerKeys {
			needed = append(needed, l.topic(t.Name, Read))
		}
	}
	return needed
}

// Topics are the logical names of the topics that parts work with.
func (l Layout) Topics(parts ...string) []string {
	var names []string
	for _, t := range schemas.Topics() {
		touches := func(part string) bool {
			return slices.Contains(t.Readers, part) || slices.Contains(t.Writers, part) ||
				t.Name == l.Needs[part].Turns
		}
		if slices.ContainsFunc(parts, touches) {
			names = append(names, t.Name)
		}
	}
	return names
}

// Reads reports whether one of the parts reads a topic, by its logical name.
func Reads(topic string, parts ...string) bool {
	t, _ := schemas.TopicOf(topic)
	return slices.ContainsFunc(parts, func(part string) bool { return slices.Contains(t.Readers, part) })
}

// reads reports whether a role is a consumer group, which has the role's name.
func reads(role string) bool {
	return slices.ContainsFunc(schemas.Topics(), func(t schemas.Topic) bool { return slices.Contains(t.Readers, role) })
}

// processes reports whether a role has state, and so transactions.
func processes(role string) bool {
	return slices.ContainsFunc(schemas.Topics(), func(t schemas.Topic) bool {
		return strings.HasPrefix(t.Name, schemas.StatePrefix) && slices.Contains(t.Writers, role)
	})
}
