package statemove

import (
	"bytes"
	"strings"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/schemas"
)

const headerBytes = 5 // of Confluent's wire format

// offsets sets what entries say of offsets below all that a Kafka has. It reads and writes
// an entry with the schema that it has, so that fields of a later version stay.
type offsets struct{ parsed map[string]*avro.Schema }

func newOffsets() *offsets { return &offsets{make(map[string]*avro.Schema)} }

// below is the value with its offsets set. It stays as it is where it has none, and where
// it would not read back byte by byte; then ok is false.
func (o *offsets) below(text string, value []byte) (changed []byte, ok bool) {
	if !strings.Contains(strings.ToLower(text), "offset") {
		return value, true
	}
	schema := o.parsed[text]
	if schema == nil {
		var err error
		if schema, err = avro.Parse(text); err != nil {
			return value, false
		}
		o.parsed[text] = schema
	}
	var fields any
	body := value[headerBytes:]
	rest, err := schema.Decode(body, &fields)
	if err != nil || len(rest) > 0 {
		return value, false
	}
	if same, err := schema.Encode(fields); err != nil || !bytes.Equal(same, body) {
		return value, false
	}
	lower(fields)
	changed, err = schema.AppendEncode(bytes.Clone(value[:headerBytes]), fields)
	if err != nil {
		return value, false
	}
	return changed, true
}

// lower sets the offsets in a value. What was given up names its record for `sellerstream
// replay`, which would find another one there: it then names none.
func lower(value any) {
	switch v := value.(type) {
	case map[string]any:
		for name, field := range v {
			offset, number := field.(int64)
			switch {
			case name == "failure":
				if failure, ok := field.(map[string]any); ok {
					failure["sourcePartition"], failure["sourceOffset"] = nil, nil
				}
			case number && (name == "offset" || strings.HasSuffix(name, "Offset")):
				v[name] = schemas.ImportedOffset(offset)
			default:
				lower(field)
			}
		}
	case []any:
		for _, element := range v {
			lower(element)
		}
	}
}

// newTransactor makes the client of an import. An import that takes another one's place
// ends it.
func newTransactor(kafka []kgo.Opt, id string) (*kgo.Client, error) {
	return kclient.NewClient(append([]kgo.Opt{
		kgo.DisableClientMetrics(), kgo.TransactionalID(id), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0), kgo.ProducerBatchMaxBytes(2 << 20),
	}, kafka...)...)
}
