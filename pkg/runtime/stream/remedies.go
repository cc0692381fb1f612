package stream

import (
	"cmp"
	"fmt"

	"github.com/sellerstream/sellerstream/schemas"
)

// Remedies tell a person how to heal a fault that the runtime cannot heal by itself. A
// program with commands of its own names them here. The defaults speak of Kafka only.
type Remedies struct {
	MissingTopics  string // topics do not exist
	Partitions     string // topics have unequal numbers of partitions
	WriteRefused   string // a topic refuses what a unit writes
	TooLarge       string // a record is larger than its topic takes
	LetterTooLarge string // a dead letter is larger than its topic takes
	Fault          string // the machine or its Options are wrong
	Import         string // the state was imported in part only
	// Replay names the tool that writes to Options.Replays.
	Replay string
	// Reset names the command that moves a unit's position in a topic, which has its
	// logical name. offset is the word OFFSET where the log's range is unknown.
	Reset func(role, topic string, partition int32, offset string) string
}

func (r Remedies) withDefaults() Remedies {
	r.MissingTopics = cmp.Or(r.MissingTopics, "create what is missing")
	r.Partitions = cmp.Or(r.Partitions, "give each topic as many partitions as the state topic had; "+
		"for another number, make all topics anew")
	r.WriteRefused = cmp.Or(r.WriteRefused, "raise the topic's max.message.bytes, or allow this user to write to it")
	r.TooLarge = cmp.Or(r.TooLarge, "raise the topic's max.message.bytes, or send less at once")
	r.LetterTooLarge = cmp.Or(r.LetterTooLarge, fmt.Sprintf("set its max.message.bytes to %d", schemas.MaxDeadLetterBytes))
	r.Fault = cmp.Or(r.Fault, "mend the machine or its Options")
	r.Import = cmp.Or(r.Import, "repeat the import")
	r.Replay = cmp.Or(r.Replay, "the tool that copies records for a replay")
	if r.Reset == nil {
		r.Reset = func(role, topic string, partition int32, offset string) string {
			return fmt.Sprintf("Reset.Move: role %s, topic %s, partition %d, offset %s", role, topic, partition, offset)
		}
	}
	return r
}
