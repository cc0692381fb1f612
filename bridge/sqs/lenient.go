package sqs

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// leniently decodes a notification whose fields are not all of the type that
// Amazon documents (containment rule 1 and 4: an odd field costs itself). A value
// that says the same in another type is read: true, 7 and a date as text. Any
// other is left out and counted in d.odd. Whether what is left identifies the
// order or feed is checked later, as ever.
//
// It is the second try of a body that did not decode, so that an ordinary one
// costs nothing more.
func (d *decoder) leniently() error {
	d.in, d.odd = notification{}, d.odd[:0]
	return json.Unmarshal(d.buf, &d.in, jsontext.AllowInvalidUTF8(true), json.WithUnmarshalers(json.JoinUnmarshalers(
		json.UnmarshalFromFunc(odd(d, "a string", readText)),
		json.UnmarshalFromFunc(odd(d, "a whole number of 32 bits", readNumber)),
		json.UnmarshalFromFunc(odd(d, "a whole number of 32 bits", pointer(readNumber))),
		json.UnmarshalFromFunc(odd(d, "true or false", pointer(readFlag))),
		json.UnmarshalFromFunc(odd(d, "an ISO 8601 time", readTime)),
		json.UnmarshalFromFunc(strangers[[]string](d, '[')),
		json.UnmarshalFromFunc(strangers[[]orderItem](d, '[')),
		json.UnmarshalFromFunc(strangers[orderItem](d, '{')),
		json.UnmarshalFromFunc(strangers[orderSummary](d, '{')),
		json.UnmarshalFromFunc(strangers[orderTrigger](d, '{')),
		json.UnmarshalFromFunc(strangers[orderChange](d, '{')),
		json.UnmarshalFromFunc(strangers[orderStatusChange](d, '{')),
		json.UnmarshalFromFunc(strangers[feedProcessingFinished](d, '{')),
		json.UnmarshalFromFunc(strangers[payload](d, '{')),
		json.UnmarshalFromFunc(strangers[camelPayload](d, '{')),
		json.UnmarshalFromFunc(strangers[metadata](d, '{')),
		json.UnmarshalFromFunc(strangers[camelMetadata](d, '{')),
	)))
}

// oddity is a field whose value is not as Amazon documents it.
type oddity struct {
	field string // as a JSON pointer, with * for the index in an array
	what  string
}

// maxOddities bounds what is remembered of one body; the rest has the same names.
const maxOddities = 100

// found notes the value that was read last.
func (d *decoder) found(dec *jsontext.Decoder, wanted string, kind jsontext.Kind) {
	if len(d.odd) == maxOddities {
		return
	}
	field := regexp.MustCompile(`/[0-9]+`).ReplaceAllString(string(dec.StackPointer()), "/*")
	d.odd = append(d.odd, oddity{field, fmt.Sprintf("%s must be %s, not %s", dec.StackPointer(), wanted, kindName(kind))})
}

// oddities returns what was left out, for a letter; "" for nothing.
func (d *decoder) oddities() string {
	const shown = 3
	var b strings.Builder
	for i, o := range d.odd {
		if i == shown {
			fmt.Fprintf(&b, " (and %d more)", len(d.odd)-shown)
			break
		}
		b.WriteString("; " + o.what)
	}
	return b.String()
}

// odd reads a value of any type into a T where read can. exact is false of a
// value that is not as documented, known of one that says nothing.
func odd[T any](d *decoder, wanted string, read func(jsontext.Value, *T) (exact, known bool)) func(*jsontext.Decoder, *T) error {
	return func(dec *jsontext.Decoder, v *T) error {
		value, err := dec.ReadValue()
		if err != nil {
			return err
		}
		kind := value.Kind()
		exact, known := read(value, v)
		if !known {
			var none T
			*v = none
		}
		if !exact && kind != 'n' {
			d.found(dec, wanted, kind)
		}
		return nil
	}
}

// strangers leaves a value out that is not of the kind of a T: an object or array.
func strangers[T any](d *decoder, wanted jsontext.Kind) func(*jsontext.Decoder, *T) error {
	return func(dec *jsontext.Decoder, v *T) error {
		kind := dec.PeekKind()
		if kind == wanted || kind == 'n' {
			return errors.ErrUnsupported
		}
		if err := dec.SkipValue(); err != nil {
			return err
		}
		var none T
		*v = none
		d.found(dec, kindName(wanted), kind)
		return nil
	}
}

// pointer reads a field that can be absent.
func pointer[T any](read func(jsontext.Value, *T) (exact, known bool)) func(jsontext.Value, **T) (exact, known bool) {
	return func(value jsontext.Value, v **T) (exact, known bool) {
		*v = new(T)
		return read(value, *v)
	}
}

func readText(value jsontext.Value, v *string) (exact, known bool) {
	switch value.Kind() {
	case '"':
		text, err := jsontext.AppendUnquote(nil, value)
		*v = strings.ToValidUTF8(string(text), "\uFFFD")
		return err == nil, true
	case '0', 't', 'f':
		*v = string(value)
		return false, true
	}
	return false, false
}

func readNumber(value jsontext.Value, v *int32) (exact, known bool) {
	n, err := strconv.ParseInt(string(bytes.Trim(value, `"`)), 10, 32)
	*v = int32(n)
	return err == nil && value.Kind() == '0', err == nil
}

func readFlag(value jsontext.Value, v *bool) (exact, known bool) {
	switch strings.ToLower(string(bytes.Trim(value, `"`))) {
	case "true":
		*v = true
	case "false":
		*v = false
	default:
		return false, false
	}
	return value.Kind() != '"', true
}

func readTime(value jsontext.Value, v *timestamp) (exact, known bool) {
	if err := json.Unmarshal(value, v); err == nil {
		return true, true
	}
	text := string(bytes.Trim(value, `"`))
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", time.DateTime} {
		if t, err := time.Parse(layout, text); err == nil && v.set(t) == nil {
			return false, true // without a zone it is taken for UTC, as all of Amazon's are
		}
	}
	return false, false
}
