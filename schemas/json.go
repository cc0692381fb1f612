package schemas

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/avro"
)

// timeLayout is RFC 3339 with exactly three decimals, as in "2026-11-23T13:29:04.120Z".
const timeLayout = "2006-01-02T15:04:05.000Z"

// AppendJSON appends the JSON form of a record to dst. The same record always
// gives the same bytes: fields stand in the schema's order, times are UTC with
// milliseconds, map keys are sorted, bytes are base64, empty arrays are [] and
// fields that are null are left out. encoding/json reads it back into the
// generated types.
//
// value is a pointer to a generated type, or what a schema unknown to this
// version decodes to (map[string]any and what is in it).
func AppendJSON(dst []byte, value any) ([]byte, error) {
	return appendValue(dst, reflect.ValueOf(value))
}

func appendValue(dst []byte, v reflect.Value) ([]byte, error) {
	switch v.Kind() {
	case reflect.Invalid:
		return append(dst, "null"...), nil
	case reflect.String:
		return appendString(dst, v.String())
	case reflect.Int32:
		return strconv.AppendInt(dst, v.Int(), 10), nil
	case reflect.Bool:
		return strconv.AppendBool(dst, v.Bool()), nil
	case reflect.Interface:
		return appendValue(dst, v.Elem())
	case reflect.Map:
		return appendMap(dst, v)
	case reflect.Slice:
		return appendSlice(dst, v)
	case reflect.Struct, reflect.Pointer:
		return appendStructOrPointer(dst, v)
	}
	if span, ok := v.Interface().(time.Duration); ok { // a foreign schema's time of day
		return appendString(dst, span.String())
	}
	return appendScalar(dst, v.Interface())
}

func appendStructOrPointer(dst []byte, v reflect.Value) ([]byte, error) {
	switch v.Type() {
	case reflect.TypeFor[time.Time]():
		dst = append(dst, '"')
		dst = timeIn(v).UTC().AppendFormat(dst, timeLayout)
		return append(dst, '"'), nil
	case reflect.TypeFor[*big.Rat](): // a foreign schema's decimal
		number := v.Interface().(*big.Rat)
		digits, _ := number.FloatPrec()
		return appendString(dst, number.FloatString(digits))
	case reflect.TypeFor[avro.Duration](): // a foreign schema's span of time
		return appendString(dst, v.Interface().(avro.Duration).String())
	}
	if v.Kind() == reflect.Pointer {
		return appendValue(dst, v.Elem())
	}
	return appendStruct(dst, v)
}

// timeIn is the time in v, without a copy on the heap where that can be.
func timeIn(v reflect.Value) time.Time {
	if v.CanAddr() {
		return *v.Addr().Interface().(*time.Time)
	}
	return v.Interface().(time.Time)
}

func appendStruct(dst []byte, v reflect.Value) ([]byte, error) {
	var err error
	dst = append(dst, '{')
	first := true
	for i := range v.NumField() {
		name, options, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if options == "omitzero" && isZero(v.Field(i)) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(append(append(dst, '"'), name...), '"', ':')
		if dst, err = appendValue(dst, v.Field(i)); err != nil {
			return dst, fmt.Errorf("%s: %w", name, err)
		}
	}
	return append(dst, '}'), nil
}

// isZero is encoding/json's omitzero: a time is zero in any zone.
func isZero(v reflect.Value) bool {
	if v.Type() == reflect.TypeFor[time.Time]() {
		return timeIn(v).IsZero()
	}
	return v.IsZero()
}

func appendMap(dst []byte, v reflect.Value) ([]byte, error) {
	keys := v.MapKeys()
	sort.Slice(keys, func(i, j int) bool { return keys[i].String() < keys[j].String() })
	var err error
	dst = append(dst, '{')
	for i, key := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendString(dst, key.String()); err != nil {
			return dst, err
		}
		dst = append(dst, ':')
		if dst, err = appendValue(dst, v.MapIndex(key)); err != nil {
			return dst, fmt.Errorf("%s: %w", key, err)
		}
	}
	return append(dst, '}'), nil
}

func appendSlice(dst []byte, v reflect.Value) ([]byte, error) {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, v.Bytes())
		return append(dst, '"'), nil
	}
	var err error
	dst = append(dst, '[')
	for i := range v.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendValue(dst, v.Index(i)); err != nil {
			return dst, fmt.Errorf("[%d]: %w", i, err)
		}
	}
	return append(dst, ']'), nil
}

// appendString writes text as it is where nothing in it needs escaping, as is
// nearly always so.
func appendString(dst []byte, s string) ([]byte, error) {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\' {
			return appendScalar(dst, s)
		}
	}
	return append(append(append(dst, '"'), s...), '"'), nil
}

// appendScalar leaves text as it is: "<" stays "<", which encoding/json would
// escape for the sake of HTML.
func appendScalar(dst []byte, value any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return dst, err
	}
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...), nil
}
