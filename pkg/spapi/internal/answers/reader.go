package answers

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"
)

// reader walks over JSON that is known to be valid. Its methods expect the
// position at a value's first byte; unless they fail, they leave it behind the
// value's last.
type reader struct {
	decoder  *Decoder
	data     []byte
	pos      int
	elements int // of lists, so far
	oddities []Oddity
	kept     *kept // by the Keeper that is being read; nil for none
}

// step is a part of the path to a value: a field's name, or an element's index.
type step struct {
	above *step
	name  string
	index int // in the answer
	place int // among those that were read
}

// How a path shows the elements of lists.
type elements int

const (
	without elements = iota
	indexes
	places
)

// path is the step's JSON path from below a step above it, nil for all of it.
func (s *step) path(from *step, show elements) string {
	if s == from {
		return ""
	}
	above := s.above.path(from, show)
	switch {
	case s.name == "" && show == indexes:
		return above + "[" + strconv.Itoa(s.index) + "]"
	case s.name == "" && show == places:
		return above + "[" + strconv.Itoa(s.place) + "]"
	case s.name == "":
		return above + "[]"
	case above == "":
		return s.name
	}
	return above + "." + s.name
}

func (s *step) fails(format string, args ...any) *Error {
	return &Error{Path: s.path(nil, indexes), Reason: fmt.Sprintf(format, args...)}
}

func (r *reader) note(at *step, kind Kind) {
	r.odd(at.path(nil, without), kind)
	if r.kept != nil && kind != Converted {
		r.kept.lose(at.path(r.kept.at, without))
	}
}

func (r *reader) odd(path string, kind Kind) {
	o := Oddity{path, kind}
	if !slices.Contains(r.oddities, o) { // they are few: the model has few paths
		r.oddities = append(r.oddities, o)
	}
}

// value reads a value that is not null.
func (r *reader) value(v reflect.Value, rule rule, at *step) *Error {
	if v.Kind() == reflect.Pointer {
		target := reflect.New(v.Type().Elem())
		if err := r.value(target.Elem(), rule, at); err != nil {
			return err
		}
		v.Set(target)
		return nil
	}
	if _, ok := v.Addr().Interface().(*time.Time); ok {
		return r.time(v, rule, at)
	}
	if custom, ok := v.Addr().Interface().(json.Unmarshaler); ok {
		return r.custom(custom, rule, at)
	}
	switch v.Kind() {
	case reflect.Struct:
		return r.object(v, at)
	case reflect.Slice:
		return r.list(v, rule, at)
	case reflect.String:
		return r.text(v, rule, at)
	case reflect.Bool:
		return r.boolean(v, at)
	case reflect.Int, reflect.Int32, reflect.Int64:
		return r.integer(v, at)
	case reflect.Float64:
		return r.number(v, at)
	case reflect.Interface: // of an answer that nobody reads
		r.skip()
		return nil
	}
	panic(fmt.Sprintf("answers: no value is read into a %s", v.Type()))
}

// object reads all fields, whatever fails: an element of a partial list is kept
// with those that could be read.
func (r *reader) object(v reflect.Value, at *step) *Error {
	if r.data[r.pos] != '{' {
		return at.fails("is %s where an object belongs", r.kind())
	}
	r.pos++
	s := r.decoder.shape(v.Type())
	if s.keeps {
		defer r.keep(v.Addr().Interface().(Keeper), at)()
	}
	there := make([]bool, len(s.fields))
	var first *Error
	for r.space(); r.data[r.pos] != '}'; r.separator() {
		name := r.key()
		i := s.find(name)
		if i < 0 {
			r.unknown(at, name)
			continue
		}
		f := &s.fields[i]
		ok, err := r.field(v.Field(f.index), f, &step{above: at, name: f.name})
		there[i] = ok
		switch {
		case err != nil && err.whole:
			return err
		case err != nil && first == nil:
			first = err
		}
	}
	r.pos++
	for i := range s.fields {
		if first == nil && s.fields[i].required && !there[i] {
			first = (&step{above: at, name: s.fields[i].name}).fails("is missing")
		}
	}
	return first
}

