package registry

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/schemas"
)

// Texts carries values from one registry to another: it gives the schemas that values
// name by their ids, and finds or makes the ids of schemas under our subjects. It is for
// one goroutine.
type Texts struct {
	client   *sr.Client
	prefix   string
	register bool
	ids      map[textKey]int
}

type textKey struct{ topic, text string }

// NewTexts connects to the registry of a configuration.
func NewTexts(cfg Config) (*Texts, error) {
	client, err := connect(cfg.Client)
	return &Texts{client: client, prefix: cfg.Prefix, register: cfg.Register, ids: make(map[textKey]int)}, err
}

// SchemaID is the id of the schema that a value was written with; ok is false for bytes
// that are not in Confluent's wire format.
func SchemaID(value []byte) (id int, ok bool) {
	id, _, err := split(value)
	return id, err == nil
}

// NoSchemaID is an id that no registry gives: a value with it is a dead letter everywhere.
const NoSchemaID = maxID

// WithSchemaID is a value that names its schema by another id.
func WithSchemaID(value []byte, id int) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(id)), value[headerBytes:]...)
}

// Text is the schema of an id, if it is one that can be used; known is false for an id
// that the registry does not have. An error says that it could not be asked.
func (t *Texts) Text(ctx context.Context, id int) (text string, known bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	answer, err := t.client.SchemaByID(ctx, id)
	if err = worded(err); err != nil {
		var answer *sr.ResponseError
		if errors.As(err, &answer) && answer.ErrorCode == sr.ErrSchemaNotFound.Code {
			return "", false, nil
		}
		return "", false, fmt.Errorf("%w: schema id %d: %w", ErrUnavailable, id, err)
	}
	if _, err := parse(answer); err != nil { // no role can read what has it
		return "", false, nil
	}
	return answer.Schema, true, nil
}

// ID is the id of a schema under the subject that it has on a topic. It is registered
// there where it is not yet, if the configuration allows that.
func (t *Texts) ID(ctx context.Context, topic, text string) (int, error) {
	key := textKey{topic, text}
	if id, ok := t.ids[key]; ok { // parsing takes milliseconds, and there is an entry for each SKU
		return id, nil
	}
	w, err := parse(sr.Schema{Schema: text})
	if err != nil {
		return 0, fmt.Errorf("a schema of the file cannot be used: %w", err)
	}
	subject := t.prefix + topic + "-value"
	if table, ok := schemas.TopicOf(topic); ok && len(table.Records) > 1 {
		subject = t.prefix + topic + "-" + w.name
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	ask := t.client.LookupSchema
	if t.register {
		ask = t.client.CreateSchema
	}
	found, err := ask(ctx, subject, sr.Schema{Schema: text, Type: sr.TypeAvro})
	if err != nil {
		return 0, fmt.Errorf("subject %s does not take the schema that values of the file have: %w", subject, worded(err))
	}
	t.ids[key] = found.ID
	return found.ID, nil
}
