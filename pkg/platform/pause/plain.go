package pause

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/schemas"
)

// Plain writes switches where no schema registry answers, and so no id of a schema is
// known. A pause is the switch as JSON. A version that reads Avro alone cannot read it,
// and so counts it as paused. A resumption deletes the switch, which is what it is for
// every version. Who resumed, and why, stand in headers of the deletion, for the log. A
// retry is a deletion, too.
type Plain struct {
	// Decoder reads what others have written.
	Decoder interface {
		Decode(ctx context.Context, topic string, data []byte) (any, error)
	}
}

// AppendEncode appends a switch to dst; nothing for one that is not paused.
func (Plain) AppendEncode(dst []byte, _ string, value any) ([]byte, error) {
	if turned, ok := value.(*schemas.Switch); ok && !turned.Paused && turned.Level == 0 {
		return dst, nil
	}
	return schemas.AppendJSON(dst, value)
}

// Decode returns a switch.
func (p Plain) Decode(ctx context.Context, topic string, data []byte) (any, error) {
	return p.Decoder.Decode(ctx, topic, data)
}

// Headers of a deletion: who turned the switch, and why.
const byHeader, reasonHeader = "by", "reason"

func header(rec *kgo.Record, key string) string {
	for _, h := range rec.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// DecodePlain reads what Plain has written. ok is false for any other value: those in
// Confluent's wire format begin with a zero.
func DecodePlain(data []byte) (turned *schemas.Switch, ok bool, err error) {
	if !bytes.HasPrefix(data, []byte("{")) {
		return nil, false, nil
	}
	turned = new(schemas.Switch)
	return turned, true, json.Unmarshal(data, turned)
}
