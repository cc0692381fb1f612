package eventbridge

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"
)

// progress is what is known of a partition's records: those whose offset is at least
// from and below through have their answer, except the open ones. The zero value says
// that none has.
type progress struct {
	from, through int64
	open          []int64 // in order
	epoch         int32   // the leader's of the last record below through; a later one wrote another log
}

// has reports whether the record at an offset, of a leader's epoch, has its answer.
func (p progress) has(offset int64, epoch int32) bool {
	if offset < p.from || offset >= p.through || epoch > p.epoch {
		return false
	}
	_, open := slices.BinarySearch(p.open, offset)
	return !open
}

// maxProgress bounds the text of a progress, in bytes. Kafka takes 4,096 beside an
// offset (offset.metadata.max.bytes), other things that are noted there included.
const maxProgress = 3000

// text is the progress as it stands beside the committed offset from; "" where it
// says nothing. The epoch and then the distances between the open records follow each
// other as varints, through comes last. Where they are too many, it says less.
func (p progress) text() string {
	if p.through <= p.from {
		return ""
	}
	distances := binary.AppendUvarint(nil, uint64(p.epoch+1)) // -1 is for none
	last, through := p.from, p.through
	for _, offset := range p.open {
		if base64.RawURLEncoding.EncodedLen(len(distances)+2*binary.MaxVarintLen64) > maxProgress {
			through = offset // what is behind it is told by a later commit
			break
		}
		distances = binary.AppendUvarint(distances, uint64(offset-last))
		last = offset
	}
	distances = binary.AppendUvarint(distances, uint64(through-last))
	return base64.RawURLEncoding.EncodeToString(distances)
}

// readProgress reads a text that stands beside the committed offset from. Another
// text says nothing: then events come twice, and none is lost.
func readProgress(from int64, text string) progress {
	distances, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(text) > maxProgress {
		return progress{}
	}
	epoch, n := binary.Uvarint(distances)
	if n <= 0 || epoch > math.MaxInt32 {
		return progress{}
	}
	distances = distances[n:]
	p := progress{from: from, epoch: int32(epoch) - 1}
	offset := from
	for len(distances) > 0 {
		distance, n := binary.Uvarint(distances)
		if n <= 0 || distance > math.MaxInt64-uint64(offset) || distance == 0 && len(p.open) > 0 {
			return progress{}
		}
		distances, offset = distances[n:], offset+int64(distance)
		p.open = append(p.open, offset)
	}
	if len(p.open) == 0 {
		return progress{}
	}
	p.through, p.open = offset, p.open[:len(p.open)-1]
	return p
}

// beside is what stands beside a committed offset, among other things: a replay
// notes its run there.
type beside struct {
	Done string `json:"done,omitempty"`
}

// noteOf is the text to commit beside an offset; done is the progress in it.
func noteOf(done string) string {
	if done == "" {
		return ""
	}
	text, err := json.Marshal(beside{Done: done})
	if err != nil {
		panic("eventbridge: a note that cannot be marshalled: " + err.Error()) // one string: a bug
	}
	return string(text)
}

// readNote reads what stands beside the committed offset from; what is not ours says nothing.
func readNote(from int64, text string) progress {
	var b beside
	if json.Unmarshal([]byte(text), &b) != nil {
		return progress{}
	}
	return readProgress(from, b.Done)
}
