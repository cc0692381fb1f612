package stream

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sellerstream/sellerstream/pkg/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// maxMessage bounds a dead letter's message, which can quote what it is about.
const maxMessage = 2_000

// newDeadLetter makes the dead letter of a record of topic. Its id depends on
// where the record stands and nothing else.
func newDeadLetter(role, topic string, now time.Time, dead *machine.DeadLetter) *schemas.DeadLetter {
	rec := dead.Record
	id := sha256.Sum256(fmt.Appendf(nil, "%s/%d/%d", topic, rec.Partition, rec.Offset))
	letter := &schemas.DeadLetter{
		ID: hex.EncodeToString(id[:16]), Time: now, Role: role,
		Reason: dead.Reason, Message: dead.Message,
		Source: topic, Partition: &rec.Partition, Offset: &rec.Offset, SourceTime: rec.Time,
		Key: []byte(rec.Account), Value: rec.Raw,
		Attributes: make(map[string][]byte, len(rec.Headers)),
	}
	if utf8.ValidString(rec.Account) {
		letter.Account = rec.Account
	}
	if len(letter.Message) > maxMessage {
		letter.Message = letter.Message[:maxMessage]
	}
	letter.Message = strings.ToValidUTF8(letter.Message, "?")
	for _, h := range rec.Headers {
		letter.Attributes[strings.ToValidUTF8(h.Key, "?")] = h.Value
	}
	return letter
}