// field reads a field's value, and reports whether it is there.
func (r *reader) field(v reflect.Value, f *field, at *step) (there bool, err *Error) {
	v.SetZero() // the last of two fields of one name counts
	if r.null() {
		return false, nil
	}
	start, mark := r.pos, r.kept.mark()
	err = r.value(v, f.rule, at)
	if err == nil {
		return true, nil
	}
	if err.whole {
		return false, err
	}
	r.pos = start
	r.kept.forget(mark)
	r.skip()
	if f.firm() {
		return true, err
	}
	v.SetZero()
	r.note(at, LeftOut)
	return false, nil
}

func (r *reader) list(v reflect.Value, rule rule, at *step) *Error {
	if r.data[r.pos] != '[' {
		return at.fails("is %s where a list belongs", r.kind())
	}
	r.pos++
	// Grown by append: how many elements come is not known.
	v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	index := 0
	for r.space(); r.data[r.pos] != ']'; r.separator() {
		if r.elements++; r.elements > maxElements {
			return &Error{Path: at.path(nil, indexes), Reason: fmt.Sprintf("makes the answer's lists hold more than %d elements", maxElements), whole: true}
		}
		if v.Len() == rule.list() {
			if rule.firm() {
				return at.fails("holds more than %d elements", rule.list())
			}
			r.note(at, Cut)
			r.skip()
			continue
		}
		if err := r.element(v, rule, &step{above: at, index: index, place: v.Len()}); err != nil {
			return err
		}
		index++
	}
	r.pos++
	return nil
}

func (r *reader) element(list reflect.Value, rule rule, at *step) *Error {
	element := reflect.New(list.Type().Elem()).Elem()
	start, mark := r.pos, r.kept.mark()
	var err *Error
	if r.null() {
		err = at.fails("is null")
	} else {
		err = r.value(element, rule.ofElement(), at)
	}
	if err != nil {
		if err.whole || rule.firm() && !rule.partial {
			return err
		}
		r.pos = start
		r.skip()
		r.note(at, LeftOut)
		if !rule.partial {
			r.kept.forget(mark)
			return nil
		}
	}
	list.Set(reflect.Append(list, element))
	return nil
}

// ofElement is the rule of a list's elements. The bound of the list is for its length
// alone.
func (r rule) ofElement() rule { return rule{required: r.firm()} }

// null reads null, if that is the value.
func (r *reader) null() bool {
	if r.data[r.pos] != 'n' {
		return false
	}
	r.pos += len("null")
	return true
}

// kind names the type of the value.
func (r *reader) kind() string {
	switch r.data[r.pos] {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "text"
	case 't', 'f':
		return "a boolean"
	}
	return "a number"
}

// space passes over white space.
func (r *reader) space() {
	for r.pos < len(r.data) {
		switch r.data[r.pos] {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return
		}
	}
}

// separator goes from a value's end to the next one, or to the end of what holds it.
func (r *reader) separator() {
	r.space()
	if r.data[r.pos] == ',' {
		r.pos++
		r.space()
	}
}

// key reads a field's name and goes on to its value. The name is as written,
// except for one with escapes.
func (r *reader) key() []byte {
	raw := r.quoted()
	r.space()
	r.pos++ // the colon
	r.space()
	if slices.Contains(raw, '\\') {
		var name string
		if json.Unmarshal(raw, &name) == nil {
			return []byte(name)
		}
	}
	return raw[1 : len(raw)-1]
}

// quoted passes over text and returns it as written, quotes included.
func (r *reader) quoted() []byte {
	start := r.pos
	for r.pos++; r.data[r.pos] != '"'; r.pos++ {
		if r.data[r.pos] == '\\' {
			r.pos++
		}
	}
	r.pos++
	return r.data[start:r.pos]
}

// literal passes over a number or a boolean and returns it as written.
func (r *reader) literal() []byte {
	start := r.pos
	for r.pos < len(r.data) {
		switch r.data[r.pos] {
		case ',', ']', '}', ' ', '\t', '\n', '\r':
			return r.data[start:r.pos]
		}
		r.pos++
	}
	return r.data[start:r.pos]
}

// skip passes over a value of any type.
func (r *reader) skip() {
	for depth := 0; ; {
		switch r.data[r.pos] {
		case '{', '[':
			depth++
			r.pos++
		case '}', ']':
			depth--
			r.pos++
		case '"':
			r.quoted()
		case ',', ':', ' ', '\t', '\n', '\r':
			r.pos++
			continue
		default:
			r.literal()
		}
		if depth == 0 {
			return
		}
	}
}
