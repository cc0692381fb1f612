package answers

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// custom gives a value to a type that reads it itself, unless it is too long.
func (r *reader) custom(into json.Unmarshaler, rule rule, at *step) *Error {
	start := r.pos
	r.skip()
	raw := r.data[start:r.pos]
	if len(raw) > rule.text() {
		return at.fails("has more than %d bytes", rule.text())
	}
	if into.UnmarshalJSON(raw) != nil {
		return at.fails("cannot be read")
	}
	return nil
}

// text reads text, and a number or a boolean as it is written. A number with an
// exponent is refused: whoever reads the amount does not expect that form.
func (r *reader) text(v reflect.Value, rule rule, at *step) *Error {
	var text string
	switch r.data[r.pos] {
	case '"':
		text = unquote(r.quoted())
	case '{', '[':
		return at.fails("is %s where text belongs", r.kind())
	default:
		raw := r.literal()
		if bytes.ContainsAny(raw[1:], "eE") && raw[0] != 't' && raw[0] != 'f' {
			return at.fails("is a number with an exponent where text belongs")
		}
		text = string(raw)
		r.note(at, Converted)
	}
	limit := rule.text()
	switch {
	case len(text) <= limit:
	case rule.cut > 0:
		text = cut(text, limit)
		r.note(at, Cut)
	default:
		return at.fails("has more than %d bytes", limit)
	}
	v.SetString(text)
	return nil
}

// cut shortens text to so many bytes, "…" included.
func cut(text string, limit int) string {
	const end = "…"
	text = text[:max(0, limit-len(end))]
	for len(text) > 0 {
		if r, size := utf8.DecodeLastRuneInString(text); r != utf8.RuneError || size != 1 {
			break
		}
		text = text[:len(text)-1]
	}
	// The text goes on to be kept: without a copy all of it would be.
	return strings.Clone(text) + end
}

// unquote is the text of a JSON string.
func unquote(raw []byte) string {
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner)
	}
	var text string
	_ = json.Unmarshal(raw, &text) // it is valid JSON
	return text
}

// time reads a time in RFC 3339. An optional one may also lack its zone, which
// is then UTC, or be a date; of a required one no instant is guessed. The first of
// the year 1 is how other programs write that there is none; nothing at Amazon is
// older than 1970.
func (r *reader) time(v reflect.Value, rule rule, at *step) *Error {
	if r.data[r.pos] != '"' {
		return at.fails("is %s where a time belongs", r.kind())
	}
	text := unquote(r.quoted())
	layouts := []string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05", time.DateTime, time.DateOnly}
	if rule.required {
		layouts = layouts[:2]
	}
	for i, layout := range layouts {
		t, err := time.Parse(layout, text)
		if err != nil || len(text) > 64 {
			continue
		}
		if year := t.UTC().Year(); year < 1970 || year > 9999 {
			break
		}
		if i > 0 {
			r.note(at, Converted)
		}
		v.Set(reflect.ValueOf(t))
		return nil
	}
	if text == "" {
		return at.fails("is empty where a time belongs")
	}
	return at.fails("is text that is no time such as 2026-11-29T12:00:00Z")
}

func (r *reader) boolean(v reflect.Value, at *step) *Error {
	switch r.data[r.pos] {
	case 't', 'f':
		v.SetBool(r.literal()[0] == 't')
		return nil
	case '"':
		if b, err := strconv.ParseBool(strings.ToLower(unquote(r.quoted()))); err == nil {
			v.SetBool(b)
			r.note(at, Converted)
			return nil
		}
		return at.fails("is text where a boolean belongs")
	}
	return at.fails("is %s where a boolean belongs", r.kind())
}

// integer reads a whole number, also one that is written as text or with a
// fraction of zeros.
func (r *reader) integer(v reflect.Value, at *step) *Error {
	var text string
	switch kind := r.kind(); kind {
	case "text":
		text = unquote(r.quoted())
	case "a number":
		text = string(r.literal())
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && !v.OverflowInt(n) {
			v.SetInt(n)
			return nil
		}
	default:
		return at.fails("is %s where a whole number belongs", kind)
	}
	// A float64 holds whole numbers up to 2^53.
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n != math.Trunc(n) || math.Abs(n) > 1<<53 || v.OverflowInt(int64(n)) {
		return at.fails("is no whole number, or is too large")
	}
	v.SetInt(int64(n))
	r.note(at, Converted)
	return nil
}

// number reads a number, also one that is written as text.
func (r *reader) number(v reflect.Value, at *step) *Error {
	var text string
	switch kind := r.kind(); kind {
	case "text":
		text = unquote(r.quoted())
		r.note(at, Converted)
	case "a number":
		text = string(r.literal())
	default:
		return at.fails("is %s where a number belongs", kind)
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return at.fails("is no number, or is too large")
	}
	v.SetFloat(n)
	return nil
}
