package schemas

import (
	"encoding/json"
	"errors"
	"fmt"
)

// ReplayHeader is the Kafka header of every record of the topic replays: an
// Origin as JSON.
const ReplayHeader = "replay"

// maxOrigin bounds the header's value, which comes from outside.
const maxOrigin = 1024

// Origin describes where a record of replays comes from. Key, value and the other
// headers are those of the record that it names.
type Origin struct {
	Replay    string `json:"id"`    // the replay that copied it
	Topic     string `json:"topic"` // logical name of the input topic
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`    // below 0 where the state was imported since: see SourceOffset
	Timestamp int64  `json:"timestamp"` // the record's there, in Unix milliseconds
	Effects   bool   `json:"effects"`   // whether calls that write at Amazon are allowed
}

// Header is the value of ReplayHeader.
func (o Origin) Header() []byte {
	value, err := json.Marshal(o)
	if err != nil {
		panic("schemas: an origin that cannot be marshalled: " + err.Error()) // plain data: a bug
	}
	return value
}

// ParseOrigin reads the value of ReplayHeader.
func ParseOrigin(header []byte) (Origin, error) {
	var o Origin
	if len(header) == 0 || len(header) > maxOrigin {
		return o, fmt.Errorf("header %q is missing, empty, or longer than %d bytes", ReplayHeader, maxOrigin)
	}
	if err := json.Unmarshal(header, &o); err != nil {
		return o, fmt.Errorf("header %q: %w", ReplayHeader, err)
	}
	if o.Replay == "" || o.Topic == "" || o.Partition < 0 {
		return o, errors.New("header \"" + ReplayHeader + "\" names no record: it wants id, topic, partition and offset")
	}
	return o, nil
}
