package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/schemas"
)

const (
	// How many foreign schemas, and how many pairs of schema and topic, are
	// remembered. Ids come from outside: the caches must not grow with them.
	maxCached = 200
	// How long an id that the registry does not know is remembered as such.
	missingFor = time.Minute
	// How long one question to the registry may take.
	fetchTimeout = 10 * time.Second
	// A larger schema is not parsed. Ours have up to 12 KB.
	maxSchemaBytes = 128 << 10
	// How many bytes of schemas are remembered. A parsed schema takes up to 50 times
	// its text.
	maxCachedBytes = 1 << 20
)

// errUnusable is what is remembered of an id whose schema cannot be used.
type errUnusable struct {
	reason string
	until  time.Time
}

func (e *errUnusable) Error() string { return e.reason }

// reader is how values of one schema id are read from one topic.
func (c *Codec) reader(ctx context.Context, key readerKey) (reader, error) {
	if r, ok := c.ownRead[key]; ok {
		return r, nil
	}
	if r, ok := c.readers.get(key); ok {
		return r, r.err
	}
	w, err := c.writer(ctx, key.id)
	if err != nil {
		return reader{}, err
	}
	made, err := c.once(ctx, key.id, fmt.Sprintf("%d of %s", key.id, key.topic), func(ctx context.Context) (any, error) {
		if r, ok := c.readers.get(key); ok {
			return r, r.err
		}
		r := resolve(w, key)
		if r.err == nil {
			if err := c.ofTopic(ctx, w, key); err != nil {
				return reader{}, err
			}
		}
		c.readers.put(key, r, len(w.text))
		return r, r.err
	})
	if err != nil {
		return reader{}, err
	}
	return made.(reader), nil
}

// resolve finds the topic's record that values of a schema can be read as.
func resolve(w *writer, key readerKey) reader {
	topic, ok := schemas.TopicOf(key.topic)
	if !ok {
		return reader{err: fmt.Errorf("topic %s is not in the topic table of package schemas", key.topic)}
	}
	record, ok := readAs(topic, w.name)
	if !ok {
		err := fmt.Errorf("schema id %d is of a %s, which does not belong on topic %s", key.id, w.name, key.topic)
		if strings.HasPrefix(w.name, schemas.Namespace+".") {
			err = fmt.Errorf("%w: %w", err, schemas.ErrUnknownKind)
		}
		return reader{err: err}
	}
	ours, err := avro.Parse(record.Schema())
	read, strict := ours, (*avro.Schema)(nil)
	if err == nil && topic.FromOthers() {
		var nullable bool
		if read, nullable, err = lenient(ours, w.schema); nullable {
			strict = ours
		}
	}
	if err != nil {
		return reader{err: fmt.Errorf("schema %s: %w", record.Name, err)}
	}
	resolved, err := avro.Resolve(w.schema, read)
	if err != nil {
		return reader{err: fmt.Errorf("schema id %d (%s) cannot be read as %s: %w", key.id, w.name, record.FullName(), err)}
	}
	return reader{schema: resolved, strict: strict, new: record.New, typ: reflect.TypeOf(record.New())}
}

// readAs is the record that a value with the given Avro name is on a topic.
// Where the topic has only one kind of record, Avro's own resolution is left
// to report whether the names fit.
func readAs(topic schemas.Topic, fullName string) (schemas.Record, bool) {
	if len(topic.Records) == 1 {
		return schemas.Of(topic.Records[0])
	}
	record, ok := recordNamed(fullName)
	if !ok {
		return schemas.Record{}, false
	}
	for _, name := range topic.Records {
		if name == record.Name {
			return record, true
		}
	}
	return schemas.Record{}, false
}

// recordNamed finds our record by its Avro full name.
func recordNamed(fullName string) (schemas.Record, bool) {
	name, ok := strings.CutPrefix(fullName, schemas.Namespace+".")
	if !ok {
		return schemas.Record{}, false
	}
	return schemas.Of(name)
}

// writer is the schema with the given id, asked for once however many need it.
func (c *Codec) writer(ctx context.Context, id int) (*writer, error) {
	if w, ok := c.own[id]; ok {
		return w, nil
	}
	if w, ok := c.writers.get(id); ok {
		return w, nil
	}
	if e, ok := c.unusable.get(id); ok && time.Now().Before(e.until) {
		return nil, e
	}
	w, err := c.once(ctx, id, strconv.Itoa(id), func(ctx context.Context) (any, error) { return c.fetch(ctx, id) })
	if err != nil {
		return nil, err
	}
	return w.(*writer), nil
}

// once asks the registry a question about a schema, one time however many want
// the answer.
func (c *Codec) once(ctx context.Context, id int, question string, ask func(context.Context) (any, error)) (any, error) {
	asked := c.fetches.DoChan(question, func() (any, error) {
		// The question outlives the one who asked first: others may wait for it.
		askCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
		defer cancel()
		return ask(askCtx)
	})
	select {
	case res := <-asked:
		return res.Val, res.Err
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: schema id %d: %w", ErrUnavailable, id, context.Cause(ctx))
	}
}

// fetch asks the registry for a schema and remembers the answer.
func (c *Codec) fetch(ctx context.Context, id int) (*writer, error) {
	answer, err := c.client.SchemaByID(ctx, id)
	if err = worded(err); err != nil {
		verdict := c.unanswered(ctx, id, err)
		if verdict == "" {
			return nil, fmt.Errorf("%w: schema id %d: %w", ErrUnavailable, id, err)
		}
		return nil, refuse(&c.unusable, id, verdict)
	}
	c.waits.over(id)
	w, err := parse(answer)
	if err != nil {
		return nil, refuse(&c.unusable, id, fmt.Sprintf("schema id %d cannot be used: %v", id, err))
	}
	c.writers.put(id, w, len(w.text))
	return w, nil
}

// refuse remembers for a while that an id, or an id on a topic, is of no use.
func refuse[K comparable](known *cache[K, *errUnusable], key K, reason string) error {
	e := &errUnusable{reason: reason, until: time.Now().Add(missingFor)}
	known.put(key, e, len(reason))
	return e
}

// parse reads the registry's answer.
func parse(answer sr.Schema) (*writer, error) {
	switch {
	case answer.Type != sr.TypeAvro:
		return nil, fmt.Errorf("it is of type %s; only AVRO is read", answer.Type)
	case len(answer.References) > 0:
		return nil, errors.New("it refers to other schemas; register it in one piece")
	case len(answer.Schema) > maxSchemaBytes:
		return nil, fmt.Errorf("it has %d bytes; the limit is %d", len(answer.Schema), maxSchemaBytes)
	}
	schema, err := avro.Parse(answer.Schema)
	if err != nil {
		return nil, err
	}
	if err := bounded(schema); err != nil {
		return nil, err
	}
	root := schema.Root()
	name := root.Name
	if root.Namespace != "" && !strings.Contains(name, ".") {
		name = root.Namespace + "." + name
	}
	w := &writer{schema: schema, text: answer.Schema, name: name}
	if record, ok := recordNamed(name); ok {
		ours, err := avro.Parse(record.Schema())
		if err == nil && bytes.Equal(ours.Canonical(), schema.Canonical()) {
			w.ours = record
		}
	}
	return w, nil
}
