package registry

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/twmb/avro"

	"github.com/sellerstream/sellerstream/schemas"
)

// Own reads values by the schemas of this version alone, without a registry. It may be
// used from any goroutine.
//
// A value names its schema by an id that only the registry can explain. So Own takes a
// value for the one record of its topic that it is in full: every byte is read, and the
// record encodes to the same bytes again. Values of one id are all of one record, so what
// one value rules out is ruled out for the others. A value of another version, whose
// fields differ, is refused.
type Own struct {
	mu    sync.Mutex
	known map[readerKey][]candidate
	made  map[string]*avro.Schema
}

// candidate is a record that the values of an id may be.
type candidate struct {
	record schemas.Record
	schema *avro.Schema
}

// Learn rules out what the values of data's schema id cannot be. Decode does so too, but
// cannot take back what it has refused; learn from all values first, then decode them.
func (o *Own) Learn(topic, key string, data []byte) {
	id, body, err := split(data)
	if err != nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	at := readerKey{id, topic}
	left := o.narrow(at, body, false)
	if name := recordOf(key); len(left) > 1 && name != "" {
		o.known[at] = slices.DeleteFunc(left, func(c candidate) bool { return c.record.Name != name })
	}
}

// recordOf names the record of a state's key, for the small ones: most of their values could
// be of another record too.
func recordOf(key string) string {
	switch {
	case strings.HasPrefix(key, "quota/"):
		return "QuotaState"
	case strings.HasPrefix(key, "@position/"):
		return "Position"
	case key == "@imported":
		return "Imported"
	}
	return ""
}

// Decode is Codec.Decode. Its errors say that a value is not of this version.
func (o *Own) Decode(_ context.Context, topic string, data []byte) (any, error) {
	id, body, err := split(data)
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	key := readerKey{id, topic}
	left := o.narrow(key, body, true)
	if len(left) != 1 {
		return nil, fmt.Errorf("the value of schema id %d is of no schema of this version for certain (%s); the schema registry, which knows the id, was not asked or does not answer", id, names(left))
	}
	value := left[0].record.New()
	if err := decode(left[0].schema, id, body, value); err != nil {
		return nil, err
	}
	return value, nil
}

// narrow returns what the values of an id may be, given one more of them. Where one record
// is left it is not looked at again, unless check says so.
func (o *Own) narrow(key readerKey, body []byte, check bool) []candidate {
	left, ok := o.known[key]
	if !ok {
		left = o.candidates(key.topic)
	}
	if ok && len(left) == 1 && !check {
		return left
	}
	fits := slices.DeleteFunc(slices.Clone(left), func(c candidate) bool { return !c.fits(key.id, body) })
	if o.known == nil {
		o.known = make(map[readerKey][]candidate)
	}
	if len(fits) > 0 && (ok || len(o.known) < maxCached) { // ids come from outside: the map must not grow with them
		o.known[key] = fits
	}
	return fits
}

func (o *Own) candidates(topic string) []candidate {
	t, _ := schemas.TopicOf(topic)
	var all []candidate
	for _, name := range t.Records {
		record, ok := schemas.Of(name)
		if !ok {
			continue
		}
		if o.made == nil {
			o.made = make(map[string]*avro.Schema)
		}
		if o.made[name] == nil {
			o.made[name] = avro.MustParse(record.Schema()) // a test parses all that are embedded
		}
		all = append(all, candidate{record, o.made[name]})
	}
	return all
}

// fits reports whether a value can be of the candidate's record.
func (c candidate) fits(id int, body []byte) bool {
	value := c.record.New()
	if decode(c.schema, id, body, value) != nil {
		return false
	}
	return bytes.Equal(value.AppendAvro(nil), body)
}

func names(of []candidate) string {
	if len(of) == 0 {
		return "it fits none"
	}
	var all []string
	for _, c := range of {
		all = append(all, c.record.Name)
	}
	return "it may be " + strings.Join(all, " or ")
}
