package roles

import (
	"fmt"

	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
	"github.com/sellerstream/sellerstream/schemas"
)

// Remedies are what the runtime tells operators to do, in terms of our commands.
func Remedies() stream.Remedies {
	return stream.Remedies{
		MissingTopics: "`sellerstream topics apply` creates what is missing",
		Partitions:    "`sellerstream topics plan` shows the topics; the section \"Another number of partitions\" of schemas/README.md says how to move",
		WriteRefused:  "mend the topic (its max.message.bytes with `sellerstream topics apply`, its permissions with `sellerstream topics acls`)",
		TooLarge:      "compare the topic's max.message.bytes with `sellerstream topics plan`; if that is as it should be, send less at once",
		LetterTooLarge: fmt.Sprintf("set its max.message.bytes to %d (`sellerstream topics apply` does)",
			schemas.MaxDeadLetterBytes),
		Fault:  "this is a fault of the program: run the version before, and report it",
		Import: "repeat the same `sellerstream state import` or `sellerstream state move`: it goes on where it was; units begin by themselves then",
		Replay: "`sellerstream replay`",
		Reset: func(role, topic string, partition int32, offset string) string {
			return fmt.Sprintf("sellerstream replay --reset --role %s --topic %s --from-offset %d:%s", role, topic, partition, offset)
		},
	}
}
