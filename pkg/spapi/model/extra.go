package model

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// MaxExtra bounds what is kept of an order's unknown fields, in bytes of path and value.
const MaxExtra = 16 << 10

// Unknown is a field of an answer that its model does not have.
type Unknown struct {
	Path  string  // below the order; lines and packages by their ids, such as orderItems[68828574383266].color
	Value Private // JSON; it may be about a person
}

// Odd reports whether a name of the path is none that Amazon would give: it may be data.
func (u Unknown) Odd() bool { return !UsualNames(u.unnumbered()) }

// OddName stands for names that Amazon would not give.
const OddName = "(odd name)"

// UsualNames reports whether a name, or the names of a path, are made as Amazon's are.
func UsualNames(path string) bool {
	digits := 0
	for _, c := range []byte(path) {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '.', c == '_', c == '[', c == ']':
		default:
			return false
		}
	}
	return path != "" && len(path) <= maxNames && digits < 4
}

// maxNames is more than any path of Amazon's has, in bytes.
const maxNames = 200

// Pattern is the path without the ids of lines and packages, and without odd names.
func (u Unknown) Pattern() string {
	if u.Odd() {
		return OddName
	}
	return u.unnumbered()
}

// unnumbered is the path without the ids of lines and packages.
func (u Unknown) unnumbered() string {
	var b strings.Builder
	for rest := u.Path; rest != ""; {
		before, after, found := strings.Cut(rest, "[")
		b.WriteString(before)
		if !found {
			break
		}
		b.WriteString("[]")
		_, rest, _ = strings.Cut(after, "]")
	}
	return b.String()
}

// ExtraJSON is an object of the values by their paths; "" for none.
func ExtraJSON(all []Unknown) string {
	if len(all) == 0 {
		return ""
	}
	fields := make(map[string]json.RawMessage, len(all))
	for _, u := range all {
		fields[u.Path] = json.RawMessage(u.Value.Reveal())
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)                   // which would make it up to six times as long
	if err := encoder.Encode(fields); err != nil { // sorted by path
		panic("model: a field of an answer that is no JSON") // it was decoded: a bug
	}
	return strings.TrimSuffix(text.String(), "\n")
}

// Keep takes what the decoder found in the answer besides the order's own fields: paths of
// those that it left out or cut, and unknown ones by their paths. It keeps as many of these
// as MaxExtra allows, in the order of their paths, and returns the patterns of the others.
func (o *Order) Keep(lost []string, unknown map[string][]byte) (over []string) {
	o.Incomplete = append(o.Incomplete, lost...)
	named := make(map[string][]byte, len(unknown))
	for _, path := range slices.Sorted(maps.Keys(unknown)) {
		name := o.name(path)
		if named[name] != nil { // two lines have one id
			name = path
		}
		named[name] = unknown[path]
	}
	size := 0
	for _, path := range slices.Sorted(maps.Keys(named)) {
		var value bytes.Buffer
		length := len(path) + len(named[path])
		if size+length > MaxExtra || json.Compact(&value, named[path]) != nil {
			over = append(over, Unknown{Path: path}.Pattern())
			continue
		}
		size += length
		// Invalid UTF-8 becomes longer by this, by no more than three times.
		o.Extra = append(o.Extra, Unknown{path, Private(strings.ToValidUTF8(value.String(), "\uFFFD"))})
	}
	o.Incomplete = append(o.Incomplete, over...)
	slices.Sort(o.Incomplete)
	o.Incomplete = slices.Compact(o.Incomplete)
	o.Incomplete = o.Incomplete[:min(len(o.Incomplete), maxIncomplete)]
	return slices.Compact(over)
}

// maxIncomplete bounds the number of paths in Order.Incomplete.
const maxIncomplete = 20

// name is a path with the id of its line or package for its place, which another answer
// about the same order may have otherwise.
func (o *Order) name(path string) string {
	list, rest, _ := strings.Cut(path, "[")
	place, rest, _ := strings.Cut(rest, "]")
	i, err := strconv.Atoi(place)
	switch {
	case err != nil:
	case list == "orderItems" && i < len(o.Items):
		return list + "[" + o.Items[i].OrderItemID + "]" + rest
	case list == "packages" && i < len(o.Packages):
		return list + "[" + o.Packages[i].PackageReferenceID + "]" + rest
	}
	return path
}
