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

// recordLetter makes the dead letter of a record of topic. Its id depends on
// where the record stands and on the replay that had it processed again, if one
// did: what fails again is another letter than the one that was dealt with.
func recordLetter(role, topic string, now time.Time, dead *machine.DeadLetter) *schemas.DeadLetter {
	rec := dead.Record
	letter := newDeadLetter(role, topic, rec.Account, now, dead)
	letter.ID = letterID("%s/%d/%d", topic, rec.Partition, rec.Offset)
	if rec.Replay != nil {
		letter.ID = letterID("%s/%d/%d/%s", topic, rec.Partition, rec.Offset, rec.Replay.ID)
	}
	letter.Partition, letter.Offset, letter.SourceTime = &rec.Partition, &rec.Offset, rec.Time
	letter.Key, letter.Value = []byte(rec.Account), rec.Raw
	for _, h := range rec.Headers {
		letter.Attributes[strings.ToValidUTF8(h.Key, "?")] = h.Value
	}
	return letter
}

// workLetter makes the dead letter of work under a key of the state topic. The
// same work can be given up again, later: that is another letter.
func workLetter(role, topic string, now time.Time, dead *machine.DeadLetter) *schemas.DeadLetter {
	letter := newDeadLetter(role, topic, dead.Account, now, dead)
	letter.ID = letterID("%s/%s/%d", topic, dead.Key, now.UnixMilli())
	letter.Key = []byte(dead.Key)
	return letter
}

// newDeadLetter makes what the letters have in common.
func newDeadLetter(role, topic, account string, now time.Time, dead *machine.DeadLetter) *schemas.DeadLetter {
	letter := &schemas.DeadLetter{
		Time: now, Role: role, Reason: dead.Reason, Message: dead.Message, Source: topic,
		Attributes: make(map[string][]byte),
	}
	if utf8.ValidString(account) {
		letter.Account = account
	}
	if len(letter.Message) > maxMessage {
		letter.Message = letter.Message[:maxMessage]
	}
	letter.Message = strings.ToValidUTF8(letter.Message, "?")
	return letter
}

func letterID(format string, where ...any) string {
	id := sha256.Sum256(fmt.Appendf(nil, format, where...))
	return hex.EncodeToString(id[:16])
}
