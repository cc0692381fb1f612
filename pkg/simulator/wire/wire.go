package wire

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Time is a time as Amazon writes it: UTC with milliseconds.
type Time time.Time

func (t Time) String() string { return time.Time(t).UTC().Format("2006-01-02T15:04:05.000Z") }

// MarshalText writes the time into JSON.
func (t Time) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// JSON encodes a value of the simulator's own types, which cannot fail.
func JSON(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("simulator: encode %T: %v", v, err))
	}
	return body
}

// Decode reads a JSON value that has no unknown fields.
func Decode(from io.Reader, into any) error { _, err := decode(from, into); return err }

// DecodeOnly is like Decode but refuses what stands behind the value.
func DecodeOnly(text []byte, into any) error {
	decoder, err := decode(bytes.NewReader(text), into)
	if err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something behind the JSON value")
	}
	return nil
}

func decode(from io.Reader, into any) (*json.Decoder, error) {
	decoder := json.NewDecoder(from)
	decoder.DisallowUnknownFields()
	return decoder, decoder.Decode(into)
}

// Gzip compresses a body.
func Gzip(body []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(body) // a buffer takes everything
	_ = w.Close()
	return b.Bytes()
}
