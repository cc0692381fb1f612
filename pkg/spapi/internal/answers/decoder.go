package answers

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
)

const (
	defaultText = 1024 // bytes
	defaultList = 1000 // elements
	// maxElements bounds the elements of all lists of an answer together. The
	// largest honest answer is an order of 1,000 lines with all their breakdowns.
	maxElements = 100_000
	maxName     = 100 // bytes of a field's name
)

// Kind is what became of a field that was odd.
type Kind string

// The kinds.
const (
	Converted Kind = "converted" // it had another type, and lost nothing
	LeftOut   Kind = "left_out"  // it could not be read
	Cut       Kind = "cut"       // it was too long
	// Unknown ones are not in the model: where a Keeper is above them, it keeps them.
	Unknown    Kind = "unknown"
	UnknownCut Kind = "unknown_left_out" // the Keeper had no room for it
)

// Oddity is a field that was not taken over as it was. Path is the model's, such
// as order.orderItems[].product.title. The last name of an unknown one is the answer's.
type Oddity struct {
	Path string
	Kind Kind
}

// Keeper is an object that is told, when it has been read, what became of the fields in it,
// however deep. The paths begin below it. lost are those of the model that were left out or
// cut, unknown are JSON values that the model has no field for; indexes in their paths are
// those of the lists as they were read. The values are parts of the answer. It returns the
// paths, without indexes, of those that it does not keep.
type Keeper interface {
	Keep(lost []string, unknown map[string][]byte) (over []string)
}

// Error describes why an answer cannot be used. It quotes no value of the answer,
// which could be a buyer's.
type Error struct {
	Path   string // such as order.orderItems[3].orderItemId; "" for the answer as a whole
	Reason string
	whole  bool // the answer is over a bound: no field's leniency helps
}

// Error is one line.
func (e *Error) Error() string {
	if e.Path == "" {
		return "the answer " + e.Reason
	}
	return "field " + e.Path + " of the answer " + e.Reason
}

// Decoder decodes answers. The zero Decoder is ready to use. It is safe for
// concurrent use.
type Decoder struct {
	shapes sync.Map // reflect.Type to *shape
}

// Decode reads body into what into points to. Its error is an *Error.
func (d *Decoder) Decode(body []byte, into any) ([]Oddity, error) {
	if !json.Valid(body) {
		return nil, &Error{Reason: invalid(body)}
	}
	r := reader{decoder: d, data: body}
	r.space()
	target := reflect.ValueOf(into).Elem()
	target.SetZero()
	if r.null() {
		return nil, &Error{Reason: "is null"}
	}
	if err := r.value(target, rule{}, nil); err != nil {
		return nil, err
	}
	return r.oddities, nil
}

// invalid returns where body stops being JSON.
func invalid(body []byte) string {
	var syntax *json.SyntaxError
	if errors.As(json.Unmarshal(body, new(json.RawMessage)), &syntax) {
		return fmt.Sprintf("is not JSON at byte %d", syntax.Offset)
	}
	return "is not JSON"
}

// rule is what the tag of a field says.
type rule struct {
	required, strict, partial bool
	max, cut                  int // 0 for the default; for no cut
}

// firm reports whether the field must be readable if it is present.
func (r rule) firm() bool { return r.required || r.strict }

// list is the largest number of elements.
func (r rule) list() int {
	if r.max > 0 {
		return r.max
	}
	return defaultList
}

// text is the largest number of bytes.
func (r rule) text() int {
	switch {
	case r.cut > 0:
		return r.cut
	case r.max > 0:
		return r.max
	}
	return defaultText
}

// shape is what is known of a struct.
type shape struct {
	fields []field
	keeps  bool // it is a Keeper
}

type field struct {
	index int
	name  string
	rule
}

// find is the place of a field by its name in JSON. As with encoding/json, an
// exact match comes first.
func (s *shape) find(name []byte) int {
	for i := range s.fields {
		if s.fields[i].name == string(name) {
			return i
		}
	}
	if len(name) > maxName {
		return -1
	}
	return slices.IndexFunc(s.fields, func(f field) bool { return strings.EqualFold(f.name, string(name)) })
}

func (d *Decoder) shape(t reflect.Type) *shape {
	if known, ok := d.shapes.Load(t); ok {
		return known.(*shape)
	}
	s := &shape{keeps: reflect.PointerTo(t).Implements(reflect.TypeFor[Keeper]())}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != "" && name != "-" {
			s.fields = append(s.fields, field{i, name, parseRule(t, f)})
		}
	}
	known, _ := d.shapes.LoadOrStore(t, s)
	return known.(*shape)
}

// parseRule panics on a tag that it does not know: that is a bug, and each type's
// tests find it.
func parseRule(t reflect.Type, f reflect.StructField) rule {
	var r rule
	for _, part := range strings.Split(f.Tag.Get("answer"), ",") {
		var known bool
		switch part {
		case "":
			known = true
		case "required":
			r.required, known = true, true
		case "strict":
			r.strict, known = true, true
		case "partial":
			r.partial, known = true, true
		default:
			for name, into := range map[string]*int{"max": &r.max, "cut": &r.cut} {
				if n, err := fmt.Sscanf(part, name+"=%d", into); n == 1 && err == nil {
					known = true
				}
			}
		}
		if !known {
			panic(fmt.Sprintf("answers: field %s of %s has the unknown rule %q", f.Name, t, part))
		}
	}
	return r
}
