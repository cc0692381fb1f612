package kcat

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/twmb/avro"

	"github.com/sellerstream/sellerstream/schemas"
)

const (
	// KeyDelimiter stands between a key and its value: kcat -P -K :
	KeyDelimiter = ":"
	// DefaultDelimiter stands after each value: kcat -P -D '<<end>>'
	DefaultDelimiter = "<<end>>"
)

// Encoder turns a record into a value.
type Encoder interface {
	AppendEncode(dst []byte, topic string, value any) ([]byte, error)
}

// Encoding describes what Encode writes.
type Encoding struct {
	Topic     string         // logical name
	Record    schemas.Record // the kind of record that the input holds
	Delimiter string         // written after each value; empty for one bare value without a key
}

// Encode reads JSON, one record a line, in the form that Decode writes, and
// writes for each its key, KeyDelimiter, the value and the delimiter, as
// kcat -P -K : -D DELIMITER reads them. Without a delimiter it writes one
// value and nothing else. It stops at the first fault.
func Encode(in io.Reader, out io.Writer, encoder Encoder, e Encoding) error {
	schema, err := avro.Parse(e.Record.Schema())
	if err != nil {
		return fmt.Errorf("schema %s: %w", e.Record.Name, err)
	}
	root := schema.Root().ExpandReferences()
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 2*MaxFrameBytes) // JSON is longer than Avro
	values := bufio.NewWriter(out)
	written := 0
	for number := 1; lines.Scan(); number++ {
		text := bytes.TrimSpace(lines.Bytes())
		if len(text) == 0 {
			continue
		}
		if e.Delimiter == "" && written > 0 {
			return errors.New("the input holds more than one record: without a delimiter one value can be written")
		}
		value, err := e.encode(encoder, root, text)
		if err != nil {
			return errors.Join(fmt.Errorf("line %d: %w", number, err), values.Flush())
		}
		if _, err := values.Write(value); err != nil {
			return err
		}
		written++
	}
	return errors.Join(lines.Err(), values.Flush())
}

// encode turns one line of JSON into what kcat is to read.
func (e Encoding) encode(encoder Encoder, root *avro.SchemaNode, text []byte) ([]byte, error) {
	record := e.Record.New()
	if err := parse(root, text, record); err != nil {
		return nil, err
	}
	value, err := encoder.AppendEncode(nil, e.Topic, record)
	if err != nil || e.Delimiter == "" {
		return value, err
	}
	var key struct {
		Account string `json:"account"`
	}
	if err := json.Unmarshal(text, &key); err != nil {
		return nil, err
	}
	switch {
	case key.Account == "":
		return nil, fmt.Errorf("a %s without an account has no key: encode it without a delimiter and give kcat the key", e.Record.Name)
	case bytes.Contains([]byte(key.Account), []byte(KeyDelimiter)):
		return nil, fmt.Errorf("account %q contains %q", key.Account, KeyDelimiter)
	case bytes.Contains(value, []byte(e.Delimiter)):
		return nil, fmt.Errorf("the value contains the delimiter %q: choose another", e.Delimiter)
	}
	framed := append([]byte(key.Account+KeyDelimiter), value...)
	return append(framed, e.Delimiter...), nil
}

// parse reads a record from JSON. Fields with a default may be missing, others
// may not, and a field that the schema does not have is a mistake.
func parse(root *avro.SchemaNode, text []byte, into schemas.Value) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var given any
	if err := decoder.Decode(&given); err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	if decoder.More() {
		return errors.New("more than one JSON value: write one record a line")
	}
	whole, err := complete(root, root.Name, given)
	if err != nil {
		return err
	}
	if text, err = json.Marshal(whole); err != nil {
		return err
	}
	decoder = json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

// complete fills in the defaults of what is missing.
func complete(node *avro.SchemaNode, path string, given any) (any, error) {
	switch node.Type {
	case "record":
		return completeRecord(node, path, given)
	case "union":
		if given == nil {
			return nil, nil
		}
		return complete(&node.Branches[1], path, given)
	case "array":
		list, ok := given.([]any)
		if !ok {
			return given, nil // not an array: decoding says so
		}
		for i := range list {
			var err error
			if list[i], err = complete(node.Items, fmt.Sprintf("%s[%d]", path, i), list[i]); err != nil {
				return nil, err
			}
		}
	}
	if given == nil {
		return nil, fmt.Errorf("%s is null", path)
	}
	return given, nil
}

func completeRecord(node *avro.SchemaNode, path string, given any) (any, error) {
	object, ok := given.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s is not a JSON object", path)
	}
	for i := range node.Fields {
		f := &node.Fields[i]
		member, there := object[f.Name]
		var err error
		switch {
		case there:
			object[f.Name], err = complete(&f.Type, path+"."+f.Name, member)
		case !f.HasDefault:
			err = fmt.Errorf("%s.%s is missing: %s", path, f.Name, f.Doc)
		case f.Default != nil && f.Type.LogicalType == "timestamp-millis": // a number, and text in JSON
			object[f.Name] = time.UnixMilli(0).UTC()
		case f.Default != nil:
			object[f.Name] = f.Default
		}
		if err != nil {
			return nil, err
		}
	}
	return object, nil
}
