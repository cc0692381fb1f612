package schemas

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of what a dead letter keeps (containment rule 2). The value is whole
// where the letter then fits its topic, as it does for each record and message
// that the other topics and SQS take uncompressed.
const (
	maxLetterMessage    = 2_000
	maxLetterText       = 1 << 10 // role, reason and source
	maxLetterAccount    = 256
	maxLetterKey        = 4 << 10
	maxLetterAttributes = 64 << 10 // all together, with their names
	maxLetterAttribute  = 16 << 10
	// keptValue is how much is kept of a value that does not fit.
	keptValue = 64 << 10
	// letterFrame is what a record batch, a record and the wire format put around
	// a letter's parts, and what Avro puts between them.
	letterFrame = 1 << 10
	// attributeFrame is what Avro puts around an attribute.
	attributeFrame = 10

	// ReasonFault is the reason of a letter whose record or message made the program
	// panic: it is set aside alone, and its bytes show how.
	ReasonFault = "program_fault"
	// LeastDeadLetterBytes is the smallest limit that Bound keeps to.
	LeastDeadLetterBytes = 8 << 10
)

// The parts of a dead letter that may be cut: the keys of DeadLetter.Cut.
const (
	CutMessage    = "message"
	CutKey        = "key"
	CutValue      = "value"
	CutAttributes = "attributes"
)

// Bound cuts the letter so that a batch that holds it alone, uncompressed and
// under its RecordKey, has at most limit bytes, and notes in Cut what it had.
// limit is MaxDeadLetterBytes, or less where the topic takes less, but not below
// LeastDeadLetterBytes. Every writer of letters calls it.
func (r *DeadLetter) Bound(limit int) {
	limit = max(limit, LeastDeadLetterBytes)
	share := limit / 8
	if r.Attributes == nil {
		r.Attributes = make(map[string][]byte)
	}
	r.boundText(share)
	r.Key = r.cut(CutKey, r.Key, min(maxLetterKey, share))
	r.boundAttributes(min(maxLetterAttributes, share))
	if rest := limit - r.size(); len(r.Value) > rest {
		r.Value = r.cut(CutValue, r.Value, min(keptValue, rest))
	}
}

// RecordKey is the key of the letter's record in Kafka: the account where one is
// known, else what is kept of the key of the record that was set aside.
func (r *DeadLetter) RecordKey() []byte {
	switch {
	case r.Account != "":
		return []byte(r.Account)
	case r.Partition != nil:
		return r.Key
	}
	return nil
}

// Whole reports whether the letter holds all of the record or message that it is
// about: key, value and attributes.
func (r *DeadLetter) Whole() bool {
	return r.LastOffset == nil && r.Cut[CutKey] == 0 && r.Cut[CutValue] == 0 && r.Cut[CutAttributes] == 0
}

// boundText bounds the texts, and makes them texts that can be read.
func (r *DeadLetter) boundText(share int) {
	if !utf8.ValidString(r.Account) || len(r.Account) > maxLetterAccount {
		r.Account = "" // it is none of ours; the key says which it was
	}
	for _, text := range []*string{&r.Role, &r.Reason, &r.Source} {
		*text = strings.ToValidUTF8((*text)[:min(len(*text), maxLetterText, share)], "?")
	}
	if most := min(maxLetterMessage, share); len(r.Message) > most {
		r.note(CutMessage, len(r.Message))
		r.Message = strings.ToValidUTF8(r.Message[:most], "") + "…"
	}
	r.Message = strings.ToValidUTF8(r.Message, "?")
}

// boundAttributes keeps those that fit: first our own headers, then the others
// by name.
func (r *DeadLetter) boundAttributes(room int) {
	had := 0
	for name, value := range r.Attributes {
		had += len(name) + len(value)
	}
	kept := make(map[string][]byte, min(len(r.Attributes), 64))
	whole := true
	keep := func(name string) {
		value := r.Attributes[name]
		size := attributeFrame + len(name) + len(value)
		if len(name) > maxLetterText || len(value) > maxLetterAttribute || size > room {
			whole = false
			return
		}
		room -= size
		valid := strings.ToValidUTF8(name, "?")
		whole = whole && valid == name
		kept[valid] = value
	}
	ours := []string{ReplayHeader, RetryOfHeader, RetryForHeader, RetryTimeHeader}
	for _, name := range ours {
		if _, ok := r.Attributes[name]; ok {
			keep(name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Attributes)) {
		if !slices.Contains(ours, name) {
			keep(name)
		}
	}
	if !whole {
		r.note(CutAttributes, had)
		r.Attributes = kept
	}
}

// cut keeps the first bytes of a part. The letter does not hold on to the rest.
func (r *DeadLetter) cut(part string, data []byte, most int) []byte {
	if len(data) <= most {
		return data
	}
	r.note(part, len(data))
	return slices.Clone(data[:most])
}

func (r *DeadLetter) note(part string, had int) {
	if r.Cut == nil {
		r.Cut = make(map[string]int64)
	}
	r.Cut[part] = max(r.Cut[part], int64(had)) // a letter that is cut again had more at first
}

// size is at least what the letter takes in Kafka without its value.
func (r *DeadLetter) size() int {
	size := letterFrame + len(r.ID) + len(r.Role) + len(r.Reason) + len(r.Message) + len(r.Source) +
		len(r.Account) + len(r.Key) + len(r.RecordKey())
	for name, value := range r.Attributes {
		size += attributeFrame + len(name) + len(value)
	}
	return size
}
