package admin

import (
	"reflect"
	"slices"
	"strings"
	"time"
)

// What the endpoint reads and shows has durations written as Go writes them, such
// as "250ms". Its fields are those of the simulator's own types.

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
