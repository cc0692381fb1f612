// Package registry owns the bytes of a record's value: Confluent's wire format
// (a zero byte, the schema's id as four bytes, Avro binary) under a
// Confluent-compatible schema registry, so that kcat and every Avro consumer
// can read what Sellerstream writes, and Sellerstream what they write.
package registry

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"reflect"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/sr"
	"golang.org/x/sync/singleflight"

	"github.com/sellerstream/sellerstream/schemas"
)

const (
	headerBytes = 5 // magic byte and schema id

	// MaxValueBytes is the largest value that is decoded. Brokers limit the
	// compressed size of a batch, so what comes out of one can be larger than
	// any topic's max.message.bytes.
	MaxValueBytes = 2 * schemas.MaxDeadLetterBytes
)

// ErrUnavailable says that a value could not be decoded because the registry
// could not be asked for its schema. The bytes may be fine: try again later.
// Every other error of Decode is about the bytes. A registry that answers for
// other schemas and not for this one is asked again for Config.Patience.
var ErrUnavailable = errors.New("the schema registry is unavailable")

// Config describes which registry to use and how.
type Config struct {
	// Client holds the registry's URLs and, where needed, TLS and credentials.
	Client []sr.ClientOpt
	// Prefix stands before every topic's name, as in schemas.DefaultPrefix.
	Prefix string
	// Topics limits the codec to some topics, by their logical names; all of
	// the table where it is empty.
	Topics []string
	// Register reports whether New registers schemas that the registry does not
	// have. If not, they must be there already.
	Register bool
	// SharedSchemas lets a topic's values have schemas of any subject. Without it
	// a schema must be registered under the topic's own: who may write to another
	// subject shall not decide how this topic is read.
	SharedSchemas bool
	// Patience is how long a schema is waited for that the registry does not give,
	// although it gives others. Default DefaultPatience.
	Patience time.Duration
	// Logger hears of waits for the registry. Default nobody does.
	Logger *slog.Logger
}

// DefaultPatience is how long values wait for a schema that the registry does
// not give while it gives others.
const DefaultPatience = 15 * time.Minute

// Codec encodes and decodes values. It may be used by many goroutines.
type Codec struct {
	client   *sr.Client
	prefix   string
	log      *slog.Logger
	shared   bool          // schemas of any subject are good for any topic
	patience time.Duration // see Config.Patience

	// Made by New and then only read: what this version writes, and what it
	// wrote comes back without asking the registry.
	headers map[headerKey][headerBytes]byte
	own     map[int]*writer
	ownRead map[readerKey]reader
	probe   int // one of own, to see whether the registry gives schemas

	fetches   singleflight.Group
	writers   cache[int, *writer]
	unusable  cache[int, *errUnusable]
	readers   cache[readerKey, reader]
	strangers cache[readerKey, *errUnusable] // schemas that are not of the topic's subject
	waits     waits
}

type headerKey struct {
	topic string
	typ   reflect.Type // pointer to the generated type
}

// writer is a schema that some value was written with.
type writer struct {
	schema *avro.Schema
	text   string         // as the registry has it; "" for our own
	name   string         // Avro full name
	ours   schemas.Record // the record of this version that the schema is of; zero where it differs
}

type readerKey struct {
	id    int
	topic string
}

// reader decodes values of one writer's schema into our type.
type reader struct {
	schema *avro.Schema
	strict *avro.Schema // ours, where schema lets null stand for what must have a value
	new    func() schemas.Value
	typ    reflect.Type // of what new makes
	err    error        // why values of that schema cannot stand on that topic
}

