package fakekafka

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/sellerstream/sellerstream/schemas"
)

// JSON stands in for Avro and the schema registry, which pkg/platform/registry tests. It
// names the type of each value beside it.
type JSON struct {
	Kinds  []any                    // pointers to what it can read
	Refuse func(topic string) error // where set, may refuse to read a value
}

type typed struct {
	Type  string
	Value json.RawMessage
}

// AppendEncode appends a value to dst.
func (c JSON) AppendEncode(dst []byte, _ string, value any) ([]byte, error) {
	raw, err := json.Marshal(value)
	if err != nil {
		return dst, err
	}
	data, err := json.Marshal(typed{fmt.Sprintf("%T", value), raw})
	return append(dst, data...), err
}

// Decode returns a pointer to a value of one of the kinds.
func (c JSON) Decode(_ context.Context, topic string, data []byte) (any, error) {
	if c.Refuse != nil {
		if err := c.Refuse(topic); err != nil {
			return nil, err
		}
	}
	var t typed
	if err := json.Unmarshal(data, &t); err != nil {
		return nil, err
	}
	for _, kind := range c.Kinds {
		if fmt.Sprintf("%T", kind) == t.Type {
			value := reflect.New(reflect.TypeOf(kind).Elem()).Interface()
			return value, json.Unmarshal(t.Value, value)
		}
	}
	return nil, fmt.Errorf("type %q: %w", t.Type, schemas.ErrUnknownKind)
}
