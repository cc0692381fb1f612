package machinetest

import (
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"

	"github.com/twmb/avro"

	"github.com/sellerstream/sellerstream/pkg/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// Store is a unit's committed state, held as the bytes that stand in Kafka:
// what a machine does later to a value that it has put changes nothing here.
type Store struct {
	kinds   map[string]*kind // by the record's name
	entries map[string]entry
	buffer  []byte
}

// kind is a record that has been stored.
type kind struct {
	record schemas.Record
	schema *avro.Schema
}

type entry struct {
	kind  *kind
	bytes []byte
}

// NewStore makes an empty Store.
func NewStore() *Store {
	return &Store{kinds: map[string]*kind{}, entries: map[string]entry{}}
}

// Put writes an entry; nil deletes it. value is a pointer to a generated type
// of package schemas.
func (s *Store) Put(key string, value any) error {
	if value == nil {
		delete(s.entries, key)
		return nil
	}
	k, err := s.kindOf(reflect.TypeOf(value).Elem().Name())
	if err != nil {
		return fmt.Errorf("state %s: %w", key, err)
	}
	s.buffer = value.(schemas.Value).AppendAvro(s.buffer[:0])
	s.entries[key] = entry{k, slices.Clone(s.buffer)}
	return nil
}

func (s *Store) kindOf(name string) (*kind, error) {
	if k := s.kinds[name]; k != nil {
		return k, nil
	}
	record, ok := schemas.Of(name)
	if !ok {
		return nil, fmt.Errorf("%s is no record of package schemas", name)
	}
	schema, err := avro.Parse(record.Schema())
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", name, err)
	}
	s.kinds[name] = &kind{record, schema}
	return s.kinds[name], nil
}

// Get reads an entry, anew each time; nil for none.
func (s *Store) Get(key string) (any, error) {
	e, ok := s.entries[key]
	if !ok {
		return nil, nil
	}
	value := e.kind.record.New()
	if _, err := e.kind.schema.Decode(e.bytes, value); err != nil {
		return nil, fmt.Errorf("state %s: %w", key, err)
	}
	return value, nil
}

// Len is how many entries there are.
func (s *Store) Len() int { return len(s.entries) }

// Keys are the entries' keys, in an order that changes.
func (s *Store) Keys() iter.Seq[string] { return maps.Keys(s.entries) }

// Restore gives a new machine the entries of keys, in their order.
func (s *Store) Restore(m machine.Machine, keys []string) error {
	for _, key := range keys {
		value, err := s.Get(key)
		if err != nil {
			return err
		}
		if err := m.Restore(key, value); err != nil {
			return err
		}
	}
	return nil
}
