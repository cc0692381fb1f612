package stream

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
)

// stateEntry is the newest value of a key of the state.
type stateEntry struct {
	value []byte
	at    brokerTime
}

// size is what the entry takes in memory until the machine has it; 0 for none.
func (e stateEntry) size(key string) int {
	if e.value == nil {
		return 0
	}
	return len(key) + cap(e.value) + entryOverhead/2
}

// brokerTime is when a broker appended a record, in Unix milliseconds; 0 where
// the topic has the producers' times (message.timestamp.type: CreateTime).
type brokerTime int64

const logAppendTime = 1 // kgo.RecordAttrs.TimestampType

func brokerTimeOf(rec *kgo.Record) brokerTime {
	if rec.Attrs.TimestampType() != logAppendTime {
		return 0
	}
	return brokerTime(rec.Timestamp.UnixMilli())
}

// restoreEntry gives an entry to the machine. A machine.Aged gets its age too: the
// claim's time less the entry's.
func (s *session) restoreEntry(key string, value any, at brokerTime) error {
	aged, ok := s.machine.(machine.Aged)
	if !ok {
		return s.machine.Restore(key, value)
	}
	logical, _ := s.opts.stateTopic(key)
	age := time.Duration(0)
	if claimed := s.claimed[logical]; claimed > 0 && at > 0 {
		age = max(0, time.Duration(claimed-at)*time.Millisecond)
	}
	return aged.RestoreAged(key, value, clock.Passes(s.opts.Clock, age))
}
