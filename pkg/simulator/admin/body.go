package admin

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/exchange"
	"github.com/sellerstream/sellerstream/pkg/simulator/wire"
)

// What the endpoint reads and shows has durations written as Go writes them, such
// as "250ms". Its fields are those of the simulator's own types.

// bodyLimit bounds the bodies that the endpoint reads.
const bodyLimit = 8 << 20

// duration is a time.Duration that JSON writes as text.
type duration time.Duration

func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}

// worded is a struct whose durations are written as text.
func worded(v any) any {
	from := reflect.ValueOf(v)
	into := reflect.New(wordedType(from.Type())).Elem()
	convert(into, from)
	return into.Interface()
}

// wordedType is a type with duration in place of time.Duration, in structs and in
// what they point to.
func wordedType(t reflect.Type) reflect.Type {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return reflect.TypeFor[duration]()
	case t.Kind() == reflect.Pointer:
		return reflect.PointerTo(wordedType(t.Elem()))
	case t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]():
		return t
	}
	fields := reflect.VisibleFields(t)
	fields = slices.DeleteFunc(fields, func(f reflect.StructField) bool { return len(f.Index) > 1 })
	for i := range fields {
		fields[i].Type = wordedType(fields[i].Type)
	}
	return reflect.StructOf(fields)
}

// convert fills a value in from one whose type differs by its durations.
func convert(into, from reflect.Value) {
	switch {
	case from.CanConvert(into.Type()): // also a duration into the other
		into.Set(from.Convert(into.Type()))
	case from.Kind() == reflect.Struct:
		for i := range from.NumField() {
			convert(into.Field(i), from.Field(i))
		}
	case !from.IsNil():
		into.Set(reflect.New(into.Type().Elem()))
		convert(into.Elem(), from.Elem())
	}
}

// fieldsOf lists the JSON fields of a struct.
func fieldsOf(t reflect.Type) string {
	var fields []string
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
			fields = append(fields, name)
		}
	}
	return strings.Join(fields, ", ")
}

// number reads a count out of a query; nothing is 0.
func number(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number", text)
	}
	return n, nil
}

// readJSON reads a request's body strictly, or answers 400.
func readJSON(w http.ResponseWriter, r *http.Request, v any) bool {
	into := reflect.ValueOf(v).Elem()
	body := reflect.New(wordedType(into.Type()))
	if err := wire.Decode(http.MaxBytesReader(w, r.Body, bodyLimit), body.Interface()); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			err = fmt.Errorf("%s cannot be a %s (a duration is text, such as \"250ms\")", wrong.Field[strings.LastIndex(wrong.Field, ".")+1:], wrong.Value)
		}
		writeError(w, http.StatusBadRequest, fmt.Errorf("read the request's body: %w; its fields are %s; GET /_simulator/ explains them", err, fieldsOf(into.Type())))
		return false
	}
	convert(into, body.Elem())
	return true
}

func writeError(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, map[string]string{"error": err.Error()})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", exchange.JSONType)
	w.WriteHeader(status)
	_, _ = w.Write(append(wire.JSON(v), '\n')) // the caller may have gone away
}

// writeLines answers with one JSON value a line.
func writeLines[T any](w http.ResponseWriter, values []T) {
	w.Header().Set("Content-Type", "application/jsonl")
	out := bufio.NewWriter(w)
	encoder := json.NewEncoder(out)
	for i := range values {
		if encoder.Encode(&values[i]) != nil {
			return // the caller went away
		}
	}
	_ = out.Flush()
}
