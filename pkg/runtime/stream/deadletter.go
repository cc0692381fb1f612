package stream

import (
	"strconv"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// recordLetter makes the dead letter of a record of topic. Its id is made of the role
// and the record. A record that is processed again and fails again makes another
// letter: the first may have been dealt with. Its writer bounds it.
func recordLetter(tx *machine.Tx, role, topic string, dead *machine.DeadLetter) *schemas.DeadLetter {
	rec := dead.Record
	letter := newDeadLetter(role, topic, rec.Account, tx.Now, dead)
	letter.ID = tx.EventID("DeadLetter", role, rec.ID)
	letter.Partition, letter.Offset, letter.SourceTime = &rec.Partition, &rec.Offset, rec.Time
	if letter.LastOffset = dead.LastOffset; letter.LastOffset != nil {
		return letter
	}
	letter.Key, letter.Value = append([]byte{}, rec.Key...), rec.Raw // a key without bytes is not null
	for _, h := range rec.Headers {
		letter.Attributes[h.Key] = h.Value
	}
	return letter
}

// workLetter makes the dead letter of work under a key of the state topic. The
// same work can be given up again, later: that is another letter.
func workLetter(tx *machine.Tx, role, topic string, dead *machine.DeadLetter) *schemas.DeadLetter {
	letter := newDeadLetter(role, topic, dead.Account, tx.Now, dead)
	letter.ID = tx.EventID("DeadLetter", role, dead.Key, strconv.FormatInt(tx.Now.UnixNano(), 10))
	letter.Key = []byte(dead.Key)
	return letter
}

// newDeadLetter makes what the letters have in common.
func newDeadLetter(role, topic, account string, now time.Time, dead *machine.DeadLetter) *schemas.DeadLetter {
	return &schemas.DeadLetter{
		Time: now, Role: role, Reason: dead.Reason, Message: dead.Message, Account: account, Source: topic,
		Attributes: make(map[string][]byte),
	}
}
