package stream

import (
	"context"
	"encoding/json"

	"github.com/sellerstream/sellerstream/schemas"
)

// ownJSON is how the runtime writes its own records where Options.Own is not given:
// people can read them with any tool.
type ownJSON struct{}

func (ownJSON) AppendEncode(dst []byte, _ string, value any) ([]byte, error) {
	data, err := json.Marshal(value)
	return append(dst, data...), err
}

// Decode returns a position: of its own records the runtime reads no others.
func (ownJSON) Decode(_ context.Context, _ string, data []byte) (any, error) {
	position := new(schemas.Position)
	return position, json.Unmarshal(data, position)
}

// codecOf returns who encodes a value: what the runtime writes of itself does not pass
// through the codec of the machine's values.
func (o *Options) codecOf(value any) Codec {
	switch value.(type) {
	case *schemas.Claim, *schemas.Position, *schemas.DeadLetter:
		return o.Own
	}
	return o.Codec
}
