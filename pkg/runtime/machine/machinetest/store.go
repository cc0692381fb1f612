package machinetest

import (
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/twmb/avro"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// Store is a unit's committed state, held as the bytes that stand in Kafka:
// what a machine does later to a value that it has put changes nothing here.
type Store struct {
	// Now is the brokers' time, from which a machine.Aged is told how old entries
	// are. While it is zero their ages are not known.
	Now time.Time

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
	at    time.Time
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
	s.entries[key] = entry{k, slices.Clone(s.buffer), s.Now}
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
		if err := s.restore(m, key, value); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) restore(m machine.Machine, key string, value any) error {
	aged, ok := m.(machine.Aged)
	if !ok {
		return m.Restore(key, value)
	}
	age := time.Duration(0)
	if at := s.entries[key].at; !at.IsZero() && !s.Now.IsZero() {
		age = max(0, s.Now.Sub(at))
	}
	return aged.RestoreAged(key, value, age)
}
