package stock

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/twmb/avro"

	"github.com/sellerstream/sellerstream/pkg/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// codec turns state entries into the bytes that stand in Kafka, and back.
type codec map[reflect.Type]*kind

type kind struct {
	record schemas.Record
	schema *avro.Schema
}

func newCodec() (codec, error) {
	c := codec{}
	for _, record := range schemas.Records() {
		schema, err := avro.Parse(record.Schema())
		if err != nil {
			return nil, fmt.Errorf("schema of %s: %w", record.Name, err)
		}
		c[reflect.TypeOf(record.New())] = &kind{record, schema}
	}
	return c, nil
}

// store is a unit's committed state.
type store struct {
	codec   codec
	entries map[string]entry
	buffer  []byte
}

type entry struct {
	kind  *kind
	bytes []byte
}

func newStore(c codec) *store { return &store{codec: c, entries: map[string]entry{}} }

func (s *store) put(key string, value any) {
	if value == nil {
		delete(s.entries, key)
		return
	}
	s.buffer = value.(schemas.Value).AppendAvro(s.buffer[:0])
	s.entries[key] = entry{s.codec[reflect.TypeOf(value)], slices.Clone(s.buffer)}
}

// restore gives a machine each entry, as a new owner would read it.
func (s *store) restore(m machine.Machine) error {
	for _, key := range slices.Sorted(maps.Keys(s.entries)) {
		e := s.entries[key]
		value := e.kind.record.New()
		if _, err := e.kind.schema.Decode(e.bytes, value); err != nil {
			return fmt.Errorf("state %s: %w", key, err)
		}
		if err := m.Restore(key, value); err != nil {
			return err
		}
	}
	return nil
}