// New connects to the registry and learns the ids of every schema of package
// schemas, registering those that are missing if so configured. While the
// registry cannot be reached it tries again until ctx ends; what trying again
// cannot mend (a refused schema, refused credentials) is an error at once.
func New(ctx context.Context, cfg Config) (*Codec, error) {
	client, err := connect(cfg.Client)
	if err != nil {
		return nil, err
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Codec{
		client: client,
		prefix: cfg.Prefix,
		log:    cfg.Logger,
		shared: cfg.SharedSchemas, patience: cmp.Or(cfg.Patience, DefaultPatience),
		headers: make(map[headerKey][headerBytes]byte),
		own:     make(map[int]*writer),
		ownRead: make(map[readerKey]reader),
	}
	if err := c.learn(ctx, cfg); err != nil {
		return nil, err
	}
	return c, nil
}

// NewDecoder makes a codec that only decodes, and asks the registry for every
// schema it meets. It does not talk to the registry before that.
func NewDecoder(client ...sr.ClientOpt) (*Codec, error) {
	cl, err := connect(client)
	if err != nil {
		return nil, err
	}
	return &Codec{client: cl, log: slog.New(slog.DiscardHandler), shared: true, patience: DefaultPatience}, nil
}

// NewReader makes a codec that only decodes, as one of New does, and registers and looks
// up nothing before there is something to decode.
func NewReader(cfg Config) (*Codec, error) {
	c, err := NewDecoder(cfg.Client...)
	if err != nil {
		return nil, err
	}
	c.prefix, c.shared, c.patience = cfg.Prefix, cfg.SharedSchemas, cmp.Or(cfg.Patience, DefaultPatience)
	if cfg.Logger != nil {
		c.log = cfg.Logger
	}
	return c, nil
}

// Answers returns why the registry gives no schemas now; nil where it does.
func (c *Codec) Answers(ctx context.Context) error {
	_, err := c.client.SchemaByID(ctx, 1)
	var answer *sr.ResponseError
	if errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound && fromRegistry(answer) {
		return nil
	}
	return worded(err)
}

// AppendEncode appends the wire form of value to dst. topic is the logical
// name; value is a pointer to a generated type of package schemas that may
// stand on that topic. It allocates nothing where dst has room. On an error
// dst is returned as it was.
func (c *Codec) AppendEncode(dst []byte, topic string, value any) ([]byte, error) {
	header, ok := c.headers[headerKey{topic, reflect.TypeOf(value)}]
	if !ok {
		return dst, fmt.Errorf("a %T does not belong on topic %s: see the topic table of package schemas", value, topic)
	}
	if reflect.ValueOf(value).IsNil() {
		return dst, fmt.Errorf("encode for topic %s: the %T is nil", topic, value)
	}
	return value.(schemas.Value).AppendAvro(append(dst, header[:]...)), nil
}

// Decode reads a value of a topic (its logical name) into a new value of the
// generated type and returns the pointer to it. Values written with an older
// or newer schema are resolved to ours. An error that wraps ErrUnavailable
// says nothing about the bytes; any other says that they cannot stand on the
// topic. data is not kept.
func (c *Codec) Decode(ctx context.Context, topic string, data []byte) (any, error) {
	return c.DecodeInto(ctx, topic, data, nil)
}

// DecodeInto is Decode into the memory of an earlier value that nobody uses any more,
// where that is of the same type. What it points to is not used again.
func (c *Codec) DecodeInto(ctx context.Context, topic string, data []byte, used any) (any, error) {
	id, body, err := split(data)
	if err != nil {
		return nil, err
	}
	r, err := c.reader(ctx, readerKey{id, topic})
	if err != nil {
		return nil, err
	}
	value, ok := used.(schemas.Value)
	if !ok || reflect.TypeOf(used) != r.typ {
		value = r.new()
	} else {
		reflect.ValueOf(used).Elem().SetZero()
	}
	if r.strict != nil {
		err = r.throughStrict(id, body, value)
	} else {
		err = decode(r.schema, id, body, value)
	}
	if err != nil {
		return nil, err
	}
	return value, nil
}

func decode(schema *avro.Schema, id int, body []byte, into any) error {
	rest, err := schema.Decode(body, into)
	if err != nil {
		return fmt.Errorf("value of schema id %d does not decode: %w", id, err)
	}
	if len(rest) > 0 {
		return fmt.Errorf("value of schema id %d has %d bytes too many", id, len(rest))
	}
	return nil
}

// DecodeJSON reads a value of any schema that the registry knows and returns it
// as JSON: in the form of schemas.AppendJSON where it was written with a schema
// of this version, else field by field as its writer's schema names them. Its
// errors are those of Decode.
func (c *Codec) DecodeJSON(ctx context.Context, data []byte) ([]byte, error) {
	id, body, err := split(data)
	if err != nil {
		return nil, err
	}
	w, err := c.writer(ctx, id)
	if err != nil {
		return nil, err
	}
	if w.ours.New != nil {
		value := w.ours.New()
		if decode(w.schema, id, body, value) == nil {
			return schemas.AppendJSON(nil, value)
		}
	}
	var value any
	if err := decode(w.schema, id, body, &value); err != nil {
		return nil, err
	}
	return schemas.AppendJSON(nil, value)
}

// maxID is the largest schema id that a registry gives: ids are Java's int.
const maxID = math.MaxInt32

// split takes a value's header off.
func split(data []byte) (id int, body []byte, err error) {
	switch {
	case len(data) > MaxValueBytes:
		return 0, nil, fmt.Errorf("value of %d bytes is larger than the limit of %d", len(data), MaxValueBytes)
	case len(data) < headerBytes:
		return 0, nil, fmt.Errorf("value of %d bytes has no schema id: it is not in Confluent's wire format", len(data))
	case data[0] != 0:
		return 0, nil, fmt.Errorf("value starts with byte %#x instead of 0: it is not in Confluent's wire format", data[0])
	}
	number := binary.BigEndian.Uint32(data[1:headerBytes])
	if number > maxID {
		return 0, nil, fmt.Errorf("schema id %d is larger than any that a registry gives (%d): the value is not in Confluent's wire format", number, maxID)
	}
	return int(number), data[headerBytes:], nil
}
