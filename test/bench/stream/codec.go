package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/twmb/avro"

	"github.com/sellerstream/sellerstream/schemas"
)

// item is the value of every record and state entry.
type item struct {
	Account string `avro:"account"`
	Number  int64  `avro:"number"`
	Body    []byte `avro:"body"`
}

const itemSchema = `{"type":"record","name":"Item","fields":[
	{"name":"account","type":"string"},{"name":"number","type":"long"},{"name":"body","type":"bytes"}]}`

// codec is Avro behind a five-byte header, as in production, without a
// registry. Both sides use it. The runtime's own few records are JSON.
type codec struct{ schema *avro.Schema }

func newCodec() (codec, error) {
	schema, err := avro.Parse(itemSchema)
	if err != nil {
		return codec{}, fmt.Errorf("parse the schema: %w", err)
	}
	return codec{schema}, nil
}

func (c codec) AppendEncode(dst []byte, _ string, value any) ([]byte, error) {
	if _, ok := value.(*item); ok {
		return c.schema.AppendEncode(append(dst, 0, 0, 0, 0, 1), value)
	}
	data, err := json.Marshal(value)
	return append(append(dst, fmt.Sprintf("%T\n", value)...), data...), err
}

func (c codec) Decode(_ context.Context, _ string, data []byte) (any, error) {
	if len(data) > 5 && data[0] == 0 {
		it := new(item)
		_, err := c.schema.Decode(data[5:], it)
		return it, err
	}
	name, text, _ := strings.Cut(string(data), "\n")
	var value any
	switch name {
	case "*schemas.Position":
		value = &schemas.Position{}
	case "*schemas.Claim":
		value = &schemas.Claim{}
	default:
		return nil, fmt.Errorf("a value that nobody wrote: %q", name)
	}
	return value, json.Unmarshal([]byte(text), value)
}

// fill makes a body that Snappy, the client's default, compresses to about a quarter, or
// not at all.
func fill(body []byte, compressible bool, random *rand.ChaCha8) {
	_, _ = random.Read(body) // never fails
	if compressible {
		for i := range body {
			if i%100 >= 20 {
				body[i] = "orderItemId:"[i%12]
			}
		}
	}
}
